// The store that all instances share in Redis. While Redis is away, this instance decides alone and queues its writes.
import { randomUUID } from 'node:crypto'
import { parseRedisUrl } from '../../config/redis-url.js'
import type { Secret } from '../../config/secret.js'
import type { BucketRule } from '../../core/limits/token-bucket.js'
import type { Health } from '../../ports/health.js'
import type { LimitPoint, LimitReport, LimitState, Store, UsageOwner, UsageReport } from '../../ports/store.js'
import { createLocalDirectory } from '../memory/directory.js'
import { createMemoryStore } from '../memory/store.js'
import { createRevocationList } from '../revocation-list.js'
import { createRedisCalls, createRedisOnce, createRedisTickets } from './calls.js'
import { createRedisCheckpoints } from './checkpoints.js'
import { connectRedis, RedisAway, type RedisProblem } from './connection.js'
import { createRedisDirectory } from './directory.js'
import { createRedisErasure } from './erasure.js'
import { counterRecord, limitRecords } from './hashes.js'
import { createRedisHolds } from './holds.js'
import { createRedisKeeper } from './keeper.js'
import { redisKeys } from './keys.js'
import { createRedisLeases } from './leases.js'
import { historyFrom } from './limits-history.js'
import { createRedisLive } from './live.js'
import { createRedisRevocations } from './revocations.js'
import { TAKE } from './scripts/bucket.js'
import type { SignInTokens } from './sign-in.js'
import { writeBatch } from './writes/batch.js'
import { createPending } from './writes/pending.js'
import { createWriteQueue } from './writes/queue.js'

export interface RedisStoreOptions {
  /** Its forms are in `config/redis-url.ts`. */
  readonly url: Secret
  /** Entra ID tokens to sign in with, instead of a password in the URL. The store closes them. */
  readonly tokens?: SignInTokens | undefined
  readonly keyPrefix: string
  readonly usageRetentionDays: number
  /** The unique name of this instance in the list of sessions: letters, digits, dots and hyphens. Random by default. */
  readonly instance?: string
  /** `msg` is a fixed sentence without key, host or reply of Redis. The same warning comes at most once in 30 s. */
  readonly log?: (event: { level: 'info' | 'warn'; msg: string }) => void
  /** Epoch milliseconds. If given, it also replaces the server's clock in the scripts, so that tests can move time. */
  readonly now?: () => number
  /** The places of a dead instance expire after this long; 30 s by default. */
  readonly leaseTtlMs?: number
  /** How long a response may wait for its quota; 250 ms by default. */
  readonly reserveTimeoutMs?: number
  /** How long a session that may go on elsewhere is known after its instance was last heard of; 90 s by default. */
  readonly keptMs?: number
  /** Without a word of its owner for so long, a WebRTC call has none; 6 s by default. */
  readonly callLeaseMs?: number
  /** Pause between heartbeats; a third of `leaseTtlMs` by default and at most. */
  readonly heartbeatMs?: number
}

/** Without an answer within this, this instance decides alone. */
const DECISION_TIMEOUT_MS = 250
const WRITE_TIMEOUT_MS = 1_000
const DAY_MS = 86_400_000
/** One attempt may have begun before the newest report, and one may fail. */
const ATTEMPTS_BEFORE_READ = 3
const REPEAT_MS = 30_000
const KEPT_MS = 90_000
const CALL_LEASE_MS = 6_000

/** Throws an Error if the URL is malformed, without quoting it. Never throws because Redis is away. */
export function createRedisStore(options: RedisStoreOptions): Store {
  const now = options.now ?? Date.now
  const clock = () => (options.now ? String(Math.floor(options.now())) : '')
  const target = parseRedisUrl(options.url.reveal(), options.tokens !== undefined)
  const keys = redisKeys(options.keyPrefix)
  const local = createMemoryStore({ now })
  const list = createRevocationList(now)
  const pending = createPending()
  const writer = { keys, id: randomUUID(), usageRetentionMs: Math.ceil(options.usageRetentionDays * DAY_MS) }
  const ttlMs = options.leaseTtlMs ?? 30_000
  const loggedAt = new Map<string, number>()
  /** Why there is no connection, if Redis or the network gave a reason. */
  let lastProblem: RedisProblem = 'redis is not connected'
  let lastMessage = ''
  let closed = false

  const connection = connectRedis(target, { ready: () => onReady('redis is connected'), lost: () => log('warn', 'redis is not connected'), problem: onProblem }, options.tokens)
  const subscriber = connectRedis(target, { ready: () => onReady(), lost: () => undefined, problem: onProblem }, options.tokens)
  const queue = createWriteQueue(pending, write, connection.isReady)
  const leases = createRedisLeases({ connection, keys, local: local.leases, ttlMs, timeoutMs: DECISION_TIMEOUT_MS, clock })
  const directory = createRedisDirectory({ connection, subscriber, keys, local: createLocalDirectory(options.instance ?? writer.id), ttlMs, clock })
  const live = createRedisLive({ connection, subscriber, keys, instance: options.instance ?? writer.id })
  const keeper = createRedisKeeper({ connection, subscriber, keys, instance: options.instance ?? writer.id, ttlMs: options.keptMs ?? KEPT_MS })
  const calls = createRedisCalls({ connection, subscriber, keys, instance: options.instance ?? writer.id, leaseMs: options.callLeaseMs ?? CALL_LEASE_MS, clock })
  const holds = createRedisHolds({
    connection,
    keys,
    flush: (name, windows) => flush({ kind: 'subject', name }, windows),
    flushAll,
    timeoutMs: options.reserveTimeoutMs ?? DECISION_TIMEOUT_MS,
    clock,
  })
  const revocations = createRedisRevocations({ connection, subscriber, keys, list, now, timeoutMs: DECISION_TIMEOUT_MS })
  const heartbeat = setInterval(() => void beat(), Math.min(options.heartbeatMs ?? ttlMs / 3, ttlMs / 3)).unref()

  function onReady(message?: string): void {
    lastProblem = 'redis is not connected'
    if (message) {
      log('info', message)
      keeper.ready()
    }
    queue.poke()
    void leases.renew()
    void directory.renew()
    void holds.catchUp()
    void revocations.catchUp()
    void keeper.listen()
    void calls.listen()
  }

  function onProblem(problem: RedisProblem): void {
    lastProblem = problem
    log('warn', problem)
  }

  /** Logs good news unless it was the last message. Logs the same warning once per `REPEAT_MS`, so that a flapping Redis fills no log. */
  function log(level: 'info' | 'warn', msg: string): void {
    const repeated = level === 'info' ? lastMessage === msg : performance.now() - (loggedAt.get(msg) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS
    if (closed || repeated) return
    loggedAt.set(msg, performance.now())
    lastMessage = msg
    options.log?.({ level, msg })
  }

  async function write(batch: Parameters<typeof writeBatch>[1]): Promise<void> {
    try {
      await connection.ask((client) => writeBatch(client, batch, writer), WRITE_TIMEOUT_MS)
    } catch (error) {
      if (error instanceof RedisAway) log('warn', error.problem)
      // The key has another type, so retrying would never succeed: drop the batch.
      if (!(error instanceof RedisAway && error.problem === 'redis holds something else under this key')) throw error
    }
  }

  async function beat(): Promise<void> {
    if (!connection.isReady()) log('warn', 'redis is not connected')
    await Promise.all([leases.renew(), directory.renew(), holds.catchUp(), revocations.catchUp(), keeper.listen(), calls.listen(), checkSubscriber()])
    if (pending.dropped() > 0) log('warn', 'records were dropped while redis was away')
  }

  async function checkSubscriber(): Promise<void> {
    if (!subscriber.isReady()) return
    await subscriber.ask((client) => client.ping(), WRITE_TIMEOUT_MS).catch(() => subscriber.reconnect())
  }

  async function take(key: string, cost: number, rule: BucketRule): Promise<{ ok: boolean; retryAfterMs: number }> {
    const price = Number.isFinite(cost) && cost > 0 ? cost : 0
    try {
      const answer = await connection.ask((client) => client.eval(TAKE, 1, keys.bucket(key), price, rule.perSecond, rule.burst, clock()), DECISION_TIMEOUT_MS, true)
      const [granted, wait] = Array.isArray(answer) ? answer : []
      return { ok: granted === 1, retryAfterMs: Number(wait) }
    } catch {
      return local.rates.take(key, cost, rule)
    }
  }

  function recordLimits(report: LimitReport): void {
    if (closed) return
    pending.addLimits(report)
    queue.poke()
  }

  async function limitsOf(deployment: string): Promise<LimitState[]> {
    return limitRecords(await connection.ask((client) => client.hgetall(keys.limits(deployment)), WRITE_TIMEOUT_MS))
  }

  async function historyOf(deployment: string, most: number): Promise<readonly LimitPoint[]> {
    return historyFrom(await connection.ask((client) => client.xrevrange(keys.limitsLog(deployment), '+', '-', 'COUNT', most), WRITE_TIMEOUT_MS))
  }

  /** First tries to write what this instance has queued: a quota must see the response that has just ended. */
  async function usageOf(owner: UsageOwner, window: string): Promise<Record<string, number>> {
    await flush(owner, [window])
    return counterRecord(await connection.ask((client) => client.hgetall(keys.usage(owner, window)), WRITE_TIMEOUT_MS))
  }

  function recordUsage(report: UsageReport): void {
    if (closed) return
    pending.addUsage(report)
    queue.poke()
  }

  async function flush(owner: UsageOwner, windows: readonly string[]): Promise<boolean> {
    const waits = () => windows.some((window) => pending.hasUsage(owner, window))
    for (let attempts = 0; attempts < ATTEMPTS_BEFORE_READ && connection.isReady() && waits(); attempts++) await queue.attempt()
    return !waits()
  }

  async function flushAll(): Promise<boolean> {
    for (let attempts = 0; attempts < ATTEMPTS_BEFORE_READ && connection.isReady() && !pending.isEmpty(); attempts++) await queue.attempt()
    return connection.isReady() && !queue.isFailing()
  }

  async function health(): Promise<Health> {
    if (!connection.isReady()) return { status: 'degraded', detail: lastProblem }
    try {
      await connection.ask((client) => client.set(keys.health, '1', 'PX', 60_000), DECISION_TIMEOUT_MS)
    } catch (error) {
      return { status: 'degraded', detail: error instanceof RedisAway ? error.problem : 'redis does not answer' }
    }
    return queue.isFailing() ? { status: 'degraded', detail: 'records wait to be written' } : { status: 'ok', detail: 'redis answers' }
  }

  async function close(deadlineMs: number): Promise<void> {
    if (closed) return
    closed = true
    clearInterval(heartbeat)
    live.stop()
    await Promise.all([queue.drain(deadlineMs).then(holds.catchUp), leases.releaseAll(deadlineMs), directory.clear(deadlineMs)])
    connection.close()
    subscriber.close()
    options.tokens?.close()
  }

  return {
    limits: { recordLimits, limitsOf, historyOf },
    usage: { recordUsage, usageOf },
    quota: holds,
    rates: { take },
    leases,
    revocations,
    directory,
    calls,
    tickets: createRedisTickets(connection, keys, local.tickets),
    once: createRedisOnce(connection, keys, local.once),
    keeper,
    live,
    checkpoints: createRedisCheckpoints(connection, keys),
    erasure: createRedisErasure(connection, keys, options.keyPrefix),
    health,
    close,
  }
}
