// What the in-process store keeps within its bounds, against the plainest code that keeps the same.
import { expect, it } from 'vitest'
import type { UsageOwner } from '../../src/ports/store.js'
import { createRecentMap } from '../../src/store/memory/recent-map.js'
import { createSeenIds } from '../../src/store/memory/seen-ids.js'
import { createUsageSums } from '../../src/store/memory/usage-sums.js'
import { fc } from '../support/property.js'

const MOST = 4
const DAY_MS = 86_400_000
const T = Date.UTC(2026, 10, 29)
const few = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', '')

/** Puts a key last, and drops the first of too many. */
function putLast<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  const [first] = map.keys()
  if (map.size > MOST && first !== undefined) map.delete(first)
}

it('a map of the latest keys drops the one put in longest ago', () => {
  const step = fc.record({ type: fc.constantFrom('put', 'put', 'put', 'get', 'delete'), key: few, value: fc.nat(9) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const plain = new Map<string, number>()
      const map = createRecentMap<number>(MOST)
      for (const { type, key, value } of steps) {
        if (type === 'delete') {
          map.delete(key)
          plain.delete(key)
        } else if (type === 'put') {
          map.put(key, value)
          putLast(plain, key, value)
        }
        for (const one of ['a', 'b', 'c', 'd', 'e', 'f', '']) expect(map.get(one)).toBe(plain.get(one))
      }
    }),
  )
})

it('an id is known again of the same deployment and user alone, in two generations', () => {
  const step = fc.record({ id: fc.constantFrom('a', 'b', 'c'), deployment: fc.constantFrom('a', 'b'), subject: fc.constantFrom(undefined, '', 'a') })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const ids = createSeenIds(20)
      let newer = new Set<string>()
      let older = new Set<string>()
      for (const { id, deployment, subject } of steps) {
        const key = JSON.stringify([id, deployment, subject ?? null])
        expect(ids.see(id, deployment, subject)).toBe(newer.has(key) || older.has(key))
        newer.add(key)
        if (newer.size < 10) continue
        older = newer
        newer = new Set()
      }
    }),
  )
})

it('sums are kept of the latest owners and windows, and of no day that is too old', () => {
  const owner: fc.Arbitrary<UsageOwner> = fc.record({ kind: fc.constantFrom('subject', 'tenant', 'profile', 'deployment'), name: fc.constantFrom('a', 'b') })
  const window = fc.constantFrom('2026-11-28', '2026-11-29', '2026-11-29T00:01', '2026-11', '2026-10', '2026-11-27T23:59')
  const counters = fc.array(fc.tuple(fc.constantFrom('responses', '__proto__', 'seconds'), fc.constantFrom(1, 0.5)), { maxLength: 2 })
  const step = fc.record({ owner, window, counters, later: fc.constantFrom(0, 0, 0, DAY_MS) })
  const keyOf = ({ kind, name }: UsageOwner, of: string) => `${kind} ${of} ${name}`
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      let now = T
      const sums = createUsageSums({ most: MOST, retentionMs: DAY_MS, now: () => now })
      const plain = new Map<string, { window: string; counters: Map<string, number> }>()
      let oldestKept = ''
      for (const one of steps) {
        now += one.later
        sums.add(one.owner, one.window, one.counters)
        const key = keyOf(one.owner, one.window)
        const oldest = new Date(now - DAY_MS).toISOString().slice(0, 10)
        if (!plain.has(key) && oldest !== oldestKept) {
          oldestKept = oldest
          for (const [known, entry] of plain) if (entry.window < oldest.slice(0, entry.window.length)) plain.delete(known)
        }
        const entry = plain.get(key) ?? { window: one.window, counters: new Map<string, number>() }
        for (const [name, amount] of one.counters) entry.counters.set(name, (entry.counters.get(name) ?? 0) + amount)
        putLast(plain, key, entry)
        for (const asked of steps) {
          const expected = Object.fromEntries(plain.get(keyOf(asked.owner, asked.window))?.counters ?? [])
          expect(sums.of(asked.owner, asked.window)).toEqual(expected)
        }
      }
    }),
  )
})
