// The demo page when something is wrong or small: other pages' origins, a restarted demo, a dead token, no microphone, a phone's width.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RunningCommand, startCommand } from '../support/built-relay.js'
import { type Browser, chromiumPath, openBrowser } from '../support/chromium.js'

const reason = chromiumPath() ? '' : ' (skipped: Chromium not installed)'
const pem = (name: string) => fileURLToPath(new URL(`../support/tls/localhost-${name}.pem`, import.meta.url))
/** Widths of common phones, in CSS pixels. */
const PHONES = [320, 390]
/** Where the screenshots go, to be looked at. Unset: none are kept. */
const SCREENSHOTS = process.env.SCREENSHOTS

describe.skipIf(!chromiumPath())(`the demo page in trouble${reason}`, { timeout: 60_000 }, () => {
  let browser: Browser
  let page: Page
  let others: Server
  let port: string
  const demos: RunningCommand[] = []

  beforeAll(async () => {
    others = createServer((_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><link rel="icon" href="data:," />')).listen(
      0,
      '127.0.0.1',
    )
    await once(others, 'listening')
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    port = String((probe.address() as AddressInfo).port)
    probe.close()
    browser = await openBrowser({ args: ['--ignore-certificate-errors', '--host-resolver-rules=MAP page.company.test 127.0.0.1'] })
  })
  afterEach(async () => {
    await page?.close()
    for (const demo of demos.splice(0)) await demo.stop()
  })
  afterAll(async () => {
    await browser?.close()
    others?.close()
    others?.closeAllConnections()
  })

  async function startDemo(env: Record<string, string> = {}, words: readonly string[] = []): Promise<RunningCommand & { readonly url: string; readonly token: string }> {
    const demo = await startCommand(['demo', ...words], { env: { PORT: port, DRAIN_SECONDS: '3', ...env } })
    demos.push(demo)
    const [url = '', token = ''] = await demo.says(/https?:\/\/\S+#token=(\S+)/)
    return Object.assign(demo, { url, token })
  }
  async function open(url: string): Promise<void> {
    page = await browser.context.newPage()
    await page.goto(url)
  }
  async function ask(text: string): Promise<void> {
    await page.getByLabel('Your message').fill(text)
    await page.getByRole('button', { name: 'Send' }).click()
  }
  const answered = (text: string) => page.locator('#conversation .assistant', { hasText: text }).waitFor({ timeout: 20_000 })

  /** What a page hears that dials the demo from where it stands: the types of its events, the refusal's code, and how it ended. */
  const dialFromHere = (address: string, token: string) =>
    page.evaluate<{ code: string; close: number }>(
      `new Promise((resolve) => {
        const socket = new WebSocket(${JSON.stringify(address)}, ['realtime', 'openai-insecure-api-key.${token}'])
        let code = ''
        socket.onmessage = ({ data }) => {
          const event = JSON.parse(data)
          code = event.type === 'error' ? event.error.code : event.type
          if (event.type === 'session.created') socket.close(1000)
        }
        socket.onclose = (event) => resolve({ code, close: event.code })
      })`,
    )

  it('lets pages of this machine in, whatever their port, also if ALLOWED_ORIGINS names others, and tells a foreign page why not', async () => {
    const demo = await startDemo({ ALLOWED_ORIGINS: 'https://app.example.com' })
    const [address = ''] = await demo.says(/ws:\/\/\S+/)
    await open(demo.url)
    await ask('look up order 12345')
    await answered('Order 12345')
    const other = (others.address() as AddressInfo).port
    for (const host of ['localhost', '127.0.0.1']) {
      await page.goto(`http://${host}:${other}`)
      expect(await dialFromHere(address, demo.token)).toMatchObject({ code: 'session.created' })
    }
    await page.goto(`http://page.company.test:${other}`)
    expect(await dialFromHere(address, demo.token)).toEqual({ code: 'forbidden', close: 4403 })
    await demo.says(/^Refused {4}forbidden \(origin_not_allowed\).*ALLOWED_ORIGINS\n/m)
    expect(demo.output.match(/^Refused/gm)).toHaveLength(1)
    expect(demo.output).not.toContain('"level"')
  })

  it('works over TLS', async () => {
    const demo = await startDemo({ TLS_CERT_FILE: pem('cert'), TLS_KEY_FILE: pem('key'), ALLOWED_ORIGINS: 'https://app.example.com' })
    expect(demo.url).toMatch(/^https:\/\/localhost:/)
    await open(demo.url)
    await ask('look up order 12345')
    await answered('Order 12345')
  })

  it('comes back by itself after a restart, and asks for the new token if the old one is dead', async () => {
    const JWT_SECRET = 'a secret that outlives the demo, 32 bytes or more'
    const first = await startDemo({ JWT_SECRET })
    await open(first.url)
    await ask('look up order 1')
    await answered('Order 1')
    first.child.kill('SIGTERM')
    await first.ended
    await startDemo({ JWT_SECRET })
    await page.locator('#conversation .note', { hasText: 'This is a new conversation' }).waitFor({ timeout: 20_000 })
    await ask('look up order 2')
    await answered('Order 2')

    const second = demos.at(-1)
    second?.child.kill('SIGTERM')
    await second?.ended
    const third = await startDemo()
    await page.locator('#notice', { hasText: 'does not accept this token' }).waitFor({ timeout: 20_000 })
    await ask('look up order 3')
    await page.locator('#notice', { hasText: 'does not accept this token' }).waitFor()
    expect(await page.getByLabel('Your message').inputValue()).toBe('look up order 3')
    await third.says(/^Refused {4}unauthenticated \(\w+\): the token is not one of this start/m)

    // The new address in the same tab changes only the fragment. A dial with the old token may still be under way.
    await page.getByRole('button', { name: 'Send' }).click()
    await page.evaluate(`location.hash = ${JSON.stringify(new URL(third.url).hash)}`)
    await page.locator('#notice').waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: 'Send' }).click()
    await answered('Order 3')
    expect(await page.getByLabel('Your message').inputValue()).toBe('')
  })

  it('keeps what was typed if nothing answers, and takes a pasted address for a token', async () => {
    const demo = await startDemo()
    await open(demo.url)
    await demo.stop()
    await ask('look up order 12345')
    await page.locator('#notice', { hasText: 'Is the demo running?' }).waitFor()
    expect(await page.getByLabel('Your message').inputValue()).toBe('look up order 12345')
    const again = await startDemo()
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.locator('#notice', { hasText: 'does not accept this token' }).waitFor()
    await page.getByLabel('Token').fill(again.url)
    await page.getByRole('button', { name: 'Send' }).click()
    await answered('Order 12345')
    await page.locator('#notice').waitFor({ state: 'hidden' })
  })

  it.each([
    ['NotAllowedError', 'Allow it'],
    ['NotFoundError', 'No microphone was found'],
    ['NotReadableError', 'Another program may use the microphone.'],
  ])('says what to do about the microphone after %s', async (name, words) => {
    const demo = await startDemo()
    page = await browser.context.newPage()
    await page.addInitScript({ content: `navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', '${name}') }` })
    await page.goto(demo.url)
    await page.getByRole('button', { name: 'Talk' }).click()
    await page.locator('#conversation .problem', { hasText: words }).waitFor()
    expect(await page.getByRole('button', { name: 'Talk' }).isEnabled()).toBe(true)
    await ask('look up order 12345')
    await answered('Order 12345')
  })

  it('says that speech is not recognised, and what is heard instead', async () => {
    await open((await startDemo()).url)
    await page.locator('#simulated', { hasText: 'one fixed question about the weather' }).waitFor()
    await page.close()
    for (const demo of demos.splice(0)) await demo.stop()
    await open((await startDemo({}, ['--heard', 'Where is my order 7?'])).url)
    await page.locator('#simulated', { hasText: 'hears “Where is my order 7?”' }).waitFor()
  })

  it.each(PHONES)('needs no sideways scrolling at a width of %i', async (width) => {
    const demo = await startDemo()
    page = await browser.context.newPage()
    await page.setViewportSize({ width, height: 640 })
    const fits = async (state: string) => {
      if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${width}-${state}.png`) })
      const { scroll, inner, cut } = await page.evaluate<{ scroll: number; inner: number; cut: string[] }>(
        `({
          scroll: document.documentElement.scrollWidth,
          inner: innerWidth,
          cut: [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 80)),
        })`,
      )
      expect(scroll, state).toBeLessThanOrEqual(inner)
      expect(cut, state).toEqual([])
    }
    await page.goto(demo.url)
    await page.locator('#simulated').waitFor()
    await fits('start')
    await page.getByRole('button', { name: 'bom dia' }).click()
    await page.locator('#screen', { hasText: 'bom dia' }).waitFor()
    await page.locator('#conversation .assistant').waitFor()
    await ask(`look up order 12345 ${'and tell me everything that you know about it '.repeat(3)}`)
    await answered('Order 12345')
    await fits('talk')
    await page.locator('#events summary', { hasText: 'session.created' }).click()
    await fits('events')
    await page.getByLabel('WebRTC').check()
    await ask('look up order 777')
    await answered('Order 777')
    await fits('call')
    await page.evaluate("document.getElementById('access').open = true")
    await page.getByLabel('Token').fill('not.a.token')
    await page.getByRole('button', { name: 'Hang up' }).click()
    await demo.stop()
    await ask('hello')
    await page.locator('#notice', { hasText: 'Is the demo running?' }).waitFor()
    await fits('trouble')
  })
})
