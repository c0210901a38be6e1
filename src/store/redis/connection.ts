// One connection to Redis. It reconnects by itself, never queues a command, and answers or fails within the caller's time.
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { RedisTarget } from '../../config/redis-url.js'
import { within } from '../../time/within.js'
import { keepSignedIn, type SignInTokens } from './sign-in.js'

export type RedisClient = Redis | Cluster

/** Why a command failed, in words fit for a log. */
export type RedisProblem =
  | 'redis is not connected'
  | 'redis does not answer'
  | 'redis refuses the credentials'
  | 'redis waits for an Entra ID token'
  | 'redis shows a certificate that is not trusted'
  | 'redis is read-only'
  | 'redis is full'
  | 'redis is not ready to serve'
  | 'redis holds something else under this key'
  | 'redis refuses the command'

/** `message` is one of these sentences, never a reply's own text, which may quote a key. */
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
   * Runs a command. Rejects with `RedisAway` at once if not connected, and after `timeoutMs` without an answer. The command may then have run or not.
   * With `impatient` it also rejects at once for a second after any timeout, so that a frozen Redis delays few callers.
   */
  ask<T>(command: (client: RedisClient) => Promise<T>, timeoutMs: number, impatient?: boolean): Promise<T>
  /** Drops a connection that seems dead and opens a new one. */
  reconnect(): void
  close(): void
}

/** The longest pause between two attempts, so recovery is noticed within it. */
const MAX_BACKOFF_MS = 1_000
const COMMAND_TIMEOUT_MS = 1_500
const CONNECT_TIMEOUT_MS = 2_000
/** A connection without any answer for this long is dropped. */
const SILENCE_MS = 5_000
const SUSPICION_MS = 1_000
const READONLY_RECONNECT_MS = 1_000

interface ConnectionEvents {
  ready(): void
  lost(): void
  problem(problem: RedisProblem): void
}

/** With `tokens`, connects as soon as there is one. */
export function connectRedis(target: RedisTarget, on: ConnectionEvents, tokens?: SignInTokens): RedisConnection {
  const client = target.kind === 'cluster' ? clusterClient(target) : singleClient(target, tokens !== undefined)
  let suspectUntil = 0
  let closed = false
  client.on('error', (error) => on.problem(problemOf(error)))
  client.on('ready', () => on.ready())
  client.on('close', () => !closed && on.lost())

  const isReady = () => client.status === 'ready'
  const signIn = { none: () => isReady() || on.problem('redis waits for an Entra ID token'), refused: (error: unknown) => on.problem(problemOf(error)) }
  const stop = tokens && client instanceof Redis ? keepSignedIn(client, tokens, signIn) : undefined

  return {
    client,
    isReady,
    ask: async (command, timeoutMs, impatient = false) => {
      if (!isReady()) throw new RedisAway('redis is not connected')
      if (impatient && performance.now() < suspectUntil) throw new RedisAway('redis does not answer')
      try {
        const answer = await within(timeoutMs, command(client), noAnswer)
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
      stop?.()
      client.disconnect()
    },
  }
}

function singleClient(target: RedisTarget, lazyConnect: boolean): Redis {
  const [first, ...rest] = target.nodes
  const options = {
    ...commonOptions(target),
    db: target.db,
    retryStrategy: backoff,
    enableOfflineQueue: false,
    lazyConnect,
    reconnectOnError: readonlyReconnect(),
  } satisfies RedisOptions
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
    // The certificate names the host, not its current address.
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

/** Milliseconds before the attempt: doubles from 50 ms. Half of it is random, so that a fleet does not reconnect all at once. */
function backoff(attempt: number): number {
  const full = Math.min(MAX_BACKOFF_MS, 50 * 2 ** Math.min(attempt, 10))
  return Math.round(full / 2 + (Math.random() * full) / 2)
}

/** Reconnects if the master has become a replica, at most once a second. The host name may lead to another server by now. */
function readonlyReconnect(): (error: Error) => boolean {
  let last = Number.NEGATIVE_INFINITY
  return (error) => {
    if (!replyOf(error).startsWith('READONLY') || performance.now() - last < READONLY_RECONNECT_MS) return false
    last = performance.now()
    return true
  }
}

function noAnswer(): never {
  throw new RedisAway('redis does not answer')
}

const REPLIES: readonly (readonly [RegExp, RedisProblem])[] = [
  [/^(NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password)/, 'redis refuses the credentials'],
  [/^READONLY/, 'redis is read-only'],
  [/^OOM/, 'redis is full'],
  [/^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MISCONF|NOREPLICAS)/, 'redis is not ready to serve'],
  [/^WRONGTYPE/, 'redis holds something else under this key'],
  [/timed out|timeout/i, 'redis does not answer'],
]

/** Redis 6 wraps the error of a command in a script (`ERR Error running script (call to f_…): @user_script:1: -READONLY …`). Redis 7 does not. */
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
