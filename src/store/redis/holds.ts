// What responses under way hold of a user's quota, in one step for all relays; it is let go once what was used is written.
import { QUOTA_UNITS, type QuotaAmounts, type ReserveAnswer, type ReserveRequest } from '../../core/policy/quota.js'
import type { RedisConnection } from './connection.js'
import type { RedisKeys } from './keys.js'
import { HOLD } from './scripts/hold.js'

export interface RedisHolds {
  reserve(request: ReserveRequest): Promise<ReserveAnswer>
  release(subject: string, holder: string): void
  /** Redis is back, or some time has passed: lets go what could not be before. Never rejects. */
  catchUp(): Promise<void>
}

export interface RedisHoldsOptions {
  readonly connection: RedisConnection
  readonly keys: RedisKeys
  /** Tries to write what was recorded for the subject before; true: nothing of these windows waits any more. */
  readonly flush: (subject: string, windows: readonly string[]) => Promise<boolean>
  /** Tries to write everything recorded before; true: it is written. */
  readonly flushAll: () => Promise<boolean>
  readonly timeoutMs: number
  /** What the script is told as its clock; '' for the server's own. */
  readonly clock: () => string
}

/** Beyond, holds are left to their time to live. */
const MAX_LEAVING = 20_000
const LET_GO_TIMEOUT_MS = 1_000

export function createRedisHolds({ connection, keys, flush, flushAll, timeoutMs, clock }: RedisHoldsOptions): RedisHolds {
  /** Those to be let go, by subject. */
  const leaving = new Map<string, Set<string>>()
  let count = 0
  let catching: Promise<void> | undefined

  async function reserve({ subject, holder, hold: more, ttlMs, checks }: ReserveRequest): Promise<ReserveAnswer> {
    const end = performance.now() + timeoutMs
    const windows = [...new Set(checks.map(({ window }) => window))]
    const written = await flush(subject, windows)
    // A command sent after the caller has given up could come behind the letting go of what it holds.
    if (performance.now() >= end) throw new Error('too late')
    const gone = written ? takeLeaving(subject) : []
    const names = [keys.held(subject), ...windows.map((window) => keys.usage({ kind: 'subject', name: subject }, window))]
    const amounts = QUOTA_UNITS.map((unit) => more[unit])
    const rules = checks.flatMap(({ of, window, max, counters, each }) => [windows.indexOf(window) + 2, QUOTA_UNITS.indexOf(of) + 1, max, each, counters.length, ...counters])
    const words = [clock(), ttlMs, holder, ...amounts, gone.length, ...gone, ...rules].map(String)
    try {
      return answerOf(await connection.ask((client) => client.eval(HOLD, names.length, ...names, ...words), end - performance.now(), true), windows)
    } catch (error) {
      // The holder itself may hold anew; it will let go by itself.
      for (const name of gone) if (name !== holder) leave(subject, name)
      throw error
    }
  }

  function takeLeaving(subject: string): readonly string[] {
    const names = [...(leaving.get(subject) ?? [])]
    leaving.delete(subject)
    count -= names.length
    return names
  }

  function leave(subject: string, holder: string): void {
    const names = leaving.get(subject) ?? new Set<string>()
    if (count >= MAX_LEAVING || names.has(holder)) return
    leaving.set(subject, names.add(holder))
    count++
  }

  function release(subject: string, holder: string): void {
    leave(subject, holder)
    void catchUp()
  }

  function catchUp(): Promise<void> {
    catching ??= letAllGo().finally(() => {
      catching = undefined
    })
    return catching
  }

  async function letAllGo(): Promise<void> {
    while (leaving.size > 0 && connection.isReady()) {
      const subjects = [...leaving].map(([subject, names]) => [subject, [...names]] as const)
      if (!(await flushAll())) return
      const done = await Promise.all(subjects.map(([subject, names]) => forget(subject, names)))
      if (done.includes(false)) return
    }
  }

  async function forget(subject: string, names: readonly string[]): Promise<boolean> {
    // Who has asked to hold since is left alone: that took it from the list.
    const still = names.filter((name) => leaving.get(subject)?.has(name))
    if (still.length === 0) return true
    for (const name of still) leaving.get(subject)?.delete(name)
    if (leaving.get(subject)?.size === 0) leaving.delete(subject)
    count -= still.length
    try {
      await connection.ask((client) => client.hdel(keys.held(subject), ...still), LET_GO_TIMEOUT_MS)
      return true
    } catch {
      for (const name of still) leave(subject, name)
      return false
    }
  }

  return { reserve, release, catchUp }
}

/** As the script gives it: granted, four amounts, then one flat list a window. */
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
