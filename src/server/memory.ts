// Says when memory is nearly full. New sessions are refused then and running ones go on, before the process dies of it.
import { totalmem } from 'node:os'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import type { Config } from '../config/config.js'
import type { Health } from '../ports/health.js'
import { moduleHeapBytes } from '../tools/module-host.js'
import { collectAll } from '../wire/young-garbage.js'

/** Bytes. */
export interface MemoryReading {
  readonly resident: number
  /** What V8 counts: its heap, and outside of it the contents of buffers and TLS connections. */
  readonly accounted: number
  /** Used by the old generation: objects that have lived a while. */
  readonly heapUsed: number
  /** V8 ends the process if the old generation grows to this, however much memory the machine has. */
  readonly heapLimit: number
}

export interface MemoryWatch {
  /** Measures when asked, at most once a second. */
  full(): boolean
  /** `down` while full. Never rejects. */
  health(): Promise<Health>
}

export interface MemoryWatchOptions {
  readonly setting: Config['maxMemory']
  /** So many processes share the memory in equal parts. */
  readonly processes: number
  readonly sessionCount: () => number
  /** What other threads may take. V8 does not count it in this one. */
  readonly threadBytes?: () => number
  /** Frees what sessions can do without. True: so it did, and a second later it is measured again before anybody is refused. */
  readonly spare?: () => boolean
  readonly read?: () => MemoryReading
  readonly collect?: () => void
  /** Milliseconds. */
  readonly now?: () => number
}

/** Share of a container's memory and of V8's heap. Garbage is collected long before, and running sessions have room above. */
const SHARE = 0.9
/**
 * Share of the mark. A process mostly keeps the memory it frees, so after a burst its resident memory may stay above the mark for good. It takes callers
 * again once no more than this share is in use. The rest is for memory that V8 does not count, and for free memory in pieces of the wrong size.
 */
const IN_USE_SHARE = 0.75
const MAX_AGE_MS = 1000
/**
 * V8 collects garbage when the program asks for memory, and a relay that refuses callers asks for little. So it collects itself: when the sessions fall to
 * this share of the most since the last collection, or after a minute. Not more often, since one stops everything for 0.1 s with 6,000 sessions.
 */
const LEFT_SHARE = 0.9
const COLLECT_AFTER_MS = 60_000
/** V8's limit includes the young generation: three half-spaces of 16 MiB, unless `--max-semi-space-size` says otherwise. */
const YOUNG_BYTES = 48 * 1024 * 1024

export function watchMemory({
  setting,
  processes,
  sessionCount,
  threadBytes = moduleHeapBytes,
  spare = () => false,
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
    // Sessions that left since the last reading may still be in memory while they close.
    mostSessions = Math.max(sessions, sessionsBefore)
  }

  function full(): boolean {
    if (setting === 'off') return false
    const at = now()
    if (!last || at - last.at >= MAX_AGE_MS) {
      const { resident, accounted, heapUsed, heapLimit } = read()
      const isShort = resident > mark && unaccounted + threadBytes() + accounted > mark * IN_USE_SHARE
      last = { at, full: (isShort && !spare()) || heapUsed > heapLimit * SHARE }
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
 * Above so many bytes of resident memory, one process takes no new session unless much of it is free. Infinite without a limit. `container` is what Node
 * finds: without a limit it is 0, or more than the machine has.
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
