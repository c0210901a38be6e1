// Builds every part, plugs it into its port, and listens.
import type { Server as TlsServer } from 'node:tls'
import fastifyWebsocket from '@fastify/websocket'
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { createAuthenticator } from '../auth/authenticator.js'
import type { Config } from '../config/config.js'
import { configWarnings } from '../config/describe.js'
import { VERSION } from '../config/version.js'
import { type QuotaLeft, quotaLeft } from '../core/policy/quota.js'
import { trustedProxies } from '../ingress/proxies.js'
import { registerQuotaRoute } from '../ingress/quota-route.js'
import { fastifyServerOptions, websocketPluginOptions } from '../ingress/server-options.js'
import { tlsOptions, watchTls } from '../ingress/tls.js'
import { registerWebSocketRoutes } from '../ingress/websocket.js'
import { createReadiness, registerHealthRoutes } from '../ops/health.js'
import { createLogger } from '../ops/log.js'
import { type LogSink, openLogSink } from '../ops/log-sink.js'
import { createMetrics } from '../ops/metrics.js'
import { joinRecorders } from '../ops/session-log.js'
import type { Identity } from '../ports/caller.js'
import type { Peers } from '../ports/peers.js'
import type { UsageBook } from '../ports/store.js'
import { maxSessionsPerUser, profileName, quotaPolicy } from '../profiles/choose.js'
import { createLiveConfig } from '../profiles/live.js'
import { quotaUsage } from '../relay/quota.js'
import { createRelay } from '../relay/relay.js'
import { within } from '../time/within.js'
import { createToolRegistry } from '../tools/registry.js'
import type { TokenCredential } from '../upstream/azure-credential.js'
import { createFailOver } from '../upstream/fail-over.js'
import { createAdminServer } from './admin-port.js'
import { metricsOfAll } from './all-metrics.js'
import { openAudit } from './audit.js'
import { startCallsIfOn } from './calls-if-on.js'
import { guardsHealth, openGuards } from './guards.js'
import { keyFetch } from './key-fetch.js'
import { listenOn } from './listen.js'
import { countForOperators, shareLive } from './live.js'
import { watchMemory } from './memory.js'
import { startPhoneIfOn } from './phone-if-on.js'
import { openPinned } from './pinned.js'
import { openRecords } from './records.js'
import { randomId, relaySettings, steadyNow } from './relay-settings.js'
import { sessionRecorders } from './session-recorders.js'
import { createStore } from './store.js'
import { openTelemetry } from './telemetry.js'
import { toolRegistryOptions } from './tools.js'
import { createUpstreams } from './upstreams.js'
import { createWarmUpstreams } from './warm-upstreams.js'

export interface RelayServer {
  /** `http(s)://host:port` of the public listener. */
  readonly url: string
  readonly adminUrl: string
  readonly log: FastifyBaseLogger
  /** Takes up changed tools, profiles and instructions for new sessions. A bad file is logged and changes nothing. Never rejects. */
  reload(): Promise<void>
  /** Lets running answers finish within `DRAIN_SECONDS`, spreads the closes, writes what is queued, and stops listening. */
  drain(): Promise<void>
}

export interface ServerExtras {
  /** Reads the configuration again when its files change. If absent, it never changes. */
  readonly load?: () => Config
  /** Adds routes to the public listener, such as the demo's page. */
  readonly publicRoutes?: (app: FastifyInstance) => Promise<void>
  /** Stands between the log and standard output. */
  readonly sink?: (inner: LogSink) => LogSink
  /** Instead of `@azure/identity`'s default chain. */
  readonly credential?: TokenCredential
  /** The processes that share the ports with this one. The metrics page then covers all of them. */
  readonly peers?: Peers
}

/** Part of the drain time that is kept for writing what the store has queued. */
const FLUSH_MS = 2000
const LOG_FLUSH_MS = 500
/** At shutdown, a request under way gets this long. */
const HTTP_GRACE_MS = 500
/** Longest wait for the parts to close once no session is left. */
const CLOSING_MS = 5000
/** No route has a schema, and loading a compiler for schemas would take a third of the time to start. */
const NO_SCHEMAS = { compilersFactory: { buildValidator: refuseSchemas, buildSerializer: refuseSchemas } }

/** Rejects if a part cannot be built or a port cannot be opened. It closes whatever was open by then. */
export async function startServer(config: Config, extras: ServerExtras = {}): Promise<RelayServer> {
  const stdout = openLogSink(1)
  const metrics = createMetrics({ format: config.metricsFormat })
  const telemetry = await openTelemetry(config, metrics)
  const sink = telemetry.sink(extras.sink?.(stdout) ?? stdout)
  const log = createLogger(config, sink)
  telemetry.tellTo(log)
  const counting = countForOperators(metrics)
  metrics.gauge('relay_log_lines_dropped', 'Log lines dropped because nobody read them fast enough.', () => sink.dropped)
  const closers: (() => Promise<unknown>)[] = [() => telemetry.close()]
  try {
    const authenticator = createAuthenticator(config.auth, keyFetch(config))
    const uncounted = await createStore(config, log, extras.credential)
    const store = { ...uncounted, usage: metrics.upstreams.counted(uncounted.usage) }
    closers.push(() => store.close(FLUSH_MS))
    const audit = await openAudit(config, store, log, metrics)
    closers.push(() => audit.close())
    const records = await openRecords(config, log, metrics, audit.book)
    closers.push(() => records.close())
    const general = joinRecorders(counting.recorder, ...audit.general)
    const recorderOf = sessionRecorders({ counting, log, telemetry, kept: [audit, records] })
    for (const warning of configWarnings(config)) log.warn(warning)
    const live = await createLiveConfig({
      config,
      load: extras.load,
      createTools(version) {
        metrics.expect(version)
        for (const part of [audit, records]) part.configured(version)
        return createToolRegistry(version.tools, toolRegistryOptions(version, log))
      },
      createGuards: (version) => openGuards(version, log, extras.credential),
      log,
      count: metrics.counter('relay_config_reloads_total', 'Changed configurations taken up or refused.', 'result', ['reloaded', 'refused']),
    })
    closers.push(() => live.close())
    const provider = createFailOver(createWarmUpstreams(createUpstreams(config, log, extras.credential), live, log, metrics), {
      limits: store.limits,
      now: Date.now,
      random: Math.random,
      connectTimeoutMs: config.limits.upstreamConnectTimeoutMs,
      log,
      onDialled: counting.dialled,
    })
    metrics.upstreams.watch({ upstreams: provider.views, limits: store.limits })
    closers.push(() => provider.close())
    const relay = createRelay({
      provider,
      store,
      directory: store.directory,
      authenticator,
      settings: relaySettings(config),
      ledger: config,
      now: Date.now,
      steady: steadyNow,
      randomId,
    })
    metrics.gauge('relay_restores_waiting', 'Sessions that lost their upstream and wait for their turn to dial.', relay.restoresWaiting)
    metrics.gauge('relay_conversation_bytes', 'Text of conversations that is kept for the next upstream.', relay.sessions.conversationBytes)
    metrics.gauge('relay_kept_audio_bytes', 'Audio of clients that is kept for the next upstream.', relay.audioBytes)
    // The relay's own lines say what happened to a request. Fastify's would repeat that for every probe.
    const quiet = {
      logController: new LogController({ disableRequestLogging: true }),
      // A logger for each request would redact anew for the sake of the request's number: 30 KB of garbage a session.
      childLoggerFactory: (logger: FastifyBaseLogger) => logger,
      schemaController: NO_SCHEMAS,
    }
    const memory = watchMemory({ setting: config.maxMemory, processes: config.workers, spare: relay.spareAudio, sessionCount: () => relay.sessions.count })
    let draining = false
    const watched = { draining: () => draining, overloaded: () => memory.full() || audit.refuses(), unaudited: audit.refuses }
    const calls = await startCallsIfOn({ config, live, store, relay, upstreams: provider, metrics, recorderOf, log, ...watched })
    if (calls) closers.push(calls.close)
    const phone = await startPhoneIfOn({ config, live, store, relay, calls, metrics, recorderOf, audit: audit.book, log, steady: steadyNow, ...watched })
    if (phone) closers.push(phone.close)

    const tls = config.tls && tlsOptions(config.tls)
    const app: FastifyInstance = fastify({ ...fastifyServerOptions(config, tls), loggerInstance: log as FastifyBaseLogger, ...quiet })
    closers.push(() => closeHttp(app))
    await app.register(fastifyWebsocket, websocketPluginOptions(config))
    const readiness = createReadiness({
      auth: () => authenticator.health(),
      upstream: () => provider.health(),
      limits: () => store.health(),
      tools: () => live.tools.health(),
      guards: () => live.guards && guardsHealth(live.guards),
      memory: memory.health,
      draining: () => draining,
    })
    registerHealthRoutes(app, readiness, { details: false })
    await extras.publicRoutes?.(app)
    registerQuotaRoute(app, { authenticator, store, proxies: trustedProxies(config.trustProxy), quotaOf: (identity) => quotaOf(live.config, store.usage, identity) })
    registerWebSocketRoutes(app, {
      config,
      authenticator,
      store,
      profileFor: (identity, requestedModel) => live.profileFor(identity, requestedModel),
      toolsFor: (profile) => live.toolsFor(profile),
      sessionsAllowed: (identity) => maxSessionsPerUser(live.config, profileName(live.config, identity, undefined)),
      openSession: (session) => openPinned(live, session.profile, session.onEnd, (pinned) => relay.openSession({ ...session, ...pinned, recorder: recorderOf(session) })),
      recorder: general,
      ...watched,
      sessionCount: () => relay.sessions.count,
      resume: relay.resume,
      log,
      calls: calls?.webrtc,
      callRoutes: calls?.webrtc?.routes,
      phoneRoutes: phone?.routes,
    })
    const { peers } = extras
    const operators = shareLive({ config, relay, upstreams: provider.views, counted: counting.counted, readiness, store, peers, now: Date.now })
    const admin = createAdminServer(
      { loggerInstance: log as FastifyBaseLogger, ...quiet },
      readiness,
      { metrics: metricsOfAll(metrics, peers, config.metricsFormat), sessionCount: () => relay.sessions.count },
      { authenticator, scopeClaim: config.auth.scopeClaim, store, upstreams: provider.views, live: operators, audit: audit.book, now: Date.now, log },
    )
    closers.push(() => closeHttp(admin))

    const adminUrl = await listenOn(admin, 'ADMIN_', config.admin)
    const url = await listenOn(app, '', config)
    if (config.tls) {
      const stop = watchTls(config.tls, app.server as unknown as TlsServer, (result) => log.info({ result }, 'TLS certificate'))
      closers.push(async () => stop())
    }
    log.info({ version: VERSION, node: process.version, url, adminUrl }, 'listening')

    return {
      url,
      adminUrl,
      log,
      reload: () => live.reload(),
      async drain() {
        const end = performance.now() + config.limits.drainMs
        draining = true
        log.info({ sessions: relay.sessions.count }, 'draining')
        await relay.sessions.drain(Math.max(0, config.limits.drainMs - FLUSH_MS))
        await calls?.settled(CLOSING_MS)
        relay.sessions.stop()
        await records.close()
        // Its last checkpoint goes by the store.
        await within(FLUSH_MS, audit.close(), () => undefined)
        const left = Math.min(Math.max(end - performance.now(), FLUSH_MS), CLOSING_MS)
        await within(left, Promise.all(closers.map((close) => close().catch(() => undefined))), () => undefined)
        log.info('stopped')
        await sink.flush(LOG_FLUSH_MS)
      },
    }
  } catch (error) {
    await closeAll(closers)
    throw error
  }
}

async function quotaOf(config: Config, usage: UsageBook, identity: Identity): Promise<readonly QuotaLeft[] | undefined> {
  const policy = quotaPolicy(config, profileName(config, identity, undefined), identity.claims)
  if (!policy) return []
  const used = await quotaUsage(usage, identity.subject, policy, Date.now())
  return used && quotaLeft(policy, used)
}

function refuseSchemas(): never {
  throw new Error('routes of the relay have no schemas')
}

async function closeHttp(app: FastifyInstance): Promise<void> {
  const closing = app.close()
  await within(HTTP_GRACE_MS, closing, () => {
    app.server.closeAllConnections()
    return closing
  })
}

/** Closes in reverse order of building. If one part fails to close, the others are closed all the same. */
async function closeAll(closers: (() => Promise<unknown>)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close().catch(() => undefined)
}
