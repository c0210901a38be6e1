// Collects the garbage of reading sockets while it is young, instead of when V8 finds there is too much of it.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Less than the 8 MiB by which V8 lets a heap grow that was idle for a while, and about a thousand messages of speech. */
const COLLECT_AFTER_BYTES = 4 * 1024 * 1024

// The young generation stays as small as it starts, 1 MiB a half: an idle session takes a quarter less memory. `--min-semi-space-size` in NODE_OPTIONS
// still sets a larger start.
setFlagsFromString('--semi-space-growth-factor=1')

// V8 lets a heap grow to as much as four times what was alive at the last full collection: thousands of sessions opened in a short time would leave
// more garbage than they take. Twice is enough; at one and a half, bursts of large deltas cost a tenth more.
setFlagsFromString('--heap-growing-percent=100')

setFlagsFromString('--expose-gc')
const collect: ((options?: { readonly type: 'minor' }) => void) | undefined = runInNewContext('globalThis.gc')

/** Of the whole heap: ten milliseconds where little is alive, a tenth of a second with 6,000 sessions. Node 20 takes any argument for `minor`. */
export function collectAll(): void {
  collect?.()
}

let read = 0

/**
 * To be told of every read of a socket. Each is memory outside the heap, up to 64 KiB with a few hundred bytes inside, so the young generation is not
 * full before V8 sees so much outside that it marks the whole heap: every 20 ms in a burst, three quarters of the CPU.
 */
export function countRead(bytes: number): void {
  read += bytes
  if (read < COLLECT_AFTER_BYTES) return
  read = 0
  collect?.({ type: 'minor' })
}
