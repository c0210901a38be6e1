// The browser kit in a real Chromium, at a real relay and the simulator: tokens, lost sockets, what waits, and problems that say what to do.
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Browser, chromiumPath, complaintsOf, openBrowser } from '../support/chromium.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'
import { type KitPages, type Network, networkTo, serveKit } from './kit-page.js'

const reason = chromiumPath() ? '' : ' (skipped: Chromium not installed)'

interface Seen {
  readonly code?: number | string
  readonly message: string
  readonly advice: string
  readonly fatal: boolean
  readonly state?: string
  readonly type?: string
}

describe.skipIf(!chromiumPath())(`the browser kit${reason}`, { timeout: 25_000 }, () => {
  let browser: Browser
  let pages: KitPages
  let running: RunningRelay
  let network: Network
  let page: Page

  beforeAll(async () => {
    pages = await serveKit()
    running = await runRelay({ env: { ALLOWED_ORIGINS: pages.origin, REFUSE_AFTER_UPGRADE: 'true', RESUME_SECONDS: '20', JWT_CLOCK_TOLERANCE_S: '0' } })
    network = await networkTo(Number(new URL(running.wsUrl).port))
    browser = await openBrowser()
  })
  afterEach(async () => {
    await page?.close()
    network.up()
    pages.policy = "'self'"
  })
  afterAll(async () => {
    await browser?.close()
    network?.close()
    pages?.close()
    await running?.close()
  })

  /** A page whose tokens are a user's of its own. */
  async function open(options = '', { seconds = 600, claims = { relayEvents: true }, before = '' }: { seconds?: number; claims?: object; before?: string } = {}): Promise<void> {
    const user = `user-${Math.random()}`
    pages.token = () => running.token(user, claims as Record<string, unknown>, seconds)
    pages.asked = 0
    page = await pages.open(browser, `{ url: 'ws://localhost:${network.port}/v1/realtime', ${options} }`, before)
  }
  const run = <T>(script: string) => page.evaluate<T>(script)
  /** Its answer comes after the ticket for coming back, which the kit keeps for itself. */
  const openToComeBack = (times = 1) => run(`relay.open(); relay.send({ type: 'relay.quota.get' }); until('event', ({ type }) => type === 'relay.quota', ${times})`)
  const seen = (kind: string) => run<Seen[]>(`seen('${kind}')`)
  const states = async () => (await seen('state')).map(({ state }) => state)
  const problems = async () => (await seen('problem')).map(({ code }) => code)
  const answered = (text: string, times = 1) =>
    run(`until('event', ({ type, transcript }) => type === 'response.output_audio_transcript.done' && transcript.includes('${text}'), ${times})`)
  const problem = (code: string | number) => run<Seen>(`until('problem', ({ code }) => code === ${JSON.stringify(code)})`)
  const items = (text: string) => running.simulator.conversations().flatMap(({ items }) => items.filter((item) => JSON.stringify(item).includes(text)))

  it('opens, says, is answered, and closes, without a complaint of a strict policy', async () => {
    await open()
    const complaints = complaintsOf(page)
    expect(await run('[relay.state, relay.listening, relay.speaking]')).toEqual(['closed', false, false])
    await run('relay.open()')
    await run(`relay.say('Hello there')`)
    await answered('Hello there')
    await run('relay.close()')
    expect(await states()).toEqual(['connecting', 'open', 'closed'])
    expect(await problems()).toEqual([])
    expect(await seen('violation')).toEqual([])
    expect(complaints).toEqual([])
    expect(await run(`seen('sent').map(({ type }) => type)`)).toEqual(['conversation.item.create', 'response.create'])
  })

  it('opens by itself for what is said, and calls listeners until they are taken off, whatever one of them does', async () => {
    await open()
    await run(`
      globalThis.heard = []
      const off = relay.on('session.created', () => heard.push('taken off'))
      off()
      relay.on('response.done', () => { throw new Error('mine') })
      relay.on('response.done', ({ response }) => heard.push(response.status))
      relay.say('One')`)
    await answered('One')
    await expect.poll(() => run('heard')).toEqual(['completed'])
  })

  it('asks for a token before each dial', async () => {
    await open()
    await openToComeBack()
    expect(pages.asked).toBe(1)
    network.cut()
    await run(`until('state', ({ state }) => state === 'open', 2)`)
    expect(pages.asked).toBe(2)
    await run('relay.close(); relay.open()')
    expect(pages.asked).toBe(3)
  })

  it('asks again if token() fails before the end, and says so if the fresh one is another user’s', async () => {
    await open('', { seconds: 8 })
    await run('relay.open()')
    pages.token = () => Promise.reject(new Error('the back end is away'))
    await problem('token')
    const user = running.token
    pages.token = () => user('somebody else')
    await run(`until('problem', ({ code }) => code !== 'token')`)
    expect((await seen('problem')).at(-1)).toMatchObject({ code: 'forbidden', message: 'The token belongs to somebody else.', fatal: false })
  })

  it('refreshes its token in the session, and again', async () => {
    await open('', { seconds: 4 })
    await run('relay.open()')
    await run(`until('event', ({ type }) => type === 'relay.token.refreshed', 2)`)
    await run(`relay.say('Still here')`)
    await answered('Still here')
    expect(await problems()).toEqual([])
    expect(await run(`seen('sent').some(({ type }) => type === 'relay.token.refresh')`)).toBe(false)
  })

  it('says what to do if the relay does not let a token be refreshed', async () => {
    await open('', { seconds: 3, claims: {} })
    await run('relay.open()')
    expect(await problem(4401)).toMatchObject({ fatal: true, message: 'A valid token is required.', advice: 'Let token() return a new one.' })
    expect(await states()).toEqual(['connecting', 'open', 'closed'])
    expect(await problems()).toEqual([4401])
    await run('relay.open()')
    expect(await run('relay.state')).toBe('open')
  })

  it.each([
    ['rejects', `token: () => Promise.reject(new Error('no session'))`],
    ['throws', `token: () => { throw new Error('no session') }`],
  ])('says so if token() %s, and rejects', async (_how, token) => {
    await open(token)
    expect(await run('relay.open().catch((problem) => [problem instanceof Error, problem.code, problem.fatal, problem.cause.message])')).toEqual([
      true,
      'token',
      true,
      'no session',
    ])
    expect(await states()).toEqual(['connecting', 'closed'])
    expect((await problem('token')).message).toMatch(/token\(\) failed/)
  })

  it('does not wait longer than ten seconds for a token', async () => {
    await open('token: () => new Promise(() => undefined)', {})
    await page.clock.install()
    await run('void relay.open()')
    await page.clock.fastForward(9000)
    expect(await problems()).toEqual([])
    await page.clock.fastForward(1500)
    await problem('token')
    expect(await run('relay.state')).toBe('closed')
  })

  it.each([
    ['an address that is none', `url: 'relay'`, 'address'],
    ['a token that no header can carry', `token: () => 'two words'`, 'address'],
    ['a port where nobody is', `url: 'ws://localhost:9/v1/realtime'`, 1006],
  ])('says what is wrong with %s', async (_what, option, code) => {
    await open(option)
    expect(await run('relay.open().catch(({ code, fatal }) => [code, fatal])')).toEqual([code, true])
    expect((await problem(code)).advice).toMatch(/Check url/)
  })

  it('tells an error in a session that goes on, and hides those of its own making', async () => {
    await open()
    await run('relay.open()')
    await run(`relay.send({ type: 'conversation.item.delete', item_id: 'item_unknown' })`)
    const { code, fatal, message } = await run<Seen>(`until('problem')`)
    expect([typeof code, fatal]).toEqual(['string', false])
    expect(message).not.toBe('')
    await run(`relay.send({ type: 'response.cancel' })`)
    await run(`until('event', ({ type }) => type === 'error', 2)`)
    expect(await problems()).toHaveLength(1)
  })

  it('keeps what is sent without a network, and sends it once, in order', async () => {
    await open()
    await openToComeBack()
    network.down()
    await run(`until('state', ({ state }) => state === 'away')`)
    await run(
      `for (const word of ['kept one', 'kept two']) relay.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: word }] } })`,
    )
    await run(`relay.say('kept three')`)
    network.up()
    await answered('kept three')
    for (const word of ['kept one', 'kept two', 'kept three']) expect(items(`"text":"${word}"`)).toHaveLength(1)
    expect(await states()).toEqual(['connecting', 'open', 'away', 'open'])
    expect(await problems()).toEqual([])
  })

  it('comes back at once when the network does, whatever pause is left', async () => {
    await open()
    await page.clock.install()
    await openToComeBack()
    network.down()
    await run(`until('state', ({ state }) => state === 'away')`)
    await expect.poll(() => run('asks')).toBeGreaterThan(2)
    // No pause ends any more.
    await page.clock.pauseAt((await run<number>('Date.now()')) + 1000)
    network.up()
    await run(`dispatchEvent(new Event('online'))`)
    await run(`until('state', ({ state }) => state === 'open', 2)`)
    // The next test's page has the same clock.
    await page.clock.resume()
  })

  it.each(['online', 'offline'])('gives up a socket that may be dead at %s, and goes on with the same session', async (type) => {
    await open()
    await openToComeBack()
    await run(`dispatchEvent(new Event('${type}'))`)
    await run(`until('state', ({ state }) => state === 'open', 2)`)
    expect(await run(`seen('event', ({ type }) => type === 'session.created').length`)).toBe(1)
  })

  it('notices that the machine slept', async () => {
    await open()
    await openToComeBack()
    await page.clock.install()
    await run('relay.close()')
    await openToComeBack(2)
    await page.clock.fastForward(15_000)
    expect(await run('relay.state')).toBe('open')
    await page.clock.fastForward(200_000)
    await run(`until('state', ({ state }) => state === 'away')`)
  })

  it('drops the oldest of what waits beyond a thousand events, and says so', async () => {
    await open()
    await run(`
      globalThis.item = (text) => relay.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
      item('too old')
      item('too old')
      item('just kept')
      for (let at = 0; at < 998; at++) relay.send({ type: 'input_audio_buffer.clear', event_id: 'e' + at })
      item('the last')`)
    expect(await problems()).toEqual(['full'])
    expect((await problem('full')).advice).toMatch(/Send less/)
    await run('relay.open()')
    await expect.poll(() => items('the last').length).toBe(1)
    expect([items('too old').length, items('just kept').length]).toEqual([0, 1])
  })

  it('begins anew when its session is gone, says so, and sends what makes sense there', async () => {
    await open()
    await run('relay.open()')
    await run(`relay.say('old words')`)
    await answered('old words')
    network.down()
    await run(`until('state', ({ state }) => state === 'away')`)
    await run(`
      relay.send({ type: 'conversation.item.truncate', item_id: 'item_old', content_index: 0, audio_end_ms: 0 })
      relay.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'call_old', output: 'x' } })
      relay.send({ type: 'input_audio_buffer.append', audio: 'AAAA' })
      relay.say('new words')`)
    await endSessions()
    network.up()
    expect(await problem('new_session')).toMatchObject({ fatal: false, advice: 'Say that this is a new conversation.' })
    await answered('new words')
    expect(await problems()).toEqual(['new_session'])
    expect(await run('relay.state')).toBe('open')
    const last = running.simulator.conversations().at(-1)
    expect(JSON.stringify(last)).not.toContain('old words')
  })

  it('calls by WebRTC from a page of another origin: is heard, hangs up, and says what to do if it may not', async () => {
    await open(`transport: 'webrtc',`)
    expect(await run('relay.open().catch(({ code, fatal }) => [code, fatal])')).toEqual([expect.any(Number), true])
    expect((await seen('problem'))[0]?.advice).toMatch(/Check url/)
    await page.close()

    const calls = await runRelay({ env: { ALLOWED_ORIGINS: pages.origin, REFUSE_AFTER_UPGRADE: 'true', WEBRTC: 'media-only' } })
    await open(`transport: 'webrtc', url: '${calls.wsUrl.replace('127.0.0.1', 'localhost')}/v1/realtime',`)
    await run(`relay.say('Good morning')`)
    await run(`until('speaking', ({ speaking }) => speaking)`)
    await run(`until('speaking', ({ speaking }) => !speaking)`)
    await answered('Good morning')
    expect(await run('[relay.state, document.querySelectorAll("audio").length]')).toEqual(['open', 0])
    expect(calls.simulator.calls()).toHaveLength(1)
    await run('relay.close()')
    await expect.poll(() => calls.simulator.calls(), { timeout: 5000 }).toEqual([])
    expect(await problems()).toEqual([])
    await page.close()
    await calls.close()
  })

  /** As an operator does. */
  async function endSessions(): Promise<void> {
    const headers = { authorization: `Bearer ${await running.token('operator', { scope: 'relay:admin' })}`, 'content-type': 'application/json' }
    const url = `${running.relay.adminUrl}/v1/admin/sessions`
    const { sessions } = (await (await fetch(url, { headers })).json()) as { sessions: { id: string }[] }
    expect(sessions.length).toBeGreaterThan(0)
    for (const { id } of sessions) expect((await fetch(`${url}/${id}/end`, { method: 'POST', headers, body: '{}' })).status).toBeLessThan(300)
  }
})
