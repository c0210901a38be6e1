// What is counted between scrapes is told at each, as if the library's own counter had been told at once.
import { Counter, Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { createSeries } from '../../src/ops/series.js'
import { createSums } from '../../src/ops/sums.js'
import { fc } from '../support/property.js'

const LABELS = ['side', 'why'] as const
const labels = fc.record({ side: fc.constantFrom('client', 'upstream'), why: fc.constantFrom('a', 'b', 'c', 'side', '') })
const amount = fc.oneof(fc.nat(1000), fc.constantFrom(0, -1, 0.5, Number.POSITIVE_INFINITY))
const step = fc.oneof(
  fc.record({ type: fc.constant('inc' as const), labels, amount }),
  fc.record({ type: fc.constant('begin' as const), labels }),
  fc.constantFrom({ type: 'text' as const }, { type: 'snapshot' as const }),
)

it('a counter says at every scrape what one of the library says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const registry = new Registry()
      const counted = createSeries(registry, false).counter('relay_things_total', 'Things.', LABELS)
      const plainRegistry = new Registry()
      const plain = new Counter({ name: 'relay_things_total', help: 'Things.', labelNames: LABELS, registers: [plainRegistry] })
      for (const one of [...steps, { type: 'text' as const }]) {
        if (one.type === 'inc') expect(refuses(() => counted.inc(one.labels, one.amount))).toBe(refuses(() => plain.inc(one.labels, one.amount)))
        else if (one.type === 'begin') {
          counted.begin([one.labels])
          plain.inc(one.labels, 0)
        } else if (one.type === 'text') expect(await registry.metrics()).toBe(await plainRegistry.metrics())
        else expect(await registry.getMetricsAsJSON()).toEqual(await plainRegistry.getMetricsAsJSON())
      }
    }),
  )
})

it('a counter without labels begins at 0, and what no counter takes spoils no scrape', async () => {
  const registry = new Registry()
  const { counter } = createSeries(registry, false)
  const bare = counter('relay_bare_total', 'Bare.')
  const labelled = counter('relay_labelled_total', 'Labelled.', ['side'])
  expect(await registry.metrics()).toContain('\nrelay_bare_total 0\n')
  for (let n = 0; n < 3; n++) {
    bare.inc()
    expect(() => labelled.inc({ colour: 'red' })).toThrow('colour')
  }
  expect(await registry.metrics()).toContain('\nrelay_bare_total 3\n')
})

it('a sum that no number holds is told as the largest one, and no scrape fails', async () => {
  const registry = new Registry()
  const counted = createSeries(registry, false).counter('relay_large_total', 'Large.')
  for (let n = 0; n < 3; n++) counted.inc({}, Number.MAX_VALUE)
  for (let scrape = 0; scrape < 2; scrape++) expect(await registry.metrics()).toContain('relay_large_total')
})

it('what the library refuses at one scrape is not told again at the next', async () => {
  const sums = createSums(['side'])
  sums.begin({ side: 'a' })
  sums.add({ side: 'a' }, 2)
  expect(() => sums.handOver(() => expect.unreachable())).toThrow()
  sums.handOver(() => expect.unreachable())
})

function refuses(count: () => void): boolean {
  try {
    count()
    return false
  } catch {
    return true
  }
}
