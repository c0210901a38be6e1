// The command `demo`: runs relay, simulated Azure and sample tools on this machine, and prints what to open.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import { mintToken } from '../auth/mint-token.js'
import type { WebrtcMode } from '../config/config.js'
import { loadConfig, processEnvironment } from '../config/load.js'
import { webrtcMode } from '../config/webrtc.js'
import { demoTools } from '../demo/demo-tools.js'
import { startDemoToolServer } from '../demo/tool-server.js'
import type { Runnable } from '../process/run.js'
import { startServer } from '../server/server.js'
import { startSimulator } from '../simulator/simulator.js'
import { loadPeerEngine } from '../simulator/webrtc/peer.js'
import { checkTools } from '../tools/check.js'
import { demoSink } from './demo-log.js'
import { ownOrigins, withLoopback } from './demo-origins.js'

const INSTRUCTIONS = 'You are the friendly voice of a small shop by the sea. Answer in one or two short sentences. Use the tools when they help.'
const TOKEN_SECONDS = 12 * 3600
const NO_CALLS = { peer: 'off: the simulator needs the package node-datachannel for it', setting: 'off: set WEBRTC=media-only or shared' }
const CONSOLE_HEADERS = {
  'content-security-policy': "default-src 'self'; connect-src 'self' http: https: ws: wss:; img-src data:",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

/** What the simulator hears and speaks with, if it is the upstream. */
export interface DemoSpeech {
  readonly heard: string | undefined
  readonly voice: 'tones' | 'espeak' | undefined
}

/** The environment wins over the demo's own settings. The upstream is the simulator unless one is configured. */
export async function startDemo(speech: DemoSpeech, print: (line: string) => void): Promise<Runnable> {
  const env = processEnvironment()
  const ownUpstream = ['AZURE_OPENAI_ENDPOINT', 'OPENAI_API_KEY', 'UPSTREAMS', 'UPSTREAMS_FILE'].some((name) => env[name])
  const simulator = ownUpstream
    ? undefined
    : await startSimulator({ rateLimits: 'both', ...(speech.heard !== undefined && { heardText: speech.heard }), ...(speech.voice && { voice: speech.voice }) })
  const hasPeer = simulator !== undefined && (await loadPeerEngine({ host: undefined, port: 0 })) !== undefined
  const toolServer = await startDemoToolServer()
  const port = env.PORT === '0' ? await freePort() : (env.PORT ?? '8080')
  const orders = fileURLToPath(new URL('../demo/orders.js', import.meta.url))
  const demo = {
    HOST: '127.0.0.1',
    PORT: port,
    ADMIN_PORT: '0',
    JWT_SECRET: randomBytes(32).toString('hex'),
    INSTRUCTIONS,
    TOOLS: JSON.stringify(demoTools(toolServer.url, orders)),
    SESSION: JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' } } } }),
    ...(simulator ? { AZURE_OPENAI_ENDPOINT: simulator.url, AZURE_OPENAI_DEPLOYMENT: 'gpt-realtime', AZURE_OPENAI_API_KEY: 'simulated' } : {}),
    ...(hasPeer ? { WEBRTC: 'media-only' } : {}),
    // A browser page can read only what comes after the upgrade.
    REFUSE_AFTER_UPGRADE: 'true',
  }
  const read = loadConfig(checkTools, { ...demo, ...env, PORT: port }, { mode: 'demo', cwd: process.cwd() })
  const scheme = read.tls ? 'https' : 'http'
  const allowedOrigins = withLoopback([...(read.allowedOrigins ?? []), ...ownOrigins(scheme, read.host, port)])
  // Refusals stand at the level `info`. Warnings are for relays in production.
  const asked = env.LOG_LEVEL !== undefined
  const config = { ...read, allowedOrigins, logLevel: asked ? read.logLevel : ('info' as const) }
  const shown = new Set(asked ? ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] : ['error', 'fatal'])
  const calls = callsOf(webrtcMode(read, 'default'), simulator !== undefined && !hasPeer)
  const about = { simulated: simulator !== undefined, heard: speech.heard ?? null, ...calls }
  const server = await startServer(config, {
    sink: (inner) => demoSink(inner, shown),
    async publicRoutes(app) {
      await app.register(fastifyStatic, {
        root: fileURLToPath(new URL('../console/', import.meta.url)),
        prefix: '/console/',
        setHeaders(reply, path) {
          for (const [name, value] of Object.entries(CONSOLE_HEADERS)) reply.header(name, value)
          // The kit says nothing of this relay, and README's page on another port loads it from here.
          if (path.endsWith('kit.min.js')) reply.header('access-control-allow-origin', '*')
        },
      })
      app.get('/console/about.json', (_request, reply) => reply.headers(CONSOLE_HEADERS).send(about))
      // Across the redirect a browser keeps the fragment, which has the token.
      app.get('/', (_request, reply) => reply.redirect('/console/index.html'))
    },
  })
  // With the relay's events its page may come back to its session when its socket is lost.
  const token = await mintToken(config.auth, { subject: 'demo', ttlSeconds: TOKEN_SECONDS, claims: { relayEvents: true } })
  const url = server.url.replace('127.0.0.1', 'localhost')
  print(`Page       ${url}/#token=${token}`)
  print(`WebSocket  ${url.replace(/^http/, 'ws')}/v1/realtime`)
  print(`Token      ${token}`)
  print(`WebRTC     ${calls.noCalls === undefined ? `${calls.webrtc}: the page has a switch` : NO_CALLS[calls.noCalls]}`)
  print(`Metrics    ${server.adminUrl}/metrics`)
  print(simulator ? 'Upstream   the bundled simulator; tools: weather, time, orders (type “what is the weather in Lisbon?”)' : 'Upstream   as configured')
  if (simulator)
    print(
      `Speech     is not recognised: the simulator hears ${speech.heard === undefined ? 'one question about the weather; change it with demo --heard "…"' : JSON.stringify(speech.heard)}`,
    )
  if (!simulator && (speech.heard !== undefined || speech.voice)) print('Note       --heard and --voice are for the simulator, which is not used')
  return {
    async drain() {
      await server.drain()
      await toolServer.close()
      await simulator?.close()
    },
  }
}

interface DemoCalls {
  readonly webrtc: WebrtcMode
  /** Why the page has no switch. */
  readonly noCalls?: keyof typeof NO_CALLS
}

function callsOf(mode: WebrtcMode, lacksPeer: boolean): DemoCalls {
  if (lacksPeer) return { webrtc: 'off', noCalls: 'peer' }
  return mode === 'off' ? { webrtc: mode, noCalls: 'setting' } : { webrtc: mode }
}

/** The page's origins must be known before the server listens, so the port is found first. */
async function freePort(): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return String(port)
}
