// Reserves amounts of a user's quota in Redis, atomically over all instances. Releases a hold once everything used before is written.
import { QUOTA_UNITS, type QuotaAmounts, type ReserveAnswer, type ReserveRequest } from '../../core/policy/quota.js'
import type { QuotaHolds } from '../../ports/store.js'
import type { RedisConnection } from './connection.js'
import type { RedisKeys } from './keys.js'
import { HOLD } from './scripts/hold.js'

export interface RedisHolds extends QuotaHolds {
  /** Tries the queued releases again. Called when Redis is back, and with every heartbeat. Never rejects. */
  catchUp(): Promise<void>
}

export interface RedisHoldsOptions {
  readonly connection: RedisConnection
  readonly keys: RedisKeys
  /** Tries to write what was recorded for the subject. Resolves to whether everything of these windows is written. */
  readonly flush: (subject: string, windows: readonly string[]) => Promise<boolean>
  /** Tries to write everything recorded. Resolves to whether it is written. */
  readonly flushAll: () => Promise<boolean>
  readonly timeoutMs: number
  /** The clock that the script gets; '' for the server's own. */
  readonly clock: () => string
}

/** Releases beyond this are dropped. Their holds then expire. */
const MAX_QUEUED = 20_000
const RELEASE_TIMEOUT_MS = 1_000

export function createRedisHolds({ connection, keys, flush, flushAll, timeoutMs, clock }: RedisHoldsOptions): RedisHolds {
  /** Holders to release, by subject. */
  const queued = new Map<string, Set<string>>()
  let count = 0
  let catching: Promise<void> | undefined

  async function reserve({ subject, holder, hold, ttlMs, checks }: ReserveRequest): Promise<ReserveAnswer> {
    const end = performance.now() + timeoutMs
    const windows = [...new Set(checks.map(({ window }) => window))]
    const written = await flush(subject, windows)
    // The caller has given up by now. A command sent later could arrive after the release of its hold.
    if (performance.now() >= end) throw new Error('too late')
    const released = written ? takeQueued(subject) : []
    const names = [keys.holds(subject), ...windows.map((window) => keys.usage({ kind: 'subject', name: subject }, window))]
    const amounts = QUOTA_UNITS.map((unit) => hold[unit])
    const rules = checks.flatMap(({ of, window, max, counters, each }) => [windows.indexOf(window) + 2, QUOTA_UNITS.indexOf(of) + 1, max, each, counters.length, ...counters])
    const words = [clock(), ttlMs, holder, ...amounts, released.length, ...released, ...rules].map(String)
    try {
      return answerOf(await connection.ask((client) => client.eval(HOLD, names.length, ...names, ...words), end - performance.now(), true), windows)
    } catch (error) {
      // The script may have run, and then the holder holds again. It will release that hold itself.
      for (const name of released) if (name !== holder) queue(subject, name)
      throw error
    }
  }

  function takeQueued(subject: string): readonly string[] {
    const names = [...(queued.get(subject) ?? [])]
    queued.delete(subject)
    count -= names.length
    return names
  }

  function queue(subject: string, holder: string): void {
    const names = queued.get(subject) ?? new Set<string>()
    if (count >= MAX_QUEUED || names.has(holder)) return
    queued.set(subject, names.add(holder))
    count++
  }

  function release(subject: string, holder: string): void {
    queue(subject, holder)
    void catchUp()
  }

  function catchUp(): Promise<void> {
    catching ??= releaseAll().finally(() => {
      catching = undefined
    })
    return catching
  }

  async function releaseAll(): Promise<void> {
    while (queued.size > 0 && connection.isReady()) {
      const subjects = [...queued].map(([subject, names]) => [subject, [...names]] as const)
      if (!(await flushAll())) return
      const done = await Promise.all(subjects.map(([subject, names]) => deleteHolds(subject, names)))
      if (done.includes(false)) return
    }
  }

  async function deleteHolds(subject: string, names: readonly string[]): Promise<boolean> {
    // `reserve` takes a name from the queue. A holder that has reserved meanwhile is left alone.
    const still = names.filter((name) => queued.get(subject)?.has(name))
    if (still.length === 0) return true
    for (const name of still) queued.get(subject)?.delete(name)
    if (queued.get(subject)?.size === 0) queued.delete(subject)
    count -= still.length
    try {
      await connection.ask((client) => client.hdel(keys.holds(subject), ...still), RELEASE_TIMEOUT_MS)
      return true
    } catch {
      for (const name of still) queue(subject, name)
      return false
    }
  }

  return { reserve, release, catchUp }
}

/** Reads the script's answer: granted, four amounts, then one flat list per window. */
function answerOf(answer: unknown, windows: readonly string[]): ReserveAnswer {
  const [granted, held, ...found] = Array.isArray(answer) ? answer : []
  const amounts = Object.fromEntries(QUOTA_UNITS.map((unit, i) => [unit, Number(held[i])])) as Record<keyof QuotaAmounts, number>
  return { granted: granted === 1, held: amounts, windows: Object.fromEntries(windows.map((window, i) => [window, pairs(found[i])])) }
}

function pairs(flat: readonly string[]): Record<string, number> {
  const counters: Record<string, number> = {}
  for (let i = 0; i + 1 < flat.length; i += 2) if (Number.isFinite(Number(flat[i + 1]))) counters[flat[i] as string] = Number(flat[i + 1])
  return counters
}
