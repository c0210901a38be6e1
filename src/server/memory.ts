// Says when memory is nearly full, so that new sessions are refused and running ones go on, before the process dies of it.
import { totalmem } from 'node:os'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import type { Config } from '../config/config.js'
import type { Health } from '../ports/health.js'
import { moduleHeapBytes } from '../tools/module-host.js'
import { collectAll } from '../wire/young-garbage.js'

/** Bytes. */
export interface MemoryReading {
  readonly resident: number
  /** What V8 keeps account of: its heap, and outside of it the contents of buffers and TLS connections. */
  readonly accounted: number
  /** Of the old generation: what has lived a while. */
  readonly heapUsed: number
  /** V8 ends the process where the old generation gets there, whatever the machine has. */
  readonly heapLimit: number
}

export interface MemoryWatch {
  /** Measured at most once a second, when asked. */
  full(): boolean
  /** `down` while full. Never rejects. */
  health(): Promise<Health>
}

export interface MemoryWatchOptions {
  readonly setting: Config['maxMemory']
  /** Processes that share the memory, each with an equal part. */
  readonly processes: number
  readonly sessionCount: () => number
  /** What other threads may take, of which V8 tells this one nothing. */
  readonly threadBytes?: () => number
  readonly read?: () => MemoryReading
  readonly collect?: () => void
  /** Milliseconds. */
  readonly now?: () => number
}

/** Of a container's memory and of V8's heap: garbage is collected long before, and what a session may still ask for fits above. */
const SHARE = 0.9
/**
 * Of the mark. What is freed mostly stays with the process, for its next use: after a burst, resident memory would be above the mark for good. So callers
 * are taken again when this much is in use at most. The rest is for what V8 keeps no account of, and for free memory in pieces of the wrong size.
 */
const IN_USE_SHARE = 0.75
const MAX_AGE_MS = 1000
/**
 * V8 collects garbage as memory is asked for: with callers refused and others gone, never. A collection stops everything, for 0.1 s with 6,000 sessions, so
 * there is one when this share of the sessions is left of the most since the last, and after a minute anyway.
 */
const LEFT_SHARE = 0.9
const COLLECT_AFTER_MS = 60_000
/** V8's limit has the young generation in it: three half-spaces of 16 MiB, unless `--max-semi-space-size` says otherwise. */
const YOUNG_BYTES = 48 * 1024 * 1024

export function watchMemory({
  setting,
  processes,
  sessionCount,
  threadBytes = moduleHeapBytes,
  read = readMemory,
  collect = collectAll,
  now = () => performance.now(),
}: MemoryWatchOptions): MemoryWatch {
  const mark = memoryMark(setting, processes, process.constrainedMemory(), totalmem())
  const atStart = read()
  const unaccounted = atStart.resident - atStart.accounted
  let collectedAt = Number.NEGATIVE_INFINITY
  /** Since the last collection. */
  let mostSessions = 0
  let sessionsBefore = 0
  let last: { readonly at: number; readonly full: boolean } | undefined

  function collectGarbage(at: number, sessions: number): void {
    if (sessions >= mostSessions * LEFT_SHARE && at - collectedAt < COLLECT_AFTER_MS) return
    collect()
    collectedAt = at
    // Who left since the last reading may still be held by what is closing.
    mostSessions = Math.max(sessions, sessionsBefore)
  }

  function full(): boolean {
    if (setting === 'off') return false
    const at = now()
    if (!last || at - last.at >= MAX_AGE_MS) {
      const { resident, accounted, heapUsed, heapLimit } = read()
      last = { at, full: (resident > mark && unaccounted + threadBytes() + accounted > mark * IN_USE_SHARE) || heapUsed > heapLimit * SHARE }
      const sessions = sessionCount()
      mostSessions = Math.max(mostSessions, sessions)
      if (last.full) collectGarbage(at, sessions)
      sessionsBefore = sessions
    }
    return last.full
  }

  return { full, health: async () => (full() ? { status: 'down', detail: 'memory is nearly full' } : { status: 'ok', detail: setting === 'off' ? 'not watched' : 'enough' }) }
}

/**
 * Bytes of resident memory above which one process takes no new session, unless much of it is free; infinite where nothing limits it. `container` is what Node
 * finds: 0 or more than the machine has where there is no limit.
 */
export function memoryMark(setting: Config['maxMemory'], processes: number, container: number, machine: number): number {
  if (setting === 'off') return Number.POSITIVE_INFINITY
  if (setting !== 'auto') return setting / processes
  return container > 0 && container < machine ? (container * SHARE) / processes : Number.POSITIVE_INFINITY
}

function readMemory(): MemoryReading {
  const old = getHeapSpaceStatistics().filter(({ space_name: name }) => !/^(new|read_only)/.test(name))
  const heapUsed = old.reduce((sum, { space_used_size: used }) => sum + used, 0)
  const { rss: resident, heapTotal, external } = process.memoryUsage()
  return { resident, accounted: heapTotal + external, heapUsed, heapLimit: getHeapStatistics().heap_size_limit - YOUNG_BYTES }
}
