// Sets V8's flags for a process that relays: a young generation that does not grow, a heap that grows slowly, and collections that can be asked for.
import { setFlagsFromString } from 'node:v8'

/** To be called once, when all code is loaded and before the first session. Holds for the whole process. */
export function tuneHeap(): void {
  // The young generation stays as large as loading the code made it. Fixed before that, at a quarter of the size, it is collected five times as
  // often while sessions open, and idle sessions take no less. `--min-semi-space-size` in NODE_OPTIONS still sets a larger one.
  setFlagsFromString('--semi-space-growth-factor=1')
  // V8 lets a heap grow to four times what was alive at the last full collection: thousands of sessions opened in a short time would leave more
  // garbage than they take. Twice is enough. At one and a half, bursts of large deltas cost a tenth more.
  setFlagsFromString('--heap-growing-percent=100')
  // `wire/young-garbage.ts` finds the collector that this exposes.
  setFlagsFromString('--expose-gc')
}
