// The demo page in a WebRTC call: spoken turns, tools it never sees, interruption, and every way in which a call ends or is lost.
import { rmSync } from 'node:fs'
import { SignJWT } from 'jose'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RunningCommand, startCommand } from '../support/built-relay.js'
import { type Browser, chromiumPath, complaintsOf, openBrowser } from '../support/chromium.js'
import { hasEspeak, speechFile } from '../support/speech.js'

const missing = [...(chromiumPath() ? [] : ['Chromium']), ...(hasEspeak() ? [] : ['espeak-ng'])]
const reason = missing.length > 0 ? ` (skipped: ${missing.join(' and ')} not installed)` : ''
const JWT_SECRET = 'a secret that outlives the demo, 32 bytes or more'
const LONG = 'a quiet little harbour with seven boats in it and a lighthouse on the far side of the bay, '.repeat(3).trim()

/** Keeps the events of every socket, and with each how many packets of sound had come by then. */
const LISTEN_IN = `
  globalThis.got = []
  globalThis.sockets = []
  globalThis.peers = []
  const waiting = new Set()
  const heard = globalThis.heard = async () => {
    const sum = { packets: 0, energy: 0 }
    for (const peer of peers) for (const report of (await peer.getStats()).values()) if (report.type === 'inbound-rtp') {
      sum.packets += report.packetsReceived
      sum.energy += report.totalAudioEnergy ?? 0
    }
    return sum
  }
  globalThis.gets = (type, times) =>
    new Promise((resolve) => {
      const look = () => got.filter((event) => event.type === type && event.heard).length >= times && (waiting.delete(look), resolve(got.filter((event) => event.type === type)[times - 1].heard))
      waiting.add(look)
      look()
    })
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) {
      super(...given)
      peers.push(this)
    }
  }
  globalThis.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given)
      sockets.push(this.url.replace(/rtc_[0-9a-f]+/, '…'))
      this.addEventListener('message', async ({ data }) => {
        const event = { type: JSON.parse(data).type }
        got.push(event)
        event.heard = await heard()
        for (const look of waiting) look()
      })
    }
  }`

/** For a process in which the package cannot be found. */
const HOOK = `export const resolve = (name, context, next) => { if (name === 'node-datachannel') throw new Error('not installed'); return next(name, context) }`
const WITHOUT_PEER = `--import=${dataUrl(`import { register } from 'node:module'; register(${JSON.stringify(dataUrl(HOOK))})`)}`

function dataUrl(script: string): string {
  return `data:text/javascript,${encodeURIComponent(script)}`
}

interface Heard {
  readonly packets: number
  readonly energy: number
}

describe.skipIf(missing.length > 0)(`the demo page in a call${reason}`, { timeout: 90_000 }, () => {
  let browser: Browser
  let speech: { folder: string; file: string }
  let page: Page
  let complaints: readonly string[]
  let demo: RunningCommand | undefined

  beforeAll(async () => {
    speech = speechFile('What is the weather in Lisbon?')
    browser = await openBrowser({ microphoneFile: speech.file })
  })
  afterEach(async () => {
    await page?.close()
    await demo?.stop()
  })
  afterAll(async () => {
    await browser?.close()
    if (speech) rmSync(speech.folder, { recursive: true, force: true })
  })

  async function startDemo(env: Record<string, string> = {}): Promise<string> {
    demo = await startCommand(['demo'], { env: { PORT: '0', DRAIN_SECONDS: '3', JWT_SECRET, JWT_CLOCK_TOLERANCE_S: '0', ...env } })
    return (await demo.says(/http:\/\/\S+#token=\S+/))[0]
  }
  const tokenFor = (subject: string, seconds: number, claims = {}) =>
    new SignJWT({ relayEvents: true, ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
      .sign(Buffer.from(JWT_SECRET))
  async function open(url: string, script = ''): Promise<void> {
    page = await browser.context.newPage()
    complaints = complaintsOf(page)
    await page.addInitScript({ content: `${LISTEN_IN}\n${script}` })
    await page.goto(url)
    await page.getByLabel('WebRTC').check()
  }
  async function ask(text: string): Promise<void> {
    await page.getByLabel('Your message').fill(text)
    await page.getByRole('button', { name: 'Send' }).click()
  }
  const button = (name: string) => page.getByRole('button', { name })
  const answered = (text: string) => page.locator('#conversation .assistant', { hasText: text }).waitFor({ timeout: 30_000 })
  const says = (where: string, text: string) => page.locator(where, { hasText: text }).waitFor({ timeout: 30_000 })
  const gets = (type: string, times = 1) => page.evaluate<Heard>(`gets('${type}', ${times})`)
  const types = () => page.evaluate<string[]>('got.map(({ type }) => type)')
  const adminUrl = () => /^Metrics +(\S+)\/metrics$/m.exec(demo?.output ?? '')?.[1] ?? ''
  const metric = async (line: RegExp) => line.test(await (await fetch(`${adminUrl()}/metrics`)).text())

  it('talks: a tool of the server runs unseen, the answer is heard and read, and no sound passes the relay', async () => {
    await open(await startDemo())
    await says('#promise', 'this page can send nothing else there (prevents-control)')
    await button('Talk').click()
    await answered('Lisbon')
    await gets('output_audio_buffer.stopped')
    expect(await page.locator('#conversation .user').textContent()).toMatch(/weather/i)
    const seen = await types()
    expect(seen).toEqual(expect.arrayContaining(['relay.session', 'relay.tool.finished', 'input_audio_buffer.speech_started', 'output_audio_buffer.started', 'response.done']))
    expect(seen.filter((type) => /function_call|mcp|audio\.delta/.test(type))).toEqual([])
    expect(await page.locator('#events .out').count()).toBe(0)
    expect(await page.content()).not.toContain('get_weather')
    const { packets, energy } = await page.evaluate<Heard>('heard()')
    expect(packets).toBeGreaterThan(50)
    expect(energy).toBeGreaterThan(0.01)
    expect(await page.evaluate('sockets')).toEqual([expect.stringMatching(/\/v1\/realtime\?call_id=…$/)])
    expect(complaints).toEqual([])
  })

  it('stops the answer as soon as its user speaks, or types, and goes on with the next', async () => {
    await open(await startDemo())
    await ask(LONG)
    await gets('output_audio_buffer.started')
    await button('Talk').click()
    const cut = await gets('output_audio_buffer.cleared')
    const { packets } = await gets('input_audio_buffer.speech_stopped')
    // The speech goes on for about two seconds: a hundred packets of an answer that went on as well.
    expect(packets - cut.packets).toBeLessThan(20)
    await answered('Lisbon')
    await button('Stop').click()
    await ask(LONG)
    await gets('output_audio_buffer.started', 3)
    await ask('look up order 12345')
    await gets('output_audio_buffer.cleared', 2)
    await answered('Order 12345')
    expect(await page.locator('#conversation .problem').allTextContents()).toEqual([])
    expect(complaints).toEqual([])
  })

  it('hangs up if its user does, or chooses the other way, and calls again', async () => {
    await open(await startDemo())
    await ask('look up order 1')
    await answered('Order 1')
    await button('Hang up').click()
    await says('#conversation .note', 'You hung up')
    expect(await page.locator('#status').textContent()).toBe('Not connected')
    expect(await button('Hang up').isHidden()).toBe(true)
    await expect.poll(() => metric(/^relay_call_hangups_total\{outcome="done"\} 1$/m)).toBe(true)
    await button('Talk').click()
    await says('#status', 'Listening')
    await page.getByLabel('WebSocket').check()
    await expect.poll(() => metric(/^relay_call_hangups_total\{outcome="done"\} 2$/m)).toBe(true)
    expect(await button('Talk').isVisible()).toBe(true)
    await says('#promise', 'never reaches the model (prevents)')
    await ask('look up order 22')
    await answered('Order 22')
    expect(await page.evaluate('sockets.at(-1)')).toMatch(/\/v1\/realtime$/)
    expect(await page.locator('#notice').isHidden()).toBe(true)
    expect(complaints).toEqual([])
  })

  it.each([
    ['its token expires', 12, async () => undefined],
    ['an operator revokes its user', 600, () => asOperator('/revoke', { subject: 'demo', untilSeconds: Math.floor(Date.now() / 1000) + 600 })],
  ])('says so when %s', async (_why, seconds, end) => {
    await startDemo()
    await open(((await demo?.says(/http:\/\/\S+#token=/))?.[0] ?? '') + (await tokenFor('demo', seconds)))
    await button('Talk').click()
    await says('#status', 'Listening')
    await end()
    await says('#notice', 'does not accept this token: it has expired, was revoked')
    expect(await page.locator('#status').textContent()).toBe('Not connected')
    expect(await button('Talk').isEnabled()).toBe(true)
    expect(await page.evaluate('peers.map((peer) => peer.connectionState)')).toEqual(['closed'])
    await expect.poll(() => metric(/^relay_calls_open 0$/m)).toBe(true)
  })

  async function asOperator(path: string, body: object): Promise<void> {
    const headers = { authorization: `Bearer ${await tokenFor('operator', 600, { scope: 'relay:admin' })}`, 'content-type': 'application/json' }
    const answer = await fetch(`${adminUrl()}/v1/admin${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    expect(answer.status).toBeLessThan(300)
  }

  it('says what to do about a refused microphone, and a call in which one types goes on', async () => {
    await open(await startDemo(), `navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError') }`)
    await button('Talk').click()
    await says('#conversation .problem', 'Allow it')
    expect(await page.locator('#status').textContent()).toBe('Connected')
    await ask('look up order 12345')
    await answered('Order 12345')
    expect(await page.evaluate('peers.length')).toBe(1)
  })

  it('says why a call is refused', async () => {
    await open(await startDemo())
    await page.evaluate("document.getElementById('access').open = true")
    await page.getByLabel('Token').fill('not.a.token')
    await button('Talk').click()
    await says('#notice', 'does not accept this token')
    expect(await button('Talk').isEnabled()).toBe(true)
  })

  it('follows the same call again when its socket is lost', async () => {
    await open(await startDemo())
    await ask('look up order 1')
    await answered('Order 1')
    await page.evaluate(`dispatchEvent(new Event('online'))`)
    await gets('session.created', 2)
    await ask('look up order 22')
    await answered('Order 22')
    expect(await page.evaluate('peers.map((peer) => peer.connectionState)')).toEqual(['connected'])
    expect(await page.locator('#conversation .note').count()).toBe(0)
  })

  it('calls anew when the relay was restarted, says so, and keeps what had no answer', async () => {
    const url = await startDemo()
    const { port } = new URL(url)
    await open(url)
    await ask(LONG)
    await gets('output_audio_buffer.started')
    await demo?.stop()
    await says('#status', 'Coming back')
    await startDemo({ PORT: port })
    await says('#conversation .note', 'This is a new conversation')
    expect(await page.getByLabel('Your message').inputValue()).toBe(LONG)
    await ask('look up order 22')
    await answered('Order 22')
    expect(await page.evaluate('peers.map((peer) => peer.connectionState)')).toEqual(['closed', 'connected'])
  })

  it.each([
    ['its setting is off', { WEBRTC: 'off' }, 'the relay’s setting WEBRTC is off', 'set WEBRTC=media-only or shared'],
    ['node-datachannel is not installed', { NODE_OPTIONS: WITHOUT_PEER }, 'the simulator needs the package node-datachannel', 'the simulator needs the package node-datachannel'],
  ])('has no switch if %s, and says so', async (_why, env, words, printed) => {
    const url = await startDemo(env)
    await demo?.says(new RegExp(`^WebRTC {5}off: ${printed}`, 'm'))
    page = await browser.context.newPage()
    await page.goto(url)
    await says('#promise', words)
    expect(await page.getByLabel('WebRTC').isVisible()).toBe(false)
    await ask('look up order 1')
    await answered('Order 1')
  })
})
