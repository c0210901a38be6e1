// Sets V8's flags for a process that relays: a young generation of one size, a heap that grows slowly, and collections that can be asked for.
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/**
 * Both halves. Loading the code would make it 16 MiB, which a process with idle sessions would keep for nothing. At 4 MiB it is collected so often
 * while sessions open that each costs more.
 */
const YOUNG_BYTES = 8 * 1024 * 1024
/** About 160 are needed. */
const MOST_ROUNDS = 1000
const OBJECTS_A_ROUND = 500

/** To be called once, before the code that serves is loaded. Takes about 20 ms. Holds for the whole process. */
export function tuneHeap(): void {
  growYoungGeneration()
  setFlagsFromString('--semi-space-growth-factor=1')
  // V8 lets a heap grow to four times what was alive at the last full collection: thousands of sessions opened in a short time would leave more
  // garbage than they take. Twice is enough. At one and a half, bursts of large deltas cost a tenth more.
  setFlagsFromString('--heap-growing-percent=100')
  // `wire/young-garbage.ts` finds the collector that this exposes.
  setFlagsFromString('--expose-gc')
}

/** V8 has no setting for it in a running process, but doubles the young generation when much of it stays alive. */
function growYoungGeneration(): void {
  const alive: object[] = []
  for (let round = 0; round < MOST_ROUNDS && youngBytes() < YOUNG_BYTES; round++) {
    for (let index = 0; index < OBJECTS_A_ROUND; index++) alive.push({ index })
  }
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? YOUNG_BYTES
}
