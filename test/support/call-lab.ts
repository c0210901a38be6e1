// A relay's way in and out for calls by WebRTC and SIP over real HTTP, a service on loopback and any store; its sessions only hold the sideband.
import fastifyWebsocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { createAuthenticator } from '../../src/auth/authenticator.js'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadConfig } from '../../src/config/load.js'
import type { TelephonyConfig } from '../../src/config/telephony-config.js'
import type { EndCode } from '../../src/core/session/actions.js'
import { fastifyServerOptions, websocketPluginOptions } from '../../src/ingress/server-options.js'
import { registerWebSocketRoutes } from '../../src/ingress/websocket.js'
import { createLogger } from '../../src/ops/log.js'
import { createMetrics } from '../../src/ops/metrics.js'
import type { Link } from '../../src/ports/link.js'
import type { Store } from '../../src/ports/store.js'
import { createLiveConfig } from '../../src/profiles/live.js'
import type { CallRelay } from '../../src/server/call-parts.js'
import { type Calls, startCalls } from '../../src/server/calls.js'
import { startPhoneIfOn } from '../../src/server/phone-if-on.js'
import { createStore } from '../../src/server/store.js'
import { toolRegistryOptions } from '../../src/server/tools.js'
import { createUpstreams } from '../../src/server/upstreams.js'
import { checkTools } from '../../src/tools/check.js'
import { createToolRegistry } from '../../src/tools/registry.js'
import { createFailOver } from '../../src/upstream/fail-over.js'
import { type CallUpstream, UPSTREAM_KEY } from './call-upstream.js'

export type OpenedCall = Parameters<CallRelay['openCall']>[0]

export interface CallLab {
  readonly url: string
  readonly store: Store
  readonly calls: Calls
  /** Sessions that are open, by the call's id. */
  readonly sessions: ReadonlyMap<string, OpenedCall>
  /** Of every session that ended: why. */
  readonly ended: readonly { readonly id: string; readonly code: EndCode }[]
  /** Links that followed a call. */
  readonly followers: readonly Link[]
  /** Sessions that have their place now. */
  places(): number
  readonly logs: () => string
  metrics(): Promise<string>
  token(subject?: string, claims?: Record<string, unknown>, ttlSeconds?: number): Promise<string>
  /** The sessions go on elsewhere, as in a drain. */
  handOver(): void
  /** The process is gone: it renews nothing and hangs up nothing. */
  die(): Promise<void>
  close(): Promise<void>
}

interface LabOptions {
  readonly service: CallUpstream
  readonly env?: Record<string, string>
  readonly liveMs?: number
  readonly everyMs?: number
  /** Instead of a relay that is live as soon as the sideband is. */
  readonly onOpen?: (session: OpenedCall) => void
  readonly changeStore?: (store: Store) => Store
  /** Calls by SIP are taken as well. */
  readonly telephony?: TelephonyConfig
}

export const PERSONA = 'canary persona: never say that word'

export async function startCallLab({ service, env = {}, liveMs = 2000, everyMs = 60_000, onOpen, changeStore = (store) => store, telephony }: LabOptions): Promise<CallLab> {
  const loaded = loadConfig(
    checkTools,
    {
      JWT_SECRET: 'a shared secret of the tests, 32 bytes or more',
      AZURE_OPENAI_ENDPOINT: service.url,
      AZURE_OPENAI_DEPLOYMENT: 'canary-deployment',
      AZURE_OPENAI_API_KEY: UPSTREAM_KEY,
      INSTRUCTIONS: PERSONA,
      WEBRTC: 'media-only',
      CONNECTS_PER_SECOND: '1000',
      ...env,
    },
    { mode: 'serve', cwd: process.cwd() },
  )
  const config = telephony ? { ...loaded, telephony } : loaded
  let logs = ''
  const write = (line: string) => {
    logs += line
  }
  const log = createLogger({ logLevel: 'trace' }, { write, dropped: 0, flush: async () => undefined })
  const metrics = createMetrics({ processMetrics: false })
  const store = changeStore(await createStore(config, log))
  const live = await createLiveConfig({
    config,
    load: undefined,
    createTools: (version) => createToolRegistry(version.tools, toolRegistryOptions(version, log)),
    log,
    count: () => undefined,
  })
  const upstreams = createFailOver(createUpstreams(config, log), { limits: store.limits, now: Date.now, random: Math.random, connectTimeoutMs: 2000, log })
  const authenticator = createAuthenticator(config.auth)
  const sessions = new Map<string, OpenedCall>()
  const links = new Map<string, Link>()
  const ended: { id: string; code: EndCode }[] = []
  const followers: Link[] = []
  let places = 0
  let dead = false

  function over(session: OpenedCall, code: EndCode, handsOver = false): void {
    const { id } = session.call
    if (!sessions.delete(id) || dead) return
    links.get(id)?.close(1000, '')
    ended.push({ id, code })
    session.call.onOver({ code, handsOver })
    session.onEnd()
  }

  const relay: CallRelay = {
    openCall(session) {
      const { call, sessionId } = session
      sessions.set(call.id, session)
      if (onOpen) return onOpen(session)
      call.attach({ correlationId: sessionId, trace: session.trace, signal: new AbortController().signal }).then(
        ({ link }) => {
          links.set(call.id, link)
          link.onClose(() => over(session, 'upstream_lost'))
          link.resume()
          call.onLive()
        },
        () => over(session, 'upstream_refused'),
      )
    },
    claimCall(id, { subject }) {
      const session = sessions.get(id)
      if (session?.identity.subject !== subject) return undefined
      return {
        sessionId: session.sessionId,
        attach(link) {
          if (!sessions.has(id)) return false
          followers.push(link)
          link.resume()
          link.send(JSON.stringify({ type: 'session.created', call: id }))
          return true
        },
      }
    },
    sessions: {
      get count() {
        return sessions.size
      },
      endByOperator({ sessionId }) {
        const found = [...sessions.values()].filter((session) => session.sessionId === sessionId)
        for (const session of found) over(session, 'session_over')
        return found.length
      },
    },
  }
  const leases: Store['leases'] = {
    async lease(subject, sessionId, max) {
      const lease = await store.leases.lease(subject, sessionId, max)
      if (!lease) return undefined
      places++
      let held = true
      return {
        release() {
          if (held) places--
          held = false
          lease.release()
        },
      }
    },
  }
  const counted = { ...store, leases }
  const calls = startCalls({
    config,
    live,
    store: counted,
    relay,
    upstreams,
    recorderOf: () => metrics.recorder,
    metrics,
    log: log as never,
    draining: () => false,
    overloaded: () => false,
    liveMs,
    everyMs,
  })
  const phone = await startPhoneIfOn({
    config,
    live,
    store: counted,
    relay: { openSession: () => undefined, sessions: relay.sessions },
    calls,
    recorderOf: () => metrics.recorder,
    metrics,
    log: log as never,
    draining: () => false,
    overloaded: () => false,
    steady: Date.now,
  })
  const app = Fastify({ ...fastifyServerOptions(config), loggerInstance: log } as never) as unknown as FastifyInstance
  await app.register(fastifyWebsocket, websocketPluginOptions(config))
  registerWebSocketRoutes(app, {
    config,
    authenticator,
    store: counted,
    profileFor: live.profileFor,
    toolsFor: live.toolsFor,
    draining: () => false,
    sessionCount: () => sessions.size,
    recorder: metrics.recorder,
    log: app.log,
    openSession: () => undefined,
    calls,
    callRoutes: calls.routes,
    phoneRoutes: phone?.routes,
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()

  async function stop(): Promise<void> {
    await calls.close()
    await phone?.close()
    for (const link of [...links.values(), ...followers]) link.close(1000, '')
    app.server.closeAllConnections()
    await app.close()
    await Promise.all([upstreams.close(), live.close(), store.close(1000)])
  }

  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    store,
    calls,
    sessions,
    ended,
    followers,
    places: () => places,
    logs: () => logs,
    metrics: () => metrics.text(),
    token: (subject = 'alice', claims = {}, ttlSeconds = 600) => mintToken(config.auth, { subject, ttlSeconds, claims }),
    handOver() {
      for (const session of [...sessions.values()]) over(session, 'draining', true)
    },
    async die() {
      dead = true
      await stop()
    },
    async close() {
      for (const session of [...sessions.values()]) over(session, 'session_over')
      await calls.settled(2000)
      await stop()
    },
  }
}
