// What reading leaves behind is collected while it is young, every 4 MiB.
import { getHeapSpaceStatistics } from 'node:v8'
import { expect, it } from 'vitest'
import { countRead } from '../../src/wire/young-garbage.js'

const MIB = 1024 * 1024

const youngBytes = (): number => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_used_size ?? 0

/** Less than the young generation holds, so that nothing else makes V8 collect it. */
function leaveGarbage(): void {
  for (let i = 0; i < 2000; i++) new Array(10).fill(i)
}

it('a young collection follows every 4 MiB read, and not before', () => {
  countRead(4 * MIB)
  leaveGarbage()
  const before = youngBytes()
  countRead(4 * MIB - 1)
  expect(youngBytes()).toBeGreaterThanOrEqual(before)
  countRead(1)
  expect(youngBytes()).toBeLessThan(before - 100_000)
})
