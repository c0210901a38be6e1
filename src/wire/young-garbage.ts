// Collects the garbage of reading sockets while it is young, instead of when V8 finds there is too much of it.
import { runInNewContext } from 'node:vm'

/** Less than the 8 MiB by which V8 lets a heap grow that was idle for a while, and about a thousand messages of speech. */
const COLLECT_AFTER_BYTES = 4 * 1024 * 1024

type Collector = (options?: { readonly type: 'minor' }) => void

let found: { readonly collect: Collector | undefined } | undefined

/** V8 shows its collector to contexts made after `--expose-gc` was set, so it is looked for at the first use. Undefined if the flag is not set. */
function collector(): Collector | undefined {
  found ??= { collect: runInNewContext('globalThis.gc') as Collector | undefined }
  return found.collect
}

/**
 * Collects the whole heap: ten milliseconds if little is alive, a tenth of a second with 6,000 sessions. Without an argument, since Node 20 takes
 * any argument for `minor`. Does nothing if V8's flags are not set.
 */
export function collectAll(): void {
  collector()?.()
}

let outside = 0

/**
 * To be told of every read and write that takes memory of its own. Does nothing if V8's flags are not set. Such memory lies outside the heap, up to 64 KiB
 * with a few hundred bytes inside. The young generation is then not full before V8 sees so much outside that it marks the whole heap: every 20 ms in a
 * burst, three quarters of the CPU.
 */
export function countOutside(bytes: number): void {
  outside += bytes
  if (outside < COLLECT_AFTER_BYTES) return
  outside = 0
  collector()?.({ type: 'minor' })
}
