// The OpenAI SDK in a page, unmodified: the token travels in a subprotocol, over TLS, from an allowed origin and from no other.
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { canariesIn } from '../support/canaries.js'
import { type Browser, chromiumPath, complaintsOf, openBrowser } from '../support/chromium.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'
import { type PageServer, servePage } from './page-server.js'

const reason = chromiumPath() ? '' : ' (skipped: Chromium not installed)'
const CERT_FILE = fileURLToPath(new URL('../support/tls/localhost-cert.pem', import.meta.url))
const KEY_FILE = fileURLToPath(new URL('../support/tls/localhost-key.pem', import.meta.url))

/** What the page's own code would do with the SDK. `connect` resolves to what happened first: open or closed. */
const PAGE = `
  import OpenAI from 'openai'
  import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket'
  const events = [], errors = []
  let rt, closing, wake = () => {}
  globalThis.demo = {
    events, errors,
    connect(baseURL, apiKey) {
      const client = new OpenAI({ baseURL, apiKey, dangerouslyAllowBrowser: true })
      rt = new OpenAIRealtimeWebSocket({ model: 'gpt-realtime', dangerouslyAllowBrowser: true }, client)
      rt.on('event', (event) => { events.push(event); wake() })
      rt.on('error', (error) => { errors.push(error.message); wake() })
      closing = new Promise((resolve) => rt.socket.addEventListener('close', ({ code }) => resolve(code)))
      return new Promise((resolve) => {
        rt.socket.addEventListener('open', () => resolve('open ' + rt.socket.protocol))
        rt.socket.addEventListener('close', ({ code }) => resolve('closed ' + code))
      })
    },
    send: (event) => rt.send(event),
    async until(type, from = 0) {
      while (!events.slice(from).some((event) => event.type === type)) await new Promise((resolve) => { wake = resolve })
      return events.slice(from)
    },
    closed: () => closing,
    hangUp() {
      rt.close()
      return closing
    },
  }`

interface SeenEvent {
  readonly type: string
  readonly [key: string]: unknown
}

describe.skipIf(!chromiumPath())(`OpenAIRealtimeWebSocket in Chromium${reason}`, { timeout: 60_000 }, () => {
  let pages: PageServer
  let running: RunningRelay
  let browser: Browser
  let page: Page
  let complaints: readonly string[]

  beforeAll(async () => {
    pages = await servePage(PAGE)
    running = await runRelay({
      env: { TLS_CERT_FILE: CERT_FILE, TLS_KEY_FILE: KEY_FILE, ALLOWED_ORIGINS: pages.origin },
      simulator: { heardText: 'What is the weather in Lisbon?' },
    })
    const publicKey = new X509Certificate(readFileSync(CERT_FILE)).publicKey.export({ type: 'spki', format: 'der' })
    // This one certificate is trusted; any other still fails.
    browser = await openBrowser({ args: [`--ignore-certificate-errors-spki-list=${createHash('sha256').update(publicKey).digest('base64')}`] })
  })
  afterAll(async () => {
    await browser?.close()
    await running?.close()
    await pages?.close()
  })
  beforeEach(async () => {
    page = await browser.context.newPage()
    complaints = complaintsOf(page)
  })
  afterEach(() => page.close())

  const inPage = <T>(code: string) => page.evaluate<T>(code)
  const connect = async (token: string) => inPage<string>(`demo.connect(${JSON.stringify(`${running.relay.url}/v1`)}, ${JSON.stringify(token)})`)
  const send = (event: object) => inPage(`demo.send(${JSON.stringify(event)})`)
  const until = (type: string, from = 0) => inPage<SeenEvent[]>(`demo.until(${JSON.stringify(type)}, ${from})`)
  const transcript = (events: readonly SeenEvent[]) => events.flatMap((event) => (event.type === 'response.output_audio_transcript.done' ? [event.transcript] : [])).join('\n')

  it('holds a conversation in which the server runs a tool and the page runs its own', async () => {
    await page.goto(pages.origin)
    expect(await connect(await running.token())).toBe('open realtime')
    const [created] = await until('session.created')
    expect(created).toMatchObject({ session: { instructions: '', model: 'gpt-realtime', tools: [{ name: 'show_on_screen' }] } })

    await send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'What is the weather in Lisbon?' }] } })
    await send({ type: 'response.create' })
    const answer = await until('response.done')
    expect(transcript(answer)).toContain('sunny in Lisbon')
    expect(running.toolRequests.at(-1)).toBe('POST /weather {"city":"Lisbon"}')

    const before = answer.length
    await send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Please show "hello" on screen' }] } })
    await send({ type: 'response.create' })
    const called = await until('response.done', before)
    const call = called.find((event) => event.type === 'response.function_call_arguments.done')
    expect(call).toMatchObject({ name: 'show_on_screen', arguments: '{"text":"hello"}' })
    await send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call?.call_id, output: 'it is on screen now' } })
    await send({ type: 'response.create' })
    expect(transcript(await until('response.done', before + called.length))).toContain('it is on screen now')

    const seen = JSON.stringify(await inPage('demo.events'))
    expect(canariesIn(seen, ['get_weather', 'lookup_order'])).toEqual([])
    expect(await inPage('demo.errors')).toEqual([])
    expect(await inPage('demo.hangUp()')).toBe(1000)
    expect(complaints).toEqual([])
  })

  it('takes speech and answers in audio', async () => {
    await page.goto(pages.origin)
    await connect(await running.token())
    await until('session.created')
    for (const audio of appendable(tone(900), silence(800))) await send({ type: 'input_audio_buffer.append', audio })
    const events = await until('response.done')
    expect(events.map((event) => event.type)).toContain('response.output_audio.delta')
    expect(transcript(events)).toContain('sunny in Lisbon')
    expect(await inPage('demo.errors')).toEqual([])
  })

  it('reads why it is refused if refusals come after the upgrade', async () => {
    const telling = await runRelay({ env: { TLS_CERT_FILE: CERT_FILE, TLS_KEY_FILE: KEY_FILE, ALLOWED_ORIGINS: pages.origin, REFUSE_AFTER_UPGRADE: 'true' } })
    await page.goto(pages.origin)
    await inPage<string>(`demo.connect(${JSON.stringify(`${telling.relay.url}/v1`)}, 'not.a.token')`)
    expect(await until('error')).toMatchObject([{ error: { code: 'unauthenticated' } }])
    expect(await inPage('demo.closed()')).toBe(4401)
    await telling.close()
  })

  it('is refused from an origin that is not allowed, and with a token that does not verify', async () => {
    await page.goto(pages.origin)
    expect(await connect(`${await running.token()}x`)).toBe('closed 1006')
    const other = await servePage(PAGE)
    await page.goto(other.origin)
    expect(await connect(await running.token())).toBe('closed 1006')
    expect(await inPage('demo.events')).toEqual([])
    await other.close()
  })
})
