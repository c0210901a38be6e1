// The browser kit in a real Firefox, at a real relay and the simulator: words, sound both ways, an interruption, lost sockets, and a call.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type KitPages, type Network, networkTo, serveKit } from '../browser/kit-page.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'
import { type Firefox, type FirefoxPage, firefoxLacks, openFirefox } from './firefox.js'

const missing = firefoxLacks()
const reason = missing.length === 0 ? '' : ` (skipped: ${missing.join(' and ')} not installed)`
const LONG = 'a quiet little harbour with seven boats in it and a lighthouse on the far side of the bay'
const WORKLET = `workletUrl: '/microphone-worklet.js',`
/** Counts what the kit has asked the device to play. */
const PLAYED = `
  globalThis.sources = []
  const start = AudioBufferSourceNode.prototype.start
  AudioBufferSourceNode.prototype.start = function (when) { sources.push({ when, context: this.context, seconds: this.buffer.duration }); return start.call(this, when) }`

describe.skipIf(missing.length > 0)(`the browser kit in Firefox${reason}`, () => {
  let browser: Firefox
  let pages: KitPages
  let running: RunningRelay
  let network: Network
  let page: FirefoxPage

  beforeAll(async () => {
    pages = await serveKit()
    running = await runRelay({ env: { ALLOWED_ORIGINS: pages.origin, REFUSE_AFTER_UPGRADE: 'true', RESUME_SECONDS: '20' } })
    network = await networkTo(Number(new URL(running.wsUrl).port))
    browser = await openFirefox()
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

  async function open(options = WORKLET, before = ''): Promise<void> {
    const user = `user-${Math.random()}`
    pages.token = () => running.token(user, { relayEvents: true })
    page = await pages.open(browser, `{ url: 'ws://localhost:${network.port}/v1/realtime', ${options} }`, before)
  }
  const run = <T>(script: string) => page.evaluate<T>(script)
  const problems = () => run<(string | number)[]>(`seen('problem').map(({ code }) => code)`)
  const sent = (type: string, times = 1) => run<Record<string, unknown>>(`until('sent', ({ type }) => type === '${type}', ${times})`)
  const answered = (text: string) =>
    run(`until('event', ({ type, transcript }) => type === 'response.output_audio_transcript.done' && transcript.includes('${text}')).then(() => true)`)
  const heard = () => {
    const appends = running.simulator.received.at(-1)?.events.filter(({ type }) => type === 'input_audio_buffer.append') ?? []
    return Buffer.concat(appends.map(({ audio }) => Buffer.from(String(audio), 'base64')))
  }
  /** In hertz, of all that is loud. */
  const pitchOf = (pcm: Buffer) => {
    const samples = Array.from({ length: pcm.length >> 1 }, (_, at) => pcm.readInt16LE(2 * at))
    const loud = samples.slice(samples.findIndex((sample) => Math.abs(sample) > 1000))
    return loud.filter((sample, at) => at > 0 && sample >= 0 && (loud[at - 1] as number) < 0).length / (loud.length / 24_000)
  }

  it('opens, says, is answered in words and sound, and closes, without a complaint of a strict policy', async () => {
    await open(WORKLET, PLAYED)
    await run('relay.open()')
    await page.click('body')
    await run(`relay.say('Hello there')`)
    await answered('Hello there')
    await run(`until('speaking', ({ speaking }) => speaking).then(() => until('speaking', ({ speaking }) => !speaking)).then(() => true)`)
    expect(await run<number>('sources.reduce((sum, { seconds }) => sum + seconds, 0)')).toBeGreaterThan(0.2)
    await run('relay.close()')
    expect(await run(`seen('state').map(({ state }) => state)`)).toEqual(['connecting', 'open', 'closed'])
    expect(await problems()).toEqual([])
    expect(await run(`seen('violation')`)).toEqual([])
    expect(page.complaints).toEqual([])
  })

  it.each([
    ['a script that is served', WORKLET, "'self'"],
    ['a script of its own', '', "'self' blob:; worker-src 'none'"],
  ])('listens with %s, in parts of 50 ms at the right pitch', async (_how, options, policy) => {
    pages.policy = policy
    await open(options)
    await page.click('#talk')
    await sent('input_audio_buffer.append', 40)
    expect(new Set(await run<number[]>(`seen('sent', ({ type }) => type === 'input_audio_buffer.append').map(({ audio }) => audio)`))).toEqual(new Set([3200]))
    await expect.poll(() => heard().length).toBeGreaterThan(48_000)
    // The tone of Firefox's own fake microphone.
    expect(Math.abs(pitchOf(heard()) - 1000)).toBeLessThan(50)
    await run('relay.mute()')
    expect(await run('[relay.listening, relay.state]')).toEqual([false, 'open'])
    expect(await problems()).toEqual([])
    expect(await run(`seen('violation')`)).toEqual([])
  })

  it('stops an answer when its user speaks, and says how much was heard', async () => {
    await open(WORKLET, PLAYED)
    await run('relay.open()')
    await page.click('body')
    await run(`relay.say('${LONG}')`)
    await run(`until('speaking', ({ speaking }) => speaking).then(() => true)`)
    await page.click('#talk')
    const truncated = await sent('conversation.item.truncate')
    expect(await run('relay.speaking')).toBe(false)
    const received = await run<number>('sources.reduce((sum, { seconds }) => sum + seconds, 0)')
    expect(Number(truncated.audio_end_ms)).toBeLessThan(received * 1000)
    await run(`until('event', ({ type }) => type === 'conversation.item.truncated').then(() => true)`)
    expect(await problems()).toEqual([])
  })

  it('interrupts when asked, and tells what was heard to some hundredths of a second', async () => {
    await open(WORKLET, PLAYED)
    await run('relay.open()')
    await page.click('body')
    await run(`relay.say('${LONG}')`)
    await run(`until('event', ({ type }) => type === 'response.done').then(() => until('speaking', ({ speaking }) => speaking)).then(() => true)`)
    await run('new Promise((done) => { const look = () => (sources[0].context.currentTime > sources[0].when + 0.3 ? done(true) : setTimeout(look, 20)); look() })')
    const heardMs = await run<number>(
      'relay.interrupt(); sources.reduce((sum, { when, seconds, context }) => sum + Math.min(Math.max(0, context.currentTime - when), seconds), 0) * 1000',
    )
    const { audio_end_ms: told } = await sent('conversation.item.truncate')
    expect(heardMs).toBeGreaterThan(250)
    expect(Math.abs(Number(told) - heardMs)).toBeLessThan(50)
    expect(await problems()).toEqual([])
  })

  it('comes back to its session after a cut socket, and says once what was said meanwhile', async () => {
    await open()
    await run(`relay.open(); relay.send({ type: 'relay.quota.get' }); until('event', ({ type }) => type === 'relay.quota').then(() => true)`)
    network.down()
    await run(`until('state', ({ state }) => state === 'away').then(() => true)`)
    await run(`relay.say('kept words')`)
    network.up()
    await answered('kept words')
    expect(await run(`seen('state').map(({ state }) => state)`)).toEqual(['connecting', 'open', 'away', 'open'])
    expect(await run(`seen('event', ({ type }) => type === 'session.created').length`)).toBe(1)
    expect(running.simulator.conversations().flatMap(({ items }) => items.filter((item) => JSON.stringify(item).includes('"text":"kept words"')))).toHaveLength(1)
    expect(await problems()).toEqual([])
  })

  it('says what is wrong with an address where nobody is, and with a token that was refused', async () => {
    await open(`url: 'ws://localhost:9/v1/realtime',`)
    expect(await run('relay.open().catch(({ code, fatal }) => [code, fatal])')).toEqual([1006, true])
    await page.close()
    await open(`token: () => 'not-a-token',`)
    expect(await run('relay.open().catch(({ code, fatal }) => [code, fatal])')).toEqual([4401, true])
  })

  it('calls by WebRTC, is heard, and hangs up', async () => {
    const calls = await runRelay({ env: { ALLOWED_ORIGINS: pages.origin, REFUSE_AFTER_UPGRADE: 'true', WEBRTC: 'media-only' } })
    try {
      await open(`transport: 'webrtc', url: '${calls.wsUrl.replace('127.0.0.1', 'localhost')}/v1/realtime',`)
      await page.click('body')
      await run(`relay.say('Good morning')`)
      await run(`until('speaking', ({ speaking }) => speaking).then(() => until('speaking', ({ speaking }) => !speaking)).then(() => true)`)
      await answered('Good morning')
      expect(calls.simulator.calls()).toHaveLength(1)
      await run('relay.close()')
      await expect.poll(() => calls.simulator.calls(), { timeout: 5000 }).toEqual([])
      expect(await problems()).toEqual([])
    } finally {
      await calls.close()
    }
  })
})
