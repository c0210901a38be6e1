// One connection to Redis that reconnects by itself, never queues while it is away, and answers or fails within a time the caller names.
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { RedisTarget } from '../../config/redis-url.js'

export type RedisClient = Redis | Cluster

/** Why Redis did not do what it was asked, in words fit for a log. */
export type RedisProblem =
  | 'redis is not connected'
  | 'redis does not answer'
  | 'redis refuses the credentials'
  | 'redis shows a certificate that is not trusted'
  | 'redis is read-only'
  | 'redis is full'
  | 'redis is not ready to serve'
  | 'redis holds something else under this key'
  | 'redis refuses the command'

/** `message` is one of the fixed words: never a reply's own text, which may quote a key. */
export class RedisAway extends Error {
  override readonly name = 'RedisAway'
  constructor(readonly problem: RedisProblem) {
    super(problem)
  }
}

export interface RedisConnection {
  readonly client: RedisClient
  isReady(): boolean
  /**
   * Runs a command. Rejects with `RedisAway` at once while not connected, and after `timeoutMs` without an answer: whether the command was done is then unknown.
   * With `impatient` it also rejects at once for a second after an answer failed to come, so that a frozen Redis delays few callers.
   */
  ask<T>(command: (client: RedisClient) => Promise<T>, timeoutMs: number, impatient?: boolean): Promise<T>
  /** Drops a connection that seems dead; a new one follows. */
  reconnect(): void
  close(): void
}

/** The longest wait between two attempts: recovery is noticed within it. */
const MAX_BACKOFF_MS = 1_000
const COMMAND_TIMEOUT_MS = 1_500
const CONNECT_TIMEOUT_MS = 2_000
/** A connection whose commands stay without any answer for this long is given up. */
const SILENCE_MS = 5_000
const SUSPICION_MS = 1_000
const READONLY_RECONNECT_MS = 1_000

export function connectRedis(target: RedisTarget, on: { ready: () => void; lost: () => void; problem: (problem: RedisProblem) => void }): RedisConnection {
  const client = target.kind === 'cluster' ? clusterClient(target) : singleClient(target)
  let suspectUntil = 0
  let closed = false
  client.on('error', (error) => on.problem(problemOf(error)))
  client.on('ready', () => on.ready())
  client.on('close', () => !closed && on.lost())

  const isReady = () => client.status === 'ready'

  return {
    client,
    isReady,
    ask: async (command, timeoutMs, impatient = false) => {
      if (!isReady()) throw new RedisAway('redis is not connected')
      if (impatient && performance.now() < suspectUntil) throw new RedisAway('redis does not answer')
      try {
        const answer = await within(command(client), timeoutMs)
        suspectUntil = 0
        return answer
      } catch (error) {
        const problem = problemOf(error)
        if (problem === 'redis does not answer') suspectUntil = performance.now() + SUSPICION_MS
        throw new RedisAway(problem)
      }
    },
    reconnect: () => client.disconnect(true),
    close: () => {
      closed = true
      client.disconnect()
    },
  }
}

function singleClient(target: RedisTarget): Redis {
  const [first, ...rest] = target.nodes
  const options = { ...commonOptions(target), db: target.db, retryStrategy: backoff, enableOfflineQueue: false, reconnectOnError: readonlyReconnect() } satisfies RedisOptions
  if (target.kind === 'single') return new Redis({ ...options, host: first.host, port: first.port })
  return new Redis({
    ...options,
    sentinels: [first, ...rest],
    ...(target.master !== undefined && { name: target.master }),
    sentinelRetryStrategy: backoff,
    sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
    ...(target.tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
  })
}

function clusterClient(target: RedisTarget): Cluster {
  return new Cluster([...target.nodes], {
    redisOptions: commonOptions(target),
    clusterRetryStrategy: backoff,
    enableOfflineQueue: false,
    maxRedirections: 4,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    // With TLS the certificate is for the name, not for the address the name has today.
    ...(target.tls && { dnsLookup: (host, callback) => callback(null, host) }),
  })
}

function commonOptions(target: RedisTarget) {
  return {
    ...(target.username !== undefined && { username: target.username }),
    ...(target.password !== undefined && { password: target.password }),
    ...(target.tls && { tls: {} }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SILENCE_MS,
    keepAlive: 10_000,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    disableClientInfo: true,
  } satisfies RedisOptions
}

/** Milliseconds before the attempt: doubling from 50 ms, half of it by chance, so that a fleet does not come back in one instant. */
function backoff(attempt: number): number {
  const full = Math.min(MAX_BACKOFF_MS, 50 * 2 ** Math.min(attempt, 10))
  return Math.round(full / 2 + (Math.random() * full) / 2)
}

/** A master that became a replica is left, at most once a second: another address may answer to the same name by now. */
function readonlyReconnect(): (error: Error) => boolean {
  let last = Number.NEGATIVE_INFINITY
  return (error) => {
    if (!replyOf(error).startsWith('READONLY') || performance.now() - last < READONLY_RECONNECT_MS) return false
    last = performance.now()
    return true
  }
}

function within<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new RedisAway('redis does not answer')), timeoutMs)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

const REPLIES: readonly (readonly [RegExp, RedisProblem])[] = [
  [/^(NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password)/, 'redis refuses the credentials'],
  [/^READONLY/, 'redis is read-only'],
  [/^OOM/, 'redis is full'],
  [/^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MISCONF|NOREPLICAS)/, 'redis is not ready to serve'],
  [/^WRONGTYPE/, 'redis holds something else under this key'],
  [/timed out|timeout/i, 'redis does not answer'],
]

/** Redis 6 wraps what a command in a script was answered (`ERR Error running script (call to f_…): @user_script:1: -READONLY …`), Redis 7 does not. */
export function replyOf({ message }: Error): string {
  return message.replace(/^ERR Error running script .*@user_script: ?\d+: -?/s, '')
}

function problemOf(error: unknown): RedisProblem {
  if (error instanceof RedisAway) return error.problem
  if (!(error instanceof Error)) return 'redis refuses the command'
  const reply = replyOf(error)
  const known = REPLIES.find(([pattern]) => pattern.test(reply))
  if (known) return known[1]
  if ('code' in error && /CERT|SIGNATURE/.test(String(error.code))) return 'redis shows a certificate that is not trusted'
  return error.name === 'ReplyError' ? 'redis refuses the command' : 'redis is not connected'
}
