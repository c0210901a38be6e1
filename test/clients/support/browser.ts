// Runs a talker inside a page of real Chromium: bundles it, serves the page, and drives it from the test.
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import type { Talker } from './turns.js'

const HERE = fileURLToPath(new URL('..', import.meta.url))
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--allow-loopback-in-peer-connection',
  '--autoplay-policy=no-user-gesture-required',
]

export interface Browser {
  /** The origin of the pages, which the relay must allow. */
  readonly origin: string
  /** From now on a WebSocket to `/realtime` of the origin goes to the relay with this token, as a page's own front proxy would have it. */
  proxyRealtime(host: string, token: string): void
  /** Opens a page whose script is `module`, a file beside the tests that exports `connect`, and connects it. */
  open(module: string, host: string, token: string): Promise<Talker>
  close(): Promise<void>
}

type Connect = (host: string, token: string) => Promise<Talker>
type PageGlobals = { connect: Connect; talker: Talker }

/** Rejects with the reason if no Chromium is installed. */
export async function launchBrowser(): Promise<Browser> {
  if (!CHROMIUM) throw new Error('Chromium is not installed: apt-get install chromium')
  const scripts = new Map<string, string>()
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const name = url.pathname.slice(1)
    // Stands for a page's own back end that hands out the relay's address and a token.
    if (name === 'echo') return void response.writeHead(200, { 'content-type': 'application/json' }).end(url.searchParams.get('body'))
    const script = scripts.get(name.replace(/\.js$/, ''))
    if (script === undefined) response.writeHead(404).end()
    else if (name.endsWith('.js')) response.writeHead(200, { 'content-type': 'text/javascript' }).end(script)
    else response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script src="/${name}.js"></script>`)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  let behind: { host: string; token: string } | undefined
  server.on('upgrade', (request, socket) => {
    if (request.url !== '/realtime' || !behind) return void socket.destroy()
    const { hostname, port } = new URL(`https://${behind.host}`)
    const headers = Object.entries({ ...request.headers, authorization: `Bearer ${behind.token}` }).map(([name, value]) => `${name}: ${value}`)
    const relay = tlsConnect({ host: hostname, port: Number(port), servername: hostname }, () => {
      relay.write(`GET ${request.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
      relay.pipe(socket).pipe(relay)
    })
    relay.on('error', () => socket.destroy())
    socket.on('error', () => relay.destroy())
  })
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  return {
    origin,
    proxyRealtime(host, token) {
      behind = { host, token }
    },
    async open(module, host, token) {
      if (!scripts.has(module)) scripts.set(module, await bundle(module))
      const context = await browser.newContext({ ignoreHTTPSErrors: true })
      const page = await context.newPage()
      const problems: string[] = []
      const broken = new Promise<never>((_resolve, reject) => {
        page.on('pageerror', (error) => {
          problems.push(String(error))
          reject(error)
        })
      })
      broken.catch(() => undefined)
      page.on('console', (message) => {
        if (message.type() === 'error') problems.push(message.text())
      })
      await page.goto(`${origin}/${module}`)
      const inPage = async <T>(work: Promise<T>): Promise<T> =>
        Promise.race([work, broken]).catch((error) => {
          throw new Error(`${String(error)}\nin the page: ${problems.join('\n')}`)
        })
      const globals = '(globalThis)'
      const call = <T>(method: keyof Talker, ...args: (string | number)[]) =>
        inPage(page.evaluate(`${globals}.talker.${method}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`) as Promise<T>)
      const abilities = await inPage(
        page.evaluate(
          async ([relay, credential]) => {
            const own = globalThis as unknown as PageGlobals
            own.talker = await own.connect(relay ?? '', credential ?? '')
            return { ownTool: own.talker.ownTool !== undefined, write: own.talker.write !== undefined }
          },
          [host, token],
        ),
      )
      return {
        ask: (text) => call('ask', text),
        speak: (speechMs?: number) => call('speak', ...(speechMs === undefined ? [] : [speechMs])),
        ...(abilities.ownTool ? { ownTool: (text: string) => call('ownTool', text) } : {}),
        ...(abilities.write ? { write: (text: string) => call('write', text) } : {}),
        async close() {
          await call('close')
          await context.close()
          if (problems.length > 0) throw new Error(`in the page: ${problems.join('\n')}`)
        },
      } as Talker
    },
    async close() {
      await browser.close()
      server.close()
      server.closeAllConnections()
    },
  }
}

async function bundle(module: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `import { connect } from './${module}.js'\nglobalThis.connect = connect`, resolveDir: HERE, loader: 'ts' },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'silent',
  })
  return outputFiles[0]?.text ?? ''
}
