// Waits until an object has been garbage-collected, for tests of what a long-lived object must not keep alive.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'vitest'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Fails if the object still exists after twenty full collections, each in a turn of its own. */
export async function collected(held: WeakRef<object>): Promise<void> {
  for (let round = 0; round < 20 && held.deref(); round++) {
    await nextTurn()
    gc()
  }
  expect(held.deref()).toBeUndefined()
}
