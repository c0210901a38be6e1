// Turns the environment into one frozen Config and lists every mistake at once. Nothing else reads the process's environment.
import { KeyObject } from 'node:crypto'
import { resolve } from 'node:path'
import { readAudit } from './audit.js'
import { readAuth } from './auth.js'
import type { AuthConfig, CheckTools, Config } from './config.js'
import { ConfigError } from './config-error.js'
import { createEnvReader, createProblemList, type Environment, type EnvReader, type Problems } from './environment.js'
import { seeFiles } from './file-watch.js'
import { checkGuards } from './guard-policy.js'
import { readGuards } from './guards.js'
import { reportUnknown } from './misspelt.js'
import { readPrices } from './prices.js'
import { readProfiles } from './profiles.js'
import { proxyFor, readProxies } from './proxy.js'
import { readRecords } from './records.js'
import { type Renamed, withNewNames } from './renamed.js'
import { Secret } from './secret.js'
import { readTelemetry } from './telemetry.js'
import { hasSharedSecret, readTelephony } from './telephony.js'
import { readTlsPair } from './tls-files.js'
import { readProfileValues } from './token-claims.js'
import { readTools } from './tools.js'
import { readUpstreams } from './upstreams.js'
import { checkWebrtc, readWebrtc, webrtcMode } from './webrtc.js'

interface LoadOptions {
  /** `demo` does not report unknown variables, since a developer's shell holds many. */
  readonly mode: 'serve' | 'demo'
  /** Relative file names start from this folder. */
  readonly cwd: string
  /** Settings whose names have changed. Default: those of this version. */
  readonly renamed?: readonly Renamed[]
}

/** The process's own environment, by the names of this version, for `demo` to build upon. */
export function processEnvironment(): Environment {
  return withNewNames(process.env, createProblemList()).environment
}

const LIVE_FILES = ['TOOLS_FILE', 'GUARDS_FILE', 'PROFILES_FILE', 'INSTRUCTIONS_FILE', 'SESSION_FILE'] as const

/** Throws `ConfigError`. Reads the files that the environment names and dials nothing. `checkTools` comes from the part that runs tools. */
export function loadConfig(checkTools: CheckTools, given: Environment = process.env, options: LoadOptions = { mode: 'serve', cwd: process.cwd() }): Config {
  const problems = createProblemList()
  const { environment, inUse } = withNewNames(given, problems, options.renamed)
  const env = createEnvReader(environment, options.cwd, problems)
  const liveFiles = seeFiles(LIVE_FILES.flatMap((name) => (environment[name]?.trim() ? [resolve(options.cwd, environment[name])] : [])))
  const upstreams = readUpstreams(env, environment, problems)
  const auth = readAuth(env, problems)
  const tools = readTools(env, options.cwd, checkTools, problems)
  const proxies = readProxies(env, environment, problems)
  checkPinnedTools(tools, proxies, problems)
  const guards = readGuards({ env, problems, cwd: options.cwd })
  const profiles = readProfiles({
    env,
    problems,
    cwd: options.cwd,
    tools,
    guards,
    zones: upstreams.flatMap(({ zone }) => (zone === undefined ? [] : [zone])),
    voiceLive: upstreams.some((upstream) => upstream.provider === 'voice-live'),
    withPrices: env.isSet('PRICES_FILE'),
  })
  const identity = env.get('TOOL_IDENTITY_SECRET')
  if (identity && identity.bytes < 32) problems.add('TOOL_IDENTITY_SECRET', 'is too short: at least 32 bytes')
  const settings = {
    host: env.get('HOST'),
    port: env.get('PORT'),
    logLevel: env.get('LOG_LEVEL'),
    tls: readTls(env, options.cwd, problems),
    upstreams,
    proxies,
    allowedOrigins: env.get('ALLOWED_ORIGINS'),
    trustProxy: env.get('TRUST_PROXY'),
    refuseAfterUpgrade: env.get('REFUSE_AFTER_UPGRADE'),
    clientDialect: env.get('CLIENT_DIALECT'),
    profileClaim: env.get('JWT_PROFILE_CLAIM'),
    profileValues: readProfileValues(env, profiles, problems),
    tenantClaim: env.get('JWT_TENANT_CLAIM'),
    prices: readPrices(env, options.cwd, problems),
    quotaFailOpen: env.get('QUOTA_FAIL_OPEN'),
    profiles,
    tools,
    guards,
    liveFiles,
    clientMaySeedHistory: env.get('CLIENT_MAY_SEED_HISTORY'),
    forwardRateLimits: env.get('FORWARD_RATE_LIMITS'),
    redis: redisOf(env, problems),
    usageRetentionDays: env.get('USAGE_RETENTION_DAYS'),
    maxMemory: env.get('MAX_MEMORY_BYTES'),
    limits: readLimits(env),
    resume: { store: env.get('RESUME_STORE'), snapshots: env.get('RESUME_SNAPSHOTS') },
    toolLimits: {
      timeoutMs: env.get('TOOL_TIMEOUT_SECONDS'),
      maxBytes: env.get('TOOL_MAX_BYTES'),
      maxRounds: env.get('TOOL_MAX_ROUNDS'),
      maxConcurrent: env.get('TOOL_MAX_CONCURRENT'),
      callsPerMinute: env.get('TOOL_CALLS_PER_MINUTE'),
      approvalTimeoutMs: env.get('TOOL_APPROVAL_TIMEOUT_SECONDS'),
      logPayloads: env.get('LOG_TOOL_PAYLOADS'),
      identitySecret: identity?.secret,
    },
    webrtc: readWebrtc(env, options.cwd, problems),
    warmPoolSize: env.get('WARM_POOL_SIZE'),
    workers: env.get('WORKERS'),
    admin: { host: env.get('ADMIN_HOST'), port: env.get('ADMIN_PORT') },
    telemetry: readTelemetry(env, proxies, problems),
    audit: readAudit(env, options.cwd, problems),
    records: readRecords(env, options.cwd, profiles, problems),
    metricsFormat: env.get('METRICS_FORMAT'),
    renamed: inUse,
  }
  if (settings.port !== 0 && settings.port === settings.admin.port) problems.add('ADMIN_PORT', `is ${settings.port}, as PORT is: metrics need a port of their own`)
  checkWorkers(settings.workers, settings.limits.maxSessions, env.isSet('REDIS_URL'), problems)
  checkResume(settings, problems)
  const telephony = readTelephony(env, { ...settings, auth }, problems)
  checkWebrtc(settings, env.get('WEBRTC_CONFIDENTIAL_TOOLS') === 'allow', problems)
  checkGuards(settings, { webrtcOf: (name) => webrtcMode(settings, name), telephony, hasSharedSecret: hasSharedSecret({ ...settings, auth }) }, problems)
  if (options.mode === 'serve') reportUnknown(environment, env.freeNames, problems)
  if (problems.found.length > 0 || !auth) throw new ConfigError(problems.found)
  return deepFreeze({ ...settings, auth, telephony })
}

/** Through a proxy the relay cannot see which address a name leads to, so it cannot keep what such a tool asks for. */
function checkPinnedTools(tools: Config['tools'], proxies: Config['proxies'], problems: Problems): void {
  for (const tool of tools) {
    if (tool.kind !== 'http' || !tool.run.denyPrivateAddresses) continue
    const proxy = proxyFor(new URL(tool.run.url.replace(/[{}]/g, '')), proxies)
    if (!proxy) continue
    const subject = `TOOLS "${tool.definition.name}":`
    problems.add(
      subject,
      `denyPrivateAddresses cannot be kept through ${proxy.setting}, because the proxy resolves the name: name the host in NO_PROXY, or let the proxy judge and remove it`,
    )
  }
}

/** With counters in each process, a user could have as many sessions in every one of them. */
function checkWorkers(workers: number, maxSessions: number, redis: boolean, problems: Problems): void {
  if (workers === 1) return
  if (!redis) problems.add('WORKERS', `is ${workers} and REDIS_URL is missing: limits of users and revocations hold over several processes only through Redis`)
  if (maxSessions < workers) problems.add('MAX_SESSIONS', `is ${maxSessions}, less than the ${workers} WORKERS it is divided among`)
}

/** A session that moves is restored elsewhere, as after the loss of its upstream. */
function checkResume({ resume, redis, limits }: Pick<Config, 'resume' | 'redis' | 'limits'>, problems: Problems): void {
  const isShared = resume.store === 'redis'
  if (isShared && !redis) problems.add('RESUME_STORE', 'is redis and REDIS_URL is missing')
  if (isShared && limits.upstreamReconnectMs === 0)
    problems.add('RESUME_STORE', 'is redis and UPSTREAM_RECONNECT_SECONDS is 0: a session that moves could not be told to an upstream')
  if (isShared && limits.resumeMs === 0) problems.add('RESUME_STORE', 'is redis and RESUME_SECONDS is 0: no client may come back')
  if (resume.snapshots && !isShared) problems.add('RESUME_SNAPSHOTS', 'is true and RESUME_STORE is not redis')
}

/** Only the settings that verify tokens, which is all that the command `token` needs. Throws `ConfigError`. */
export function loadAuthConfig(environment: Environment = process.env, cwd: string = process.cwd()): AuthConfig {
  const problems = createProblemList()
  const auth = readAuth(createEnvReader(withNewNames(environment, problems).environment, cwd, problems), problems)
  if (problems.found.length > 0 || !auth) throw new ConfigError(problems.found)
  return deepFreeze(auth)
}

/** Where the relays keep what they share. Throws `ConfigError`. */
export function loadRedisConfig(environment: Environment = process.env, cwd: string = process.cwd()): Config['redis'] {
  const problems = createProblemList()
  const env = createEnvReader(withNewNames(environment, problems).environment, cwd, problems)
  const redis = redisOf(env, problems)
  if (problems.found.length > 0) throw new ConfigError(problems.found)
  return redis
}

function redisOf(env: ReturnType<typeof createEnvReader>, problems: Problems): Config['redis'] {
  const [address, keyPrefix, entra] = [env.get('REDIS_URL'), env.get('REDIS_KEY_PREFIX'), env.get('REDIS_ENTRA')]
  const objection = address?.objections[entra ? 'entra' : 'password']
  if (objection !== undefined) problems.add('REDIS_URL', objection)
  if (entra && !env.isSet('REDIS_URL')) problems.add('REDIS_ENTRA', 'is true and REDIS_URL is missing')
  return address && { url: address.url, keyPrefix, entra }
}

function readLimits(env: EnvReader): Config['limits'] {
  return {
    maxSessions: env.get('MAX_SESSIONS'),
    maxSessionsPerUser: env.get('MAX_SESSIONS_PER_USER'),
    maxSessionMs: env.get('MAX_SESSION_SECONDS'),
    idleTimeoutMs: env.get('IDLE_TIMEOUT_SECONDS'),
    drainMs: env.get('DRAIN_SECONDS'),
    resumeMs: env.get('RESUME_SECONDS'),
    resumeBufferBytes: env.get('RESUME_BUFFER_BYTES'),
    audioBufferBytes: env.get('AUDIO_BUFFER_BYTES'),
    reconnectsPerSecond: env.get('RECONNECTS_PER_SECOND'),
    handshakeTimeoutMs: env.get('HANDSHAKE_TIMEOUT_SECONDS'),
    upstreamConnectTimeoutMs: env.get('UPSTREAM_CONNECT_TIMEOUT_SECONDS'),
    upstreamSessionMs: env.get('UPSTREAM_SESSION_SECONDS'),
    upstreamReconnectMs: env.get('UPSTREAM_RECONNECT_SECONDS'),
    pingIntervalMs: env.get('PING_INTERVAL_SECONDS'),
    maxMessageBytes: env.get('MAX_MESSAGE_BYTES'),
    messagesPerSecond: env.get('MESSAGES_PER_SECOND'),
    bytesPerSecond: env.get('BYTES_PER_SECOND'),
    audioSecondsPerSecond: env.get('AUDIO_SECONDS_PER_SECOND'),
    responsesPerMinute: env.get('RESPONSES_PER_MINUTE'),
    sessionUpdatesPerMinute: env.get('SESSION_UPDATES_PER_MINUTE'),
    maxItems: env.get('MAX_ITEMS_PER_SESSION'),
    clientBufferBytes: env.get('CLIENT_BUFFER_BYTES'),
    slowClientMs: env.get('SLOW_CLIENT_SECONDS'),
    connectsPerSecond: env.get('CONNECTS_PER_SECOND'),
  }
}

function readTls(env: EnvReader, cwd: string, problems: Problems): Config['tls'] {
  const names = ['TLS_CERT_FILE', 'TLS_KEY_FILE'] as const
  const missing = names.filter((name) => !env.isSet(name))
  if (missing.length === 2) return undefined
  for (const name of missing) problems.add(name, `is missing: ${names.filter((other) => other !== name).join()} is set, and one is of no use without the other`)
  const [certFile, keyFile] = names.map((name) => (env.isSet(name) ? resolve(cwd, env.get(name) ?? '') : undefined))
  for (const { setting, problem } of readTlsPair(certFile, keyFile).problems) problems.add(setting, problem)
  return certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined
}

/** Plain objects and lists only. URLs, keys and secrets have no public state to protect, and a key keeps what it looked up in itself. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof URL || value instanceof KeyObject || value instanceof Secret) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
