// Writes that wait for Redis are merged, bounded, and repeated unchanged until they are settled.
import { describe, expect, it } from 'vitest'
import type { LimitReport, UsageReport } from '../../src/ports/store.js'
import { type Batch, createPending, PENDING_BOUNDS } from '../../src/store/redis/writes/pending.js'

const T = Date.UTC(2026, 10, 25)
const report = (rest: Partial<LimitReport> = {}): LimitReport => ({ deployment: 'd', source: 'event', at: T, limits: [{ name: 'tokens', remaining: 1 }], ...rest })
const usage = (rest: Partial<UsageReport> = {}): UsageReport => ({ subject: 'alice', deployment: '', at: T, counters: { responses: 1 }, ...rest })
const only = (batches: Batch[]): Batch => {
  expect(batches).toHaveLength(1)
  return batches[0] as Batch
}

describe('pending writes', () => {
  it('merges limits to the latest and keeps every log entry', () => {
    const pending = createPending()
    for (let i = 0; i < 400; i++) pending.addLimits(report({ at: T + ((i * 7) % 400), limits: [{ name: 'tokens', remaining: i }] }))
    const batch = only(pending.batches())
    expect(batch.kind === 'limits' && [...batch.content.records.values()].map(({ at }) => at)).toEqual([T + 399])
    expect(batch.kind === 'limits' && batch.content.log.length).toBe(400)
  })

  it('repeats a batch under its number until it is settled, then sends what came meanwhile', () => {
    const pending = createPending()
    pending.addUsage(usage())
    const first = only(pending.batches())
    pending.addUsage(usage({ counters: { responses: 5 } }))
    expect(only(pending.batches())).toEqual(first)
    pending.settle(first)
    pending.settle(first)
    const second = only(pending.batches())
    expect(second.number).toBeGreaterThan(first.number)
    expect(second.kind === 'usage' && Object.fromEntries(second.content.plain)).toEqual({ responses: 5 })
    pending.settle(second)
    expect(pending.isEmpty()).toBe(true)
  })

  it('sends a long log in several batches, in order', () => {
    const pending = createPending()
    for (let i = 0; i < 1_200; i++) pending.addLimits(report({ at: T + i }))
    const seen: string[] = []
    for (let rounds = 0; !pending.isEmpty(); rounds++) {
      expect(rounds).toBeLessThan(4)
      const batch = only(pending.batches())
      if (batch.kind === 'limits') seen.push(...batch.content.log.map(([at]) => at ?? ''))
      pending.settle(batch)
    }
    expect(seen).toEqual(Array.from({ length: 1_200 }, (_, i) => String(T + i)))
  })

  it('drops and counts the oldest log entries beyond the bound, but keeps the latest state', () => {
    const pending = createPending({ ...PENDING_BOUNDS, logEntries: 3 })
    for (let i = 0; i < 5; i++) pending.addLimits(report({ at: T + i }))
    pending.addLimits(report({ deployment: 'e', at: T + 9 }))
    expect(pending.dropped()).toBe(3)
    const [d, e] = pending.batches()
    expect(d?.kind === 'limits' && d.content.log.map(([at]) => at)).toEqual([2, 3, 4].map((i) => String(T + i)))
    expect(d?.kind === 'limits' && d.content.records.get('tokens')?.at).toBe(T + 4)
    expect(e?.kind === 'limits' && [e.content.log.length, e.content.records.get('tokens')?.at]).toEqual([0, T + 9])
  })

  it('makes room when batches are settled', () => {
    const pending = createPending({ ...PENDING_BOUNDS, logEntries: 2, onceIds: 2 })
    for (let round = 0; round < 3; round++) {
      for (const id of ['a', 'b']) {
        pending.addLimits(report())
        pending.addUsage(usage({ onceId: `${id}${round}` }))
      }
      for (const batch of pending.batches()) {
        expect(batch.kind === 'limits' ? batch.content.log.length : batch.content.once.size).toBe(2)
        pending.settle(batch)
      }
    }
    expect(pending.dropped()).toBe(0)
  })

  it('keeps one use per response, and one sum per minute of uses without an id or beyond the bound of ids', () => {
    const pending = createPending({ ...PENDING_BOUNDS, onceIds: 2 })
    const use = (at: number, used: number, onceId?: string) =>
      pending.addLimits(report({ at, source: 'usage', limits: [{ name: 'tokens', used }], ...(onceId !== undefined && { onceId }) }))
    use(T, 5, 'resp_1')
    use(T, 5, 'resp_1')
    use(T + 1, 7)
    use(T + 2, 7)
    use(T + 3, 11, 'resp_2')
    const usesOf = (batch: Batch) => (batch.kind === 'limits' ? [...batch.content.used.values()].map(({ id, at, amounts }) => [id, at - T, ...amounts.values()]) : [])
    const batch = only(pending.batches())
    expect(usesOf(batch)).toEqual([
      ['resp_1', 0, 5],
      ['', 3, 25],
    ])
    // Once a later minute has a use, the minute before is no longer needed.
    use(T + 4, 1)
    use(T + 60_000, 7)
    use(T + 5, 1)
    use(T, 5, 'resp_1')
    pending.settle(batch)
    const log = only(pending.batches())
    expect(usesOf(log)).toEqual([['', 60_000, 7]])
    pending.settle(log)
    expect(pending.isEmpty()).toBe(true)
  })

  it('keeps the time of each name’s own latest use', () => {
    const pending = createPending()
    pending.addLimits(report({ at: T, source: 'usage', limits: [{ name: 'tokens', used: 5 }] }))
    pending.addLimits(report({ at: T + 9, source: 'usage', limits: [{ name: 'requests', used: 1 }] }))
    const batch = only(pending.batches())
    const uses = batch.kind === 'limits' ? [...batch.content.used.values()].map(({ at, amounts }) => [at - T, ...amounts.keys()]) : []
    expect(uses).toEqual([
      [0, 'tokens'],
      [9, 'requests'],
    ])
  })

  it('keeps a limit that a later report does not repeat', () => {
    const pending = createPending()
    pending.addLimits(report({ limits: [{ name: 'tokens', limit: 100, remaining: 50 }] }))
    pending.addLimits(report({ at: T + 1, source: 'http_429', limits: [{ name: 'tokens', remaining: 0 }] }))
    const batch = only(pending.batches())
    expect(batch.kind === 'limits' && [batch.content.records.get('tokens')?.source, batch.content.known.get('tokens')]).toEqual([
      'http_429',
      { limit: 100, at: T, configured: false },
    ])
  })

  it('drops and counts users and deployments beyond the bound', () => {
    const pending = createPending({ ...PENDING_BOUNDS, owners: 2, deployments: 1 })
    for (const subject of ['a', 'b', 'a']) pending.addUsage(usage({ subject }))
    pending.addUsage(usage({ subject: 'c' }))
    for (const deployment of ['d', 'e', 'd']) pending.addLimits(report({ deployment }))
    expect(pending.dropped()).toBe(2)
    expect(pending.batches().map(({ content }) => ('owner' in content ? content.owner.name : content.deployment))).toEqual(['d', 'a', 'b'])
  })

  it('adds one report to every owner it names', () => {
    const pending = createPending()
    for (let i = 0; i < 2; i++) pending.addUsage(usage({ tenant: 'acme', profile: 'vip', deployment: 'd', onceId: 'r1' }))
    pending.addUsage(usage({ tenant: 'acme' }))
    const found = pending
      .batches()
      .map((batch) => (batch.kind === 'usage' ? [batch.content.owner.kind, batch.content.owner.name, batch.content.once.size, batch.content.plain.size] : []))
    expect(found).toEqual([
      ['subject', 'alice', 1, 1],
      ['tenant', 'acme', 1, 1],
      ['profile', 'vip', 1, 0],
      ['deployment', 'd', 1, 0],
    ])
  })

  it('counts reports beyond the bound of ids without their id, and a known id only once', () => {
    const pending = createPending({ ...PENDING_BOUNDS, onceIds: 1 })
    for (const onceId of ['r1', 'r1', 'r2']) pending.addUsage(usage({ onceId }))
    const batch = only(pending.batches())
    expect(batch.kind === 'usage' && [[...batch.content.once.keys()], Object.fromEntries(batch.content.plain)]).toEqual([['r1'], { responses: 1 }])
    pending.addUsage(usage({ onceId: 'r1' }))
    expect(batch.kind === 'usage' && only(pending.batches()).content).toBe(batch.content)
  })

  it('bounds names, texts and counters', () => {
    const pending = createPending()
    for (let i = 0; i < 100; i++) pending.addLimits(report({ limits: [{ name: `n${i}`, remaining: 1 }], sessionId: 's'.repeat(1_000) }))
    pending.addUsage(usage({ counters: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`c${i}`, 1])) }))
    const [limits, counted] = pending.batches()
    expect(limits?.kind === 'limits' && [limits.content.records.size, limits.content.log.length, limits.content.log[0]?.[7]?.length]).toEqual([64, 100, 256])
    expect(counted?.kind === 'usage' && counted.content.plain.size).toBe(64)
  })
})
