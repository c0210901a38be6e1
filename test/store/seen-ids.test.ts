// Which ids are remembered, and for how long.
import { expect, it } from 'vitest'
import { createSeenIds } from '../../src/store/memory/seen-ids.js'

it('an id is known from its second time on, whatever came between, up to half the bound', () => {
  const ids = createSeenIds(10)
  expect([ids.see('a', 'd'), ids.see('a', 'd')]).toEqual([false, true])
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 4; i++) ids.see(`${round} ${i}`, 'd')
    expect(ids.see('a', 'd')).toBe(true)
  }
})

it('no more ids than the bound are kept', () => {
  const ids = createSeenIds(10)
  for (let i = 0; i < 100; i++) expect(ids.see(`${i}`, 'd')).toBe(false)
  const known = Array.from({ length: 100 }, (_, i) => createSeen(i))
  expect(known.filter(Boolean).length).toBeLessThanOrEqual(10)
  expect(known.slice(-5).every(Boolean)).toBe(true)

  /** In a store of its own, since to ask is to see. */
  function createSeen(i: number): boolean {
    const one = createSeenIds(10)
    for (let j = 0; j < 100; j++) one.see(`${j}`, 'd')
    return one.see(`${i}`, 'd')
  }
})
