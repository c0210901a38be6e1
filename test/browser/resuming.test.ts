// The demo page whose socket is lost: within one relay it goes on where it was, and when the relay itself is gone it begins anew and says so.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RunningCommand, startCommand } from '../support/built-relay.js'
import { type Browser, chromiumPath, complaintsOf, openBrowser } from '../support/chromium.js'

const reason = chromiumPath() ? '' : ' (skipped: Chromium not installed)'
const JWT_SECRET = 'a secret that outlives the demo, 32 bytes or more'
const LONG = 'a quiet little harbour with seven boats in it and a lighthouse on the far side of the bay'

/** Keeps every event that the page gets, over whichever socket. */
const LISTEN_IN = `
  globalThis.got = []
  const waiting = new Set()
  globalThis.gets = (type, times) =>
    new Promise((resolve) => {
      const look = () => got.filter((event) => event.type === type).length >= times && (waiting.delete(look), resolve())
      waiting.add(look)
      look()
    })
  globalThis.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given)
      this.addEventListener('message', ({ data }) => {
        got.push(JSON.parse(data))
        for (const look of waiting) look()
      })
    }
  }`

interface Got {
  readonly type: string
  readonly event_id: string
  readonly delta?: string
  readonly transcript?: string
}

/** The network between page and relay. */
interface Line {
  readonly port: number
  /** Every connection breaks. */
  cut(): void
  /** No connection gets through, until it may again. */
  block(isBlocked: boolean): void
  /** Resolves when so many connections have not got through since. */
  refused(times: number): Promise<void>
  close(): void
}

async function lineTo(port: number): Promise<Line> {
  const open = new Set<Socket>()
  let blocked = false
  let onRefused: () => void = () => undefined
  const server: Server = createServer((socket) => {
    const end = () => void socket.destroy()
    if (blocked) {
      onRefused()
      return end()
    }
    const far = connect(port, '127.0.0.1')
    open.add(socket)
    socket.on('error', end).on('close', () => {
      open.delete(socket)
      far.destroy()
    })
    far.on('error', end).on('close', end)
    socket.pipe(far).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of open) socket.resetAndDestroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    block(isBlocked) {
      blocked = isBlocked
      if (blocked) cut()
    },
    refused: (times) =>
      new Promise((resolve) => {
        let left = times
        onRefused = () => --left === 0 && resolve()
      }),
    close() {
      server.close()
      cut()
    },
  }
}

describe.skipIf(!chromiumPath())(`the demo page that loses its relay${reason}`, { timeout: 60_000 }, () => {
  let browser: Browser
  let page: Page
  let line: Line
  let port: string
  let demo: RunningCommand | undefined
  let complaints: readonly string[]

  beforeAll(async () => {
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    port = String((probe.address() as AddressInfo).port)
    probe.close()
    line = await lineTo(Number(port))
    browser = await openBrowser()
  })
  afterEach(async () => {
    await page?.close()
    line.block(false)
    await demo?.stop()
  })
  afterAll(async () => {
    await browser?.close()
    line?.close()
  })

  async function startDemo(env: Record<string, string> = {}): Promise<string> {
    demo = await startCommand(['demo'], { env: { PORT: port, DRAIN_SECONDS: '3', JWT_SECRET, ...env } })
    return (await demo.says(/http:\/\/\S+#token=\S+/))[0]
  }
  async function open(url: string): Promise<void> {
    page = await browser.context.newPage()
    complaints = complaintsOf(page)
    await page.addInitScript({ content: LISTEN_IN })
    await page.goto(`${url}&url=${encodeURIComponent(`ws://localhost:${line.port}/v1/realtime`)}`)
  }
  async function ask(text: string): Promise<void> {
    await page.getByLabel('Your message').fill(text)
    await page.getByRole('button', { name: 'Send' }).click()
  }
  const answered = (text: string) => page.locator('#conversation .assistant', { hasText: text }).waitFor({ timeout: 30_000 })
  const got = () => page.evaluate<Got[]>('got')
  const gets = (type: string, times = 1) => page.evaluate(`gets('${type}', ${times})`)
  const count = async (type: string) => (await got()).filter((event) => event.type === type).length
  const shown = (kind: string) => page.locator(`#conversation .${kind}`).allTextContents()

  it('hears an answer whole and once although its socket broke in the middle, again and again', async () => {
    await open(await startDemo())
    await ask(LONG)
    for (const times of [2, 4, 6]) {
      await gets('response.output_audio.delta', times)
      line.cut()
      await gets('relay.resumed', times / 2)
    }
    await gets('response.done')
    expect(await shown('assistant')).toEqual([`You said: ${LONG}.`])
    expect(await shown('user')).toEqual([LONG])
    const events = (await got()).filter(({ type }) => type !== 'relay.resumed')
    const ids = events.map(({ event_id }) => event_id)
    expect(ids.length - new Set(ids).size).toBe(0)
    const transcript = events.flatMap(({ type, delta }) => (type === 'response.output_audio_transcript.delta' ? [delta] : [])).join('')
    expect(transcript).toBe(`You said: ${LONG}.`)
    await ask('look up order 12345')
    await answered('Order 12345')
    expect(await count('session.created')).toBe(1)
    expect([await shown('note'), await shown('problem')]).toEqual([[], []])
    expect(complaints.filter((text) => !/WebSocket connection/.test(text))).toEqual([])
  })

  it('shows an answer whole and once although it missed more of it than the relay keeps', async () => {
    await open(await startDemo({ RESUME_BUFFER_BYTES: '16 KiB' }))
    await ask(LONG)
    await gets('response.output_audio.delta', 2)
    const third = line.refused(3)
    line.block(true)
    await third
    line.block(false)
    await answered('far side of the bay.')
    expect((await got()).find(({ type }) => type === 'relay.resumed')).toMatchObject({ recovered: false })
    expect(await shown('assistant')).toEqual([`You said: ${LONG}.`])
    expect(await shown('user')).toEqual([LONG])
    await ask('look up order 12345')
    await answered('Order 12345')
    expect([await shown('note'), await shown('problem')]).toEqual([[], []])
  })

  it('sends what is typed without a network once there is one, in the same conversation', async () => {
    await open(await startDemo())
    await ask('look up order 1')
    await answered('Order 1')
    line.block(true)
    await page.locator('#status', { hasText: 'coming back' }).waitFor()
    await ask('look up order 22')
    expect(await page.getByLabel('Your message').inputValue()).toBe('look up order 22')
    line.block(false)
    await answered('Order 22')
    expect(await page.getByLabel('Your message').inputValue()).toBe('')
    expect(await page.locator('#status').textContent()).toBe('Connected')
    expect(await count('session.created')).toBe(1)
  })

  it('gives up a socket that may be dead when the network is another one', async () => {
    await open(await startDemo())
    await ask('look up order 1')
    await answered('Order 1')
    await page.evaluate(`dispatchEvent(new Event('online'))`)
    await gets('relay.resumed')
    await ask('look up order 22')
    await answered('Order 22')
    expect(await count('session.created')).toBe(1)
  })

  it('begins a new conversation if the relay died, says so, and keeps what had no answer', async () => {
    const url = await startDemo()
    await open(url)
    await ask(LONG)
    await gets('response.output_audio.delta', 2)
    await demo?.stop()
    await page.locator('#status', { hasText: 'coming back' }).waitFor()
    await startDemo()
    await page.locator('#conversation .note', { hasText: 'This is a new conversation' }).waitFor({ timeout: 30_000 })
    expect(await page.getByLabel('Your message').inputValue()).toBe(LONG)
    expect(await page.locator('#notice').isHidden()).toBe(true)
    await ask('look up order 22')
    await answered('Order 22')
    expect(await count('session.created')).toBe(2)
    expect(await shown('problem')).toEqual([])
  })

  it('sends what was typed while the relay was away to the new conversation', async () => {
    await open(await startDemo())
    await ask('look up order 1')
    await answered('Order 1')
    await demo?.stop()
    await page.locator('#status', { hasText: 'coming back' }).waitFor()
    await ask('look up order 22')
    await startDemo()
    await answered('Order 22')
    expect(await shown('note')).toHaveLength(1)
    expect(await count('session.created')).toBe(2)
  })

  it('works as well with a relay that lets nobody come back', async () => {
    await open(await startDemo({ RESUME_SECONDS: '0' }))
    await ask('look up order 1')
    await answered('Order 1')
    expect(await shown('problem')).toEqual([])
    line.cut()
    await page.locator('#notice', { hasText: 'A new one begins a new conversation' }).waitFor()
    await ask('look up order 22')
    await answered('Order 22')
    expect(await count('session.created')).toBe(2)
  })
})
