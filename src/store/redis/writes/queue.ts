// Writes the pending batches, one round at a time, and retries until Redis takes them.
import type { Batch, Pending } from './pending.js'

export interface WriteQueue {
  /** Call when something was added or Redis is back. Writes soon, never synchronously. */
  poke(): void
  /** Resolves when the current attempt ends, or the next one if none runs. Never rejects. */
  attempt(): Promise<void>
  /** Whether the last attempt to write failed. */
  isFailing(): boolean
  /** Writes until nothing is left or `deadlineMs` are over, then stops for good. Never rejects. */
  drain(deadlineMs: number): Promise<void>
}

/** The longest pause between two attempts. With the connection's own back-off, recovery takes at most 2 s. */
const MAX_RETRY_DELAY_MS = 250
const CONCURRENT_WRITES = 50

/**
 * `write` resolves once the batch is written or refused for good, and rejects if it must be retried.
 * While `isReady` is false nothing is tried, so an unreachable Redis costs nothing.
 */
export function createWriteQueue(pending: Pending, write: (batch: Batch) => Promise<void>, isReady: () => boolean): WriteQueue {
  let running = false
  let failures = 0
  let timer: NodeJS.Timeout | undefined
  let scheduled: NodeJS.Immediate | undefined
  let stopped = false
  let waiting: (() => void)[] = []

  function poke(): void {
    if (running || stopped || scheduled || (timer && failures > 0)) return
    scheduled = setImmediate(() => void run())
  }

  async function run(): Promise<void> {
    scheduled = undefined
    clearTimeout(timer)
    timer = undefined
    if (running || stopped) return
    running = true
    const complete = isReady() && (await writeRound())
    running = false
    wakeWaiting()
    failures = complete ? 0 : failures + 1
    if (stopped || pending.isEmpty()) return
    if (complete) return poke()
    const delay = Math.min(MAX_RETRY_DELAY_MS, 25 * 2 ** Math.min(failures, 8))
    timer = setTimeout(() => void run(), delay / 2 + (Math.random() * delay) / 2)
    timer.unref()
  }

  function wakeWaiting(): void {
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  }

  /** Whether every batch was settled. Stops at the first group that fails, since the rest would fail as well. */
  async function writeRound(): Promise<boolean> {
    const batches = pending.batches()
    for (let start = 0; start < batches.length; start += CONCURRENT_WRITES) {
      const results = await Promise.all(batches.slice(start, start + CONCURRENT_WRITES).map(writeOne))
      if (results.includes(false)) return false
    }
    return true
  }

  async function writeOne(batch: Batch): Promise<boolean> {
    try {
      await write(batch)
      pending.settle(batch)
      return true
    } catch {
      return false
    }
  }

  async function drain(deadlineMs: number): Promise<void> {
    const end = performance.now() + deadlineMs
    while (!pending.isEmpty() && performance.now() < end) {
      failures = 0
      poke()
      await new Promise((resolve) => setTimeout(resolve, Math.min(20, Math.max(0, end - performance.now()))))
    }
    stopped = true
    clearTimeout(timer)
    if (scheduled) clearImmediate(scheduled)
    wakeWaiting()
  }

  function attempt(): Promise<void> {
    return stopped ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))
  }

  return { poke, attempt, isFailing: () => failures > 0 && !pending.isEmpty(), drain }
}
