// Sets V8's flags for a process that relays: a young generation of one size, a heap that grows slowly, and collections that can be asked for.
import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/**
 * Of the young generation, which has two. Loading the code would make one 8 MiB, which a process with idle sessions would keep for nothing. At 2 MiB it is
 * collected so often while sessions open that each costs more.
 */
const HALF_BYTES = 4 * 1024 * 1024
/** Heads of pages take a sixtieth. */
const LEAST_BYTES = HALF_BYTES * 0.9
const LOOK_EVERY_MS = 1000
/** Share of its time. With less to do, it does not matter how often the garbage is collected. */
const BUSY = 0.05
/** Some dozens are needed. */
const MOST_ROUNDS = 1000
/** Of eight bytes each that are not pointers: objects that hold none are the cheapest to keep alive. */
const NUMBERS_A_ROUND = 4000

/** To be called once, before the code that serves is loaded. Takes about 3 ms. Holds for the whole process. */
export function tuneHeap(): void {
  growYoungGeneration()
  restoreYoungGeneration()
  // V8 lets a heap grow to four times what was alive at the last full collection: thousands of sessions opened in a short time would leave more
  // garbage than they take. Twice is enough. At one and a half, bursts of large deltas cost a tenth more.
  setFlagsFromString('--heap-growing-percent=100')
  // `wire/young-garbage.ts` finds the collector that this exposes.
  setFlagsFromString('--expose-gc')
}

/** V8 has no setting for it in a running process, but makes the young generation so many times as large when much of it stays alive. */
function growYoungGeneration(): void {
  const alive: number[][] = []
  setFlagsFromString(`--semi-space-growth-factor=${Math.ceil(LEAST_BYTES / halfBytes())}`)
  for (let round = 0; round < MOST_ROUNDS && isSmall(); round++) alive.push(new Array<number>(NUMBERS_A_ROUND).fill(0.5))
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** In a quiet time V8 leaves a half 1 MiB, and would never grow it again. */
function restoreYoungGeneration(): void {
  let before: EventLoopUtilization = performance.eventLoopUtilization()
  const look = () => {
    const now = performance.eventLoopUtilization()
    if (isSmall() && performance.eventLoopUtilization(now, before).utilization > BUSY) {
      // Takes some milliseconds.
      growYoungGeneration()
      // It may not grow: `--max-semi-space-size` is less.
      if (isSmall()) clearInterval(timer)
    }
    before = now
  }
  const timer = setInterval(look, LOOK_EVERY_MS).unref()
}

function isSmall(): boolean {
  return halfBytes() < LEAST_BYTES
}

function halfBytes(): number {
  const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
  return young ? young.space_used_size + young.space_available_size : HALF_BYTES
}
