// A page of an app on the browser kit, under a strict Content Security Policy, and the network between it and its relay.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createLine, type Socket } from 'node:net'
import { join } from 'node:path'
import { builtRelay } from '../support/built-relay.js'

/** Runs in the page: one relay, and everything that it says, in order. */
const PAGE = `
import { connect } from './kit.min.js'
const waiting = new Set()
const log = (globalThis.log = [])
const add = (kind, what) => {
  log.push({ kind, ...what })
  for (const look of waiting) look()
}
globalThis.seen = (kind, test = () => true) => log.filter((one) => one.kind === kind && test(one))
/** Resolves with the match of that number, once there is one. */
globalThis.until = (kind, test = () => true, times = 1) =>
  new Promise((resolve) => {
    const look = () => {
      const found = seen(kind, test)
      if (found.length < times) return
      waiting.delete(look)
      resolve(found[times - 1])
    }
    waiting.add(look)
    look()
  })
globalThis.asks = 0
globalThis.nextToken = async () => {
  const answer = await fetch('/token')
  if (!answer.ok) throw new Error('no token')
  return answer.text()
}
globalThis.make = (options) => {
  const relay = connect({ token: () => (asks++, nextToken()), ...options })
  relay.on('*', (event) => add('event', event))
  relay.on('sent', (event) => add('sent', { ...event, state: relay.state, audio: event.audio && event.audio.length }))
  relay.on('state', (state) => add('state', { state }))
  relay.on('problem', (problem) => add('problem', { code: problem.code, message: problem.message, advice: problem.advice, fatal: problem.fatal }))
  relay.on('speaking', (speaking) => add('speaking', { speaking }))
  relay.on('listening', (listening) => add('listening', { listening }))
  return relay
}
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => add('violation', { violatedDirective, blockedURI }))
document.querySelector('#talk').onclick = () => relay.talk()
`

/** Of whichever browser. */
interface PageOf {
  addInitScript(script: { readonly content: string }): Promise<unknown>
  goto(url: string): Promise<unknown>
  evaluate(source: string): Promise<unknown>
}

export interface KitPages {
  readonly origin: string
  /** What the page's policy says of scripts. */
  policy: string
  /** What `/token` answers. */
  token: () => Promise<string>
  /** How often it was asked. */
  asked: number
  /** A page with `globalThis.relay`. `options` is the source of an object; `before` runs before the page's own script. */
  open<P extends PageOf>(browser: { readonly context: { newPage(): Promise<P> } }, options: string, before?: string): Promise<P>
  close(): void
}

export async function serveKit(): Promise<KitPages> {
  const folder = join(await builtRelay(), 'browser')
  const file = (name: string) => readFileSync(join(folder, name), 'utf8')
  const scripts: Readonly<Record<string, string>> = { '/page.js': PAGE, '/kit.min.js': file('kit.min.js'), '/microphone-worklet.js': file('microphone-worklet.js') }
  const server = createServer(async (request, response) => {
    const path = request.url ?? ''
    if (path === '/token') {
      pages.asked++
      const token = await pages.token().catch(() => undefined)
      response.writeHead(token === undefined ? 500 : 200).end(token)
      return
    }
    const script = scripts[path]
    const policy = `default-src 'none'; script-src ${pages.policy}; connect-src *; img-src data:; media-src blob: mediastream:`
    response
      .writeHead(200, { 'content-type': script ? 'text/javascript' : 'text/html', 'content-security-policy': policy })
      .end(script ?? '<!doctype html><link rel="icon" href="data:," /><button id="talk">Talk</button><script type="module" src="page.js"></script>')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const pages: KitPages = {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    policy: "'self'",
    token: async () => '',
    asked: 0,
    async open(browser, options, before = '') {
      const page = await browser.context.newPage()
      await page.addInitScript({ content: before })
      await page.goto(pages.origin)
      await page.evaluate(`globalThis.relay = make(${options})`)
      return page
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
  return pages
}

/** The network between page and relay. */
export interface Network {
  readonly port: number
  /** Every connection breaks, and none gets through until it may again. */
  down(): void
  up(): void
  /** Every connection breaks. */
  cut(): void
  close(): void
}

export async function networkTo(port: number): Promise<Network> {
  const open = new Set<Socket>()
  let isDown = false
  const server = createLine((socket) => {
    if (isDown) return void socket.destroy()
    const far = connect(port, '127.0.0.1')
    open.add(socket)
    const end = () => {
      open.delete(socket)
      socket.destroy()
      far.destroy()
    }
    for (const one of [socket, far]) one.on('error', end).on('close', end)
    socket.pipe(far).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of open) socket.resetAndDestroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    down() {
      isDown = true
      cut()
    },
    up() {
      isDown = false
    },
    cut,
    close() {
      server.close()
      cut()
    },
  }
}
