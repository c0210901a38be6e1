// The contract of every LimitStore, run against each implementation with a clock that can be moved.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type HoldRequest, NO_AMOUNTS, type QuotaAmounts, type QuotaCheck } from '../../src/core/policy/quota.js'
import type { Identity } from '../../src/ports/caller.js'
import type { LimitReport, LimitStore, UsageOwner, UsageReport } from '../../src/ports/store.js'

export interface LimitStoreHarness {
  /** A new store over the same data, ready for use. */
  open(now: () => number): Promise<LimitStore>
  /** Whether stores opened over the same data see each other. */
  readonly shared: boolean
  /** What has been recorded for a user and a UTC day. */
  usageOf(store: LimitStore, subject: string, day: string): Promise<Readonly<Record<string, number>>>
}

const T = Date.UTC(2026, 10, 25, 12, 0, 0)
const DAY = '2026-11-25'
const left = (name: string, remaining: number) => ({ name, remaining })

export function limitStoreContract(name: string, makeHarness: () => Promise<LimitStoreHarness>): void {
  describe(`LimitStore contract: ${name}`, () => {
    let harness: LimitStoreHarness
    let store: LimitStore
    let now = T

    beforeEach(async () => {
      now = T
      harness = await makeHarness()
      store = await harness.open(() => now)
    })

    afterEach(async () => {
      await store.close(2_000)
    })

    function event(at: number, limits: LimitReport['limits'], source: LimitReport['source'] = 'event', deployment = 'gpt-realtime'): LimitReport {
      return { deployment, source, at, limits, sessionId: 'sess_1', subject: 'alice' }
    }

    async function picture(deployment = 'gpt-realtime') {
      return Object.fromEntries((await store.limitsOf(deployment)).map((state) => [state.name, state]))
    }

    const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 5_000, interval: 10 })

    describe('limits', () => {
      it('knows nothing of a deployment without reports', async () => {
        expect(await store.limitsOf('unheard-of')).toEqual([])
      })

      it('keeps the latest report of every name, in any of its shapes', async () => {
        store.recordLimits(event(T, [{ name: 'tokens', limit: 15_000_000, remaining: 14_998_954, resetSeconds: 0.004 }]))
        store.recordLimits(
          event(T + 1, [
            { name: 'requests', limit: 100, remaining: 99, resetSeconds: 0.6 },
            { name: 'tokens', remaining: 12.5 },
          ]),
        )
        store.recordLimits(event(T + 2, [{ name: 'images.per_day', limit: 3 }]))
        await eventually(async () =>
          expect(await picture()).toEqual({
            tokens: { name: 'tokens', remaining: 12.5, source: 'event', at: T + 1 },
            requests: { name: 'requests', limit: 100, remaining: 99, resetAt: T + 601, source: 'event', at: T + 1 },
            'images.per_day': { name: 'images.per_day', limit: 3, source: 'event', at: T + 2 },
          }),
        )
      })

      it('never lets an older report overwrite a newer one, name by name', async () => {
        store.recordLimits(event(T + 10, [left('tokens', 5)]))
        await eventually(async () => expect(await picture()).toHaveProperty('tokens'))
        store.recordLimits(event(T + 5, [left('tokens', 500), left('requests', 7)]))
        await eventually(async () => expect(await picture()).toHaveProperty('requests'))
        expect(await picture()).toMatchObject({ tokens: { remaining: 5, at: T + 10 }, requests: { remaining: 7, at: T + 5 } })
      })

      it('uses our own count only if the provider has not reported lately', async () => {
        store.recordLimits(event(T, [left('tokens', 5)]))
        store.recordLimits(event(T + 1_000, [left('tokens', 99), left('requests', 1)], 'usage'))
        await eventually(async () => expect(await picture()).toHaveProperty('requests'))
        expect(await picture()).toMatchObject({ tokens: { remaining: 5, source: 'event' }, requests: { remaining: 1, source: 'usage' } })
        store.recordLimits(event(T + 10 * 60_000, [left('tokens', 42)], 'usage'))
        await eventually(async () => expect(await picture()).toMatchObject({ tokens: { remaining: 42, source: 'usage' } }))
      })

      it('takes a refusal that is newer than the last event', async () => {
        store.recordLimits(event(T, [{ name: 'requests', limit: 10, remaining: 9 }]))
        store.recordLimits(event(T + 1, [{ name: 'requests', remaining: 0, resetSeconds: 7 }], 'http_429'))
        await eventually(async () => expect(await picture()).toEqual({ requests: { name: 'requests', remaining: 0, resetAt: T + 7_001, source: 'http_429', at: T + 1 } }))
      })

      const used = (at: number, amounts: Record<string, number>, onceId?: string): LimitReport => ({
        ...event(
          at,
          Object.entries(amounts).map(([of, amount]) => ({ name: of, used: amount })),
          'usage',
        ),
        ...(onceId !== undefined && { onceId }),
      })
      const MINUTE = 60_000

      it('adds up use minute by minute if no report says what is left', async () => {
        store.recordLimits(used(T + 1_000, { tokens: 100, requests: 1 }, 'resp_1'))
        store.recordLimits(used(T + 3_000, { tokens: 20, requests: 1 }, 'resp_2'))
        store.recordLimits(used(T + 2_000, { tokens: 3 }))
        const minute = { resetAt: T + MINUTE, source: 'usage', usedFrom: T }
        await eventually(async () =>
          expect(await picture()).toEqual({ tokens: { name: 'tokens', used: 123, at: T + 3_000, ...minute }, requests: { name: 'requests', used: 2, at: T + 3_000, ...minute } }),
        )
        store.recordLimits(used(T + MINUTE, { tokens: 7 }, 'resp_3'))
        store.recordLimits(used(T + MINUTE - 1, { tokens: 1_000 }, 'resp_late'))
        const next = { name: 'tokens', used: 7, usedFrom: T + MINUTE, resetAt: T + 2 * MINUTE, source: 'usage', at: T + MINUTE }
        await eventually(async () => expect((await picture()).tokens).toEqual(next))
      })

      it('counts the use of one response once', async () => {
        store.recordLimits(used(T, { tokens: 100, requests: 1 }, 'resp_1'))
        store.recordLimits(used(T, { tokens: 100, requests: 1 }, 'resp_1'))
        await eventually(async () => expect(await picture()).toMatchObject({ tokens: { used: 100 } }))
        store.recordLimits(used(T, { tokens: 100, requests: 1 }, 'resp_1'))
        store.recordLimits(used(T, { tokens: 5 }, 'resp_2'))
        await eventually(async () => expect(await picture()).toMatchObject({ tokens: { used: 105 }, requests: { used: 1 } }))
      })

      it('derives what is left from a known limit, the provider’s before a configured one', async () => {
        store.recordLimits(event(T, [{ name: 'tokens', limit: 1_000 }], 'configured'))
        await eventually(async () => expect(await picture()).toEqual({ tokens: { name: 'tokens', limit: 1_000, source: 'configured', at: T } }))
        store.recordLimits(used(T + 1, { tokens: 400 }, 'resp_1'))
        const minute = { name: 'tokens', usedFrom: T, resetAt: T + MINUTE, source: 'usage' }
        await eventually(async () => expect((await picture()).tokens).toEqual({ ...minute, limit: 1_000, remaining: 600, used: 400, at: T + 1 }))
        store.recordLimits(event(T + 2, [{ name: 'tokens', limit: 500, remaining: 450 }]))
        await eventually(async () => expect((await picture()).tokens).toMatchObject({ limit: 500, remaining: 450, used: 400, source: 'event' }))
        const later = T + 3 * MINUTE
        store.recordLimits(used(later, { tokens: 60 }, 'resp_2'))
        await eventually(async () =>
          expect((await picture()).tokens).toEqual({ ...minute, limit: 500, remaining: 440, used: 60, usedFrom: later, resetAt: later + MINUTE, at: later }),
        )
        store.recordLimits(used(later + 1, { tokens: 600 }, 'resp_3'))
        await eventually(async () => expect((await picture()).tokens).toMatchObject({ remaining: 0, used: 660 }))
      })

      it('counts a refusal inside a session as a report of the provider', async () => {
        store.recordLimits(event(T, [{ name: 'tokens', limit: 10, remaining: 9 }]))
        store.recordLimits(event(T + 1, [{ name: 'tokens', remaining: 0, resetSeconds: 2 }], 'inference_rate_limit_exceeded'))
        store.recordLimits(event(T + 1, [{ name: 'requests', remaining: 0 }], 'rate_limit_exceeded'))
        await eventually(async () =>
          expect(await picture()).toEqual({
            tokens: { name: 'tokens', remaining: 0, resetAt: T + 2_001, source: 'inference_rate_limit_exceeded', at: T + 1 },
            requests: { name: 'requests', remaining: 0, source: 'rate_limit_exceeded', at: T + 1 },
          }),
        )
      })

      it('ignores a use that is not a positive number', async () => {
        for (const amount of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) store.recordLimits(used(T, { tokens: amount }))
        store.recordLimits(used(Number.NaN, { tokens: 1 }))
        store.recordLimits(used(T, { 'a b': 1, requests: 1 }))
        await eventually(async () => expect(await picture()).toHaveProperty('requests'))
        expect(Object.keys(await picture())).toEqual(['requests'])
      })

      it('keeps deployments of any name apart', async () => {
        const names = ['gpt', 'gpt:log', 'gpt}', '{gpt', '%7Bgpt', '', '*', 'gpt\n', '\ud800', '\ufffd', '__proto__']
        names.forEach((deployment, index) => void store.recordLimits(event(T, [{ name: 'tokens', remaining: index }], 'event', deployment)))
        for (const [index, deployment] of names.entries()) {
          await eventually(async () => expect(await picture(deployment), JSON.stringify(deployment)).toMatchObject({ tokens: { remaining: index } }))
        }
      })

      it('ignores values that are no limits, and never throws', async () => {
        store.recordLimits(
          event(T, [
            left('a b', 1),
            left('', 1),
            left('tokens.limit', 4),
            left('__proto__', 3),
            { name: 'tokens', remaining: Number.NaN, limit: Number.POSITIVE_INFINITY },
            { name: 'x'.repeat(65), remaining: 1 },
          ]),
        )
        store.recordLimits(event(Number.NaN, [left('tokens', 1)]))
        store.recordLimits(event(T, []))
        await eventually(async () =>
          expect((await store.limitsOf('gpt-realtime')).map(({ name: of, remaining }) => [of, remaining]).sort()).toEqual([
            ['__proto__', 3],
            ['tokens.limit', 4],
          ]),
        )
      })
    })

    describe('usage', () => {
      const usage = (rest: Partial<UsageReport> & Pick<UsageReport, 'counters'>): UsageReport => ({ subject: 'alice', deployment: 'gpt-realtime', at: T, ...rest })

      it('adds counters up per user and UTC day', async () => {
        store.recordUsage(usage({ counters: { responses: 1, input_tokens: 100, seconds: 1.5 } }))
        store.recordUsage(usage({ counters: { responses: 1, input_tokens: 20, seconds: 0.25 } }))
        store.recordUsage(usage({ counters: { responses: 1 }, at: Date.UTC(2026, 10, 25, 23, 59, 59, 999) }))
        store.recordUsage(usage({ counters: { responses: 1 }, at: Date.UTC(2026, 10, 26) }))
        store.recordUsage(usage({ counters: { responses: 1 }, subject: 'bob' }))
        await eventually(async () => expect(await harness.usageOf(store, 'alice', DAY)).toEqual({ responses: 3, input_tokens: 120, seconds: 1.75 }))
        await eventually(async () => expect(await harness.usageOf(store, 'alice', '2026-11-26')).toEqual({ responses: 1 }))
        await eventually(async () => expect(await harness.usageOf(store, 'bob', DAY)).toEqual({ responses: 1 }))
      })

      it('counts a report with an id once, even if it comes again after it was written or after midnight', async () => {
        const once = usage({ counters: { input_tokens: 7 }, onceId: 'resp_1' })
        store.recordUsage(once)
        store.recordUsage(once)
        await eventually(async () => expect(await harness.usageOf(store, 'alice', DAY)).toEqual({ input_tokens: 7 }))
        store.recordUsage(once)
        store.recordUsage(usage({ counters: { input_tokens: 7 }, onceId: 'resp_1', at: Date.UTC(2026, 10, 26) }))
        store.recordUsage(usage({ counters: { input_tokens: 1 }, onceId: 'resp_2' }))
        store.recordUsage(usage({ counters: { input_tokens: 100 }, onceId: 'resp_1', subject: 'bob' }))
        await eventually(async () => expect(await harness.usageOf(store, 'alice', DAY)).toEqual({ input_tokens: 8 }))
        await eventually(async () => expect(await harness.usageOf(store, 'bob', DAY)).toEqual({ input_tokens: 100 }))
        expect(await harness.usageOf(store, 'alice', '2026-11-26')).toEqual({})
      })

      it('adds to the counters of the tenant, the profile and the deployment as well, each once per id', async () => {
        const named = { tenant: 'acme', profile: 'vip' }
        store.recordUsage(usage({ ...named, counters: { responses: 1, cost_usd: 0.25 }, onceId: 'resp_1' }))
        store.recordUsage(usage({ ...named, counters: { responses: 1, cost_usd: 0.25 }, onceId: 'resp_1' }))
        store.recordUsage(usage({ ...named, subject: 'bob', counters: { responses: 1, cost_usd: 0.125 }, onceId: 'resp_2' }))
        store.recordUsage(usage({ subject: 'carol', tenant: 'acme', counters: { sessions: 1 } }))
        const of = (kind: UsageOwner['kind'], name: string) => store.usageOf({ kind, name }, DAY)
        await eventually(async () => expect(await of('tenant', 'acme')).toEqual({ responses: 2, cost_usd: 0.375, sessions: 1 }))
        await eventually(async () => expect(await of('deployment', 'gpt-realtime')).toEqual({ responses: 2, cost_usd: 0.375, sessions: 1 }))
        await eventually(async () => expect(await of('profile', 'vip')).toEqual({ responses: 2, cost_usd: 0.375 }))
        expect(await of('subject', 'alice')).toEqual({ responses: 1, cost_usd: 0.25 })
        expect(await of('subject', 'acme')).toEqual({})
        expect(await of('tenant', 'alice')).toEqual({})
      })

      it('shows at once what this process reported', async () => {
        for (let i = 1; i <= 5; i++) {
          store.recordUsage(usage({ counters: { responses: 1 }, onceId: `resp_${i}` }))
          expect(await store.usageOf({ kind: 'subject', name: 'alice' }, DAY)).toEqual({ responses: i })
        }
      })

      it('also counts per user, month and minute if a report asks for it, each once per id', async () => {
        const windows = ['minute', 'month'] as const
        const of = (window: string, owner: UsageOwner = { kind: 'subject', name: 'alice' }) => store.usageOf(owner, window)
        store.recordUsage(usage({ windows, counters: { responses: 1 }, onceId: 'resp_1' }))
        store.recordUsage(usage({ windows, counters: { responses: 1 }, onceId: 'resp_1' }))
        store.recordUsage(usage({ windows, counters: { responses: 1 }, onceId: 'resp_2', at: T + 60_000 }))
        store.recordUsage(usage({ counters: { sessions: 1 } }))
        await eventually(async () => expect(await of('2026-11')).toEqual({ responses: 2 }))
        await eventually(async () => expect(await of('2026-11-25T12:01')).toEqual({ responses: 1 }))
        expect(await of('2026-11-25T12:00')).toEqual({ responses: 1 })
        await eventually(async () => expect(await of(DAY)).toEqual({ responses: 2, sessions: 1 }))
        expect(await of('2026-11', { kind: 'deployment', name: 'gpt-realtime' })).toEqual({})
      })

      it('never confuses two owners', async () => {
        const owners: UsageOwner[] = [
          { kind: 'subject', name: 'tenant:{a}' },
          { kind: 'tenant', name: 'a' },
          { kind: 'profile', name: 'a' },
          { kind: 'subject', name: 'a' },
          { kind: 'subject', name: 'a}:once' },
        ]
        for (const [index, { kind, name: of }] of owners.entries()) {
          store.recordUsage({
            subject: `nobody-${index}`,
            deployment: '',
            at: T,
            counters: { input_tokens: index + 1 },
            ...(kind === 'subject' ? { subject: of } : { [kind]: of }),
          })
        }
        for (const [index, owner] of owners.entries()) {
          await eventually(async () => expect(await store.usageOf(owner, DAY), JSON.stringify(owner)).toEqual({ input_tokens: index + 1 }))
        }
      })

      it('ignores values that are no counters, and never throws', async () => {
        store.recordUsage(usage({ counters: { 'a b': 1, nan: Number.NaN, inf: Number.POSITIVE_INFINITY, zero: 0, responses: 1 } }))
        store.recordUsage(usage({ counters: {}, onceId: 'resp_empty' }))
        store.recordUsage(usage({ counters: { responses: 1 }, at: Number.NaN }))
        await eventually(async () => expect(await harness.usageOf(store, 'alice', DAY)).toEqual({ responses: 1 }))
      })
    })

    describe('hold', () => {
      const daily = (max: number): QuotaCheck => ({ of: 'responses', window: DAY, max, counters: ['responses'], each: 1 })
      const ask = (holder: string, checks: readonly QuotaCheck[], hold: Partial<QuotaAmounts> = { responses: 1 }, subject = 'alice'): HoldRequest => ({
        subject,
        holder,
        hold: { ...NO_AMOUNTS, ...hold },
        ttlMs: 60_000,
        checks,
      })
      const used = (counters: Record<string, number>, onceId?: string) =>
        store.recordUsage({ subject: 'alice', deployment: 'd', at: T, windows: ['minute'], counters, ...(onceId !== undefined && { onceId }) })

      it('counts reservations beside usage and reports both', async () => {
        used({ responses: 1 })
        expect(await store.hold(ask('s1', [daily(3)]))).toEqual({ granted: true, held: NO_AMOUNTS, windows: { [DAY]: { responses: 1 } } })
        expect(await store.hold(ask('s2', [daily(3)]))).toMatchObject({ granted: true, held: { responses: 1 } })
        expect(await store.hold(ask('s3', [daily(3)]))).toMatchObject({ granted: false, held: { responses: 2 }, windows: { [DAY]: { responses: 1 } } })
        expect(await store.hold(ask('s4', [daily(3)], { responses: 1 }, 'bob'))).toMatchObject({ granted: true, held: NO_AMOUNTS, windows: { [DAY]: {} } })
      })

      it('grants simultaneous requests only as many reservations as there is room for', async () => {
        const others = await Promise.all([1, 2, 3].map(() => harness.open(() => now)))
        const stores = harness.shared ? [store, ...others] : [store]
        await Promise.all(stores.map((one) => eventually(async () => void (await one.hold(ask('first', [], {}))))))
        const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => (stores[i % stores.length] as LimitStore).hold(ask(`s${i}`, [daily(7)]))))
        expect(answers.filter(({ granted }) => granted)).toHaveLength(7)
        await Promise.all(others.map((other) => other.close(1_000)))
      })

      it('is released after the usage is counted, so that one of both always counts', async () => {
        for (let n = 1; n <= 5; n++) {
          expect(await store.hold(ask('s1', [daily(5)]))).toMatchObject({ granted: true, held: NO_AMOUNTS, windows: { [DAY]: n === 1 ? {} : { responses: n - 1 } } })
          used({ responses: 1 }, `resp_${n}`)
          store.letGo('alice', 's1')
        }
        expect(await store.hold(ask('s1', [daily(5)]))).toMatchObject({ granted: false, held: NO_AMOUNTS, windows: { [DAY]: { responses: 5 } } })
      })

      it('is released by its holder only, and not by a refused request', async () => {
        await store.hold(ask('s1', [daily(1)]))
        store.letGo('alice', 's2')
        store.letGo('bob', 's1')
        expect(await store.hold(ask('s2', [daily(1)]))).toMatchObject({ granted: false })
        expect(await store.hold(ask('s1', [daily(1)]))).toMatchObject({ granted: false, held: { responses: 1 } })
        store.letGo('alice', 's1')
        await eventually(async () => expect(await store.hold(ask('s2', [daily(1)]))).toMatchObject({ granted: true }))
      })

      it('can be increased by its holder and is released as a whole', async () => {
        await store.hold(ask('s1', [daily(5)], { responses: 1, tokens: 10 }))
        await store.hold(ask('s1', [daily(5)], { responses: 1, tokens: 5.5 }))
        expect(await store.hold(ask('s2', []))).toMatchObject({ granted: true, held: { responses: 2, tokens: 15.5, audioMinutes: 0, money: 0 }, windows: {} })
        store.letGo('alice', 's1')
        expect(await store.hold(ask('s3', []))).toMatchObject({ held: { responses: 1, tokens: 0 } })
      })

      it('expires if it is never released', async () => {
        await store.hold(ask('of a dead relay', [daily(1)]))
        now += 59_999
        expect(await store.hold(ask('s2', [daily(1)]))).toMatchObject({ granted: false })
        now += 1
        expect(await store.hold(ask('s2', [daily(1)]))).toMatchObject({ granted: true, held: NO_AMOUNTS })
      })

      it('checks every rule in its own unit and window', async () => {
        used({ responses: 1, input_tokens: 60, output_tokens: 39, input_audio_seconds: 90, cost_usd: 0.5 })
        const minute: QuotaCheck = { of: 'tokens', window: '2026-11-25T12:00', max: 100, counters: ['input_tokens', 'output_tokens', 'never_heard_of'], each: 1 }
        const spoken: QuotaCheck = { of: 'audioMinutes', window: DAY, max: 1.6, counters: ['input_audio_seconds'], each: 60 }
        const money: QuotaCheck = { of: 'money', window: DAY, max: 0.500001, counters: ['cost_usd'], each: 1 }
        expect(await store.hold(ask('s1', [minute, spoken, money], {}))).toMatchObject({
          granted: true,
          windows: { '2026-11-25T12:00': { input_tokens: 60 }, [DAY]: { input_audio_seconds: 90 } },
        })
        expect(await store.hold(ask('s1', [{ ...minute, max: 99 }], {}))).toMatchObject({ granted: false })
        expect(await store.hold(ask('s1', [spoken, { ...money, max: 0.5 }], {}))).toMatchObject({ granted: false })
        expect(await store.hold(ask('s1', [spoken], { audioMinutes: 0.1 }))).toMatchObject({ granted: true })
        expect(await store.hold(ask('s2', [spoken], {})), '1.5 used, 0.1 held').toMatchObject({ granted: false })
        expect(await store.hold(ask('s2', [money, minute], {})), 'other units have their own').toMatchObject({ granted: true })
        expect(await store.hold(ask('s3', [{ ...daily(0) }], {}, 'bob')), 'nothing is allowed').toMatchObject({ granted: false })
      })
    })

    describe('take', () => {
      const rule = { perSecond: 2, burst: 3 }

      it('grants the burst, then says how long to wait, then refills', async () => {
        for (let i = 0; i < 3; i++) expect(await store.take('connect:alice', 1, rule)).toEqual({ ok: true, retryAfterMs: 0 })
        expect(await store.take('connect:alice', 1, rule)).toEqual({ ok: false, retryAfterMs: 500 })
        expect(await store.take('connect:bob', 1, rule)).toMatchObject({ ok: true })
        now += 500
        expect(await store.take('connect:alice', 1, rule)).toMatchObject({ ok: true })
        expect(await store.take('connect:alice', 1, rule)).toMatchObject({ ok: false })
        now += 3_600_000
        for (let i = 0; i < 3; i++) expect(await store.take('connect:alice', 1, rule)).toMatchObject({ ok: true })
        expect(await store.take('connect:alice', 1, rule)).toMatchObject({ ok: false })
      })

      it('never charges a cost that is not a positive number', async () => {
        for (const cost of [0, -5, Number.NaN]) expect(await store.take('k', cost, rule)).toMatchObject({ ok: true })
        expect(await store.take('k', 3, rule)).toMatchObject({ ok: true })
        expect(await store.take('k', 1, rule)).toMatchObject({ ok: false })
      })
    })

    describe('lease', () => {
      it('grants at most `max` places, and each can be released once', async () => {
        const first = await store.lease('alice', 's1', 2)
        const second = await store.lease('alice', 's2', 2)
        expect([first, second]).toEqual([expect.anything(), expect.anything()])
        expect(await store.lease('alice', 's3', 2)).toBeUndefined()
        expect(await store.lease('bob', 's4', 2)).toBeDefined()
        first?.release()
        first?.release()
        await eventually(async () => expect(await store.lease('alice', 's5', 2)).toBeDefined())
        expect(await store.lease('alice', 's6', 2)).toBeUndefined()
      })

      it('grants none if none is allowed, and one place per session', async () => {
        expect(await store.lease('alice', 's1', 0)).toBeUndefined()
        expect(await store.lease('alice', 's1', 1)).toBeDefined()
        expect(await store.lease('alice', 's1', 1)).toBeDefined()
        expect(await store.lease('alice', 's2', 1)).toBeUndefined()
      })

      it('never gives one subject the places of another', async () => {
        const subjects = ['a', 'a}', '{a', 'a:b', '%7Ba', 'a%', '\ud800', '\udfff', '\ufffd', 'a\u0000', 'é', 'e\u0301']
        for (const subject of subjects) expect(await store.lease(subject, 's', 1), JSON.stringify(subject)).toBeDefined()
        for (const subject of subjects) expect(await store.lease(subject, 'other', 1), JSON.stringify(subject)).toBeUndefined()
      })
    })

    describe('revocation', () => {
      const identity = (subject: string, tokenId?: string): Identity => ({ subject, tokenId, issuer: undefined, expiresAtMs: T + 60_000, claims: {} })

      it('refuses a token or a subject until the time is over', async () => {
        expect(await store.isRevoked(identity('alice', 't1'))).toBe(false)
        await store.revoke({ tokenId: 't1' }, T + 1_000)
        await store.revoke({ subject: 'bob' }, T + 2_000)
        expect(await store.isRevoked(identity('alice', 't1'))).toBe(true)
        expect(await store.isRevoked(identity('alice', 't2'))).toBe(false)
        expect(await store.isRevoked(identity('bob'))).toBe(true)
        expect(await store.isRevoked(identity('t1', 'bob')), 'a subject is no token id').toBe(false)
        now += 1_000
        expect(await store.isRevoked(identity('alice', 't1'))).toBe(false)
        expect(await store.isRevoked(identity('bob', 't1'))).toBe(true)
      })

      it('is never shortened', async () => {
        await store.revoke({ subject: 'alice' }, T + 5_000)
        await store.revoke({ subject: 'alice' }, T + 1_000)
        now += 2_000
        expect(await store.isRevoked(identity('alice'))).toBe(true)
      })

      it('calls every listener once, even if one of them throws', async () => {
        const told: unknown[] = []
        store.onRevoked(() => {
          throw new Error('a listener of its own mind')
        })
        store.onRevoked((revoked) => void told.push(revoked))
        await store.revoke({ tokenId: 't1', subject: 'alice' }, T + 1_000)
        await eventually(async () => expect(told).toEqual([{ tokenId: 't1' }, { subject: 'alice' }]))
      })

      it('rejects an end that is not a time', async () => {
        await expect(store.revoke({ subject: 'alice' }, Number.NaN)).rejects.toThrow(TypeError)
      })
    })

    it('is healthy, and closing it twice or using it afterwards throws nothing', async () => {
      expect(await store.health()).toMatchObject({ status: 'ok' })
      await store.close(1_000)
      await store.close(1_000)
      store.recordLimits(event(T, [left('tokens', 1)]))
      store.recordUsage({ subject: 'alice', deployment: 'gpt-realtime', at: T, counters: { responses: 1 } })
      expect(await store.take('k', 1, { perSecond: 1, burst: 1 })).toMatchObject({ ok: true })
    })
  })
}
