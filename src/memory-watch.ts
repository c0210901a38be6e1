// Says when memory is nearly full, so that new sessions are refused and running ones go on, before the process dies of it.
import { totalmem } from 'node:os'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import type { Config } from './config-shape.js'
import type { Health } from './ports.js'

/** Bytes. */
export interface MemoryReading {
  readonly resident: number
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
  readonly read?: () => MemoryReading
  /** Milliseconds. */
  readonly now?: () => number
}

/** Of a container's memory and of V8's heap: garbage is collected long before, and what a session may still ask for fits above. */
const SHARE = 0.9
const MAX_AGE_MS = 1000
/** V8's limit has the young generation in it: three half-spaces of 16 MiB, unless `--max-semi-space-size` says otherwise. */
const YOUNG_BYTES = 48 * 1024 * 1024

export function watchMemory({ setting, processes, read = readMemory, now = () => performance.now() }: MemoryWatchOptions): MemoryWatch {
  const mark = memoryMark(setting, processes, process.constrainedMemory(), totalmem())
  let last: { readonly at: number; readonly full: boolean } | undefined

  function full(): boolean {
    if (setting === 'off') return false
    const at = now()
    if (!last || at - last.at >= MAX_AGE_MS) {
      const { resident, heapUsed, heapLimit } = read()
      last = { at, full: resident > mark || heapUsed > heapLimit * SHARE }
    }
    return last.full
  }

  return { full, health: async () => (full() ? { status: 'down', detail: 'memory is nearly full' } : { status: 'ok', detail: setting === 'off' ? 'not watched' : 'enough' }) }
}

/**
 * Bytes of resident memory above which one process takes no new session; infinite where nothing limits it. `container` is what Node
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
  return { resident: process.memoryUsage.rss(), heapUsed, heapLimit: getHeapStatistics().heap_size_limit - YOUNG_BYTES }
}
