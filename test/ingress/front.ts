// A real server with the realtime routes, a real store and real tokens. Its sessions echo and report what was decided.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import fastifyWebsocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { SignJWT } from 'jose'
import { WebSocket } from 'ws'
import { createAuthenticator } from '../../src/auth/authenticator.js'
import type { AuthConfig } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'
import type { SessionProfile } from '../../src/core/policy/profile.js'
import { fastifyServerOptions, websocketPluginOptions } from '../../src/ingress/server-options.js'
import { type TlsOptions, tlsOptions } from '../../src/ingress/tls.js'
import { type IngressDeps, registerWebSocketRoutes } from '../../src/ingress/websocket.js'
import { createLogger } from '../../src/ops/log.js'
import type { NewSession } from '../../src/ports/session.js'
import { createMemoryStore } from '../../src/store/memory/store.js'

const SECRET = 'ingress-test-secret-0123456789-abcdefghij'
const auth: AuthConfig = {
  key: { kind: 'secret', secret: new Secret(SECRET) },
  issuer: undefined,
  audience: undefined,
  algorithms: ['HS256'],
  clockToleranceMs: 5000,
  allowQueryToken: false,
}
const profile: SessionProfile = {
  name: 'default',
  instructions: '',
  tools: [],
  session: {},
  clientMaySet: new Set(),
  clientMaySeedHistory: false,
  forwardRateLimits: false,
  relayEvents: false,
  limits: {
    maxSessionMs: 60_000,
    idleTimeoutMs: 60_000,
    configureTimeoutMs: 5000,
    toolMaxRounds: 8,
    toolMaxConcurrent: 4,
    toolCallsPerMinute: 60,
    toolApprovalMs: 30_000,
    maxViolations: 10,
    responsesPerMinute: 60,
    sessionUpdatesPerMinute: 60,
    maxItems: 2000,
  },
}

export function token(claims: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({ sub: 'alice', ...claims }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('5m').sign(Buffer.from(SECRET))
}

interface FrontOptions {
  readonly config?: Partial<Omit<IngressDeps['config'], 'limits'>>
  readonly limits?: Partial<IngressDeps['config']['limits']>
  readonly deps?: Partial<IngressDeps>
  readonly allowQueryToken?: boolean
  readonly trustProxy?: boolean
  readonly tls?: { certFile: string; keyFile: string }
}

export interface Front {
  readonly app: FastifyInstance
  readonly port: number
  readonly ws: string
  readonly http: string
  readonly sessions: Set<NewSession>
  readonly leases: () => number
  readonly logs: () => string
  readonly store: ReturnType<typeof createMemoryStore>
  close(): Promise<void>
}

export async function startFront(options: FrontOptions = {}): Promise<Front> {
  const store = createMemoryStore()
  const sessions = new Set<NewSession>()
  let leases = 0
  let logs = ''
  const config = {
    allowedOrigins: undefined,
    clientDialect: 'ga' as const,
    refuseAfterUpgrade: false,
    trustProxy: options.trustProxy,
    ...options.config,
    limits: {
      maxSessions: 100,
      maxSessionsPerUser: 100,
      maxSessionMs: 60_000,
      idleTimeoutMs: 60_000,
      drainMs: 1000,
      resumeMs: 0,
      resumeBufferBytes: 65_536,
      audioBufferBytes: 65_536,
      reconnectsPerSecond: 20,
      handshakeTimeoutMs: 5000,
      upstreamConnectTimeoutMs: 1000,
      pingIntervalMs: 20_000,
      maxMessageBytes: 1024 * 1024,
      messagesPerSecond: 100,
      bytesPerSecond: 2_097_152,
      audioSecondsPerSecond: 20,
      responsesPerMinute: 60,
      sessionUpdatesPerMinute: 60,
      maxItems: 2000,
      clientBufferBytes: 1024 * 1024,
      slowClientMs: 1000,
      upstreamReconnectMs: 0,
      upstreamSessionMs: 0,
      connectsPerSecond: 1000,
      ...options.limits,
    },
  }
  const tls: TlsOptions | undefined = options.tls && tlsOptions(options.tls)
  const remember = (line: string): void => {
    logs += line
  }
  const app = Fastify({
    ...fastifyServerOptions(config, tls),
    loggerInstance: createLogger({ logLevel: 'trace' }, { write: remember, dropped: 0, flush: async () => undefined }),
  } as never) as unknown as FastifyInstance
  await app.register(fastifyWebsocket, websocketPluginOptions(config))
  registerWebSocketRoutes(app, {
    config,
    authenticator: createAuthenticator({ ...auth, allowQueryToken: options.allowQueryToken ?? false }),
    store: {
      ...store,
      leases: {
        lease: async (subject, sessionId, max) => {
          const lease = await store.leases.lease(subject, sessionId, max)
          if (!lease) return undefined
          leases++
          return {
            release: () => {
              leases--
              lease.release()
            },
          }
        },
      },
    },
    profileFor: () => profile,
    toolsFor: () => ({ tools: [], run: async () => ({ output: '', outcome: 'unknown_tool', durationMs: 0, cut: false }) }),
    draining: () => false,
    sessionCount: () => sessions.size,
    recorder: { note: () => {} },
    log: app.log,
    openSession: (session) => {
      sessions.add(session)
      const { client, dialect, requestedModel, identity } = session
      client.onClose(() => {
        sessions.delete(session)
        session.onEnd()
      })
      client.onFrame((frame) => client.send(frame))
      client.send(JSON.stringify({ type: 'session.created', dialect, requestedModel, subject: identity.subject }))
      client.resume()
    },
    ...options.deps,
  })
  app.get('/livez', async () => ({ status: 'ok' }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const scheme = tls ? 's' : ''
  return {
    app,
    port,
    ws: `ws${scheme}://127.0.0.1:${port}`,
    http: `http${scheme}://127.0.0.1:${port}`,
    sessions,
    leases: () => leases,
    logs: () => logs,
    store,
    close: async () => {
      for (const session of sessions) session.client.close(1012, '')
      await app.close()
    },
  }
}

export interface Opened {
  readonly socket: WebSocket
  /** The server's first event, which reports what was decided about this session. */
  readonly first: Record<string, unknown>
  readonly headers: Record<string, string | string[] | undefined>
}

export async function open(url: string, options: { headers?: Record<string, string>; protocols?: string[]; rejectUnauthorized?: boolean } = {}): Promise<Opened> {
  const { protocols = [], ...rest } = options
  const socket = new WebSocket(url, protocols, rest)
  let headers: Opened['headers'] = {}
  socket.on('upgrade', (response) => {
    headers = response.headers
  })
  const [data] = (await once(socket, 'message')) as [Buffer]
  return { socket, first: JSON.parse(data.toString()), headers }
}

export interface Refused {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly code: string
  readonly text: string
}

/** Dials and expects an HTTP refusal with the usual JSON body. */
export async function refused(url: string, options: { headers?: Record<string, string>; protocols?: string[] } = {}): Promise<Refused> {
  const { protocols = [], ...rest } = options
  const socket = new WebSocket(url, protocols, rest)
  socket.on('error', () => {})
  const [, response] = (await Promise.race([once(socket, 'unexpected-response'), once(socket, 'open').then(() => Promise.reject(new Error('was upgraded')))])) as [
    unknown,
    { statusCode: number; headers: Refused['headers'] } & AsyncIterable<Buffer>,
  ]
  let text = ''
  for await (const chunk of response) text += chunk.toString()
  socket.terminate()
  return { status: response.statusCode, headers: response.headers, code: codeOf(text), text }
}

/** The code of an error body. Fails if the body has another shape. */
export function codeOf(text: string): string {
  const body = JSON.parse(text) as { error: { type: string; code: string; message: string } }
  if (Object.keys(body).join() !== 'error' || Object.keys(body.error).join() !== 'type,code,message') throw new Error(`odd error body: ${text}`)
  return body.error.code
}

export const HEAD = 'Host: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'

/** Sends bytes and resolves to the answer, read until the server ends or `until` appears. */
export async function raw(port: number, bytes: string | Buffer, until?: string): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(bytes)
  let text = ''
  for await (const chunk of socket) {
    text += (chunk as Buffer).toString('latin1')
    if (until !== undefined && text.includes(until)) break
  }
  socket.destroy()
  return text
}

/** Resolves once `check` is true. Checks after each turn of the event loop and fails after five seconds. */
export async function eventually(check: () => boolean): Promise<void> {
  const end = performance.now() + 5000
  while (!check()) {
    if (performance.now() > end) throw new Error('did not become true')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
