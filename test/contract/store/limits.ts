// What every LimitsBook must do: the latest of each limit, and what was used of it.
import { describe, expect, it } from 'vitest'
import type { LimitReport } from '../../../src/ports/store.js'
import { eventually, type MakeHarness, storeLab, T } from './lab.js'

const left = (name: string, remaining: number) => ({ name, remaining })

function event(at: number, limits: LimitReport['limits'], source: LimitReport['source'] = 'event', deployment = 'gpt-realtime'): LimitReport {
  return { deployment, source, at, limits, sessionId: 'sess_1', subject: 'alice' }
}

export function limitsContract(name: string, makeHarness: MakeHarness): void {
  describe(`LimitsBook contract: ${name}`, () => {
    const lab = storeLab(makeHarness)

    async function picture(deployment = 'gpt-realtime') {
      return Object.fromEntries((await lab.store.limits.limitsOf(deployment)).map((state) => [state.name, state]))
    }

    it('is empty for a deployment without reports', async () => {
      expect(await lab.store.limits.limitsOf('unheard-of')).toEqual([])
    })

    it('keeps the latest report of every name, whichever numbers it has', async () => {
      lab.store.limits.recordLimits(event(T, [{ name: 'tokens', limit: 15_000_000, remaining: 14_998_954, resetSeconds: 0.004 }]))
      lab.store.limits.recordLimits(
        event(T + 1, [
          { name: 'requests', limit: 100, remaining: 99, resetSeconds: 0.6 },
          { name: 'tokens', remaining: 12.5 },
        ]),
      )
      lab.store.limits.recordLimits(event(T + 2, [{ name: 'images.per_day', limit: 3 }]))
      await eventually(async () =>
        expect(await picture()).toEqual({
          tokens: { name: 'tokens', remaining: 12.5, source: 'event', at: T + 1 },
          requests: { name: 'requests', limit: 100, remaining: 99, resetAt: T + 601, source: 'event', at: T + 1 },
          'images.per_day': { name: 'images.per_day', limit: 3, source: 'event', at: T + 2 },
        }),
      )
    })

    it('never lets an older report overwrite a newer one of the same name', async () => {
      lab.store.limits.recordLimits(event(T + 10, [left('tokens', 5)]))
      await eventually(async () => expect(await picture()).toHaveProperty('tokens'))
      lab.store.limits.recordLimits(event(T + 5, [left('tokens', 500), left('requests', 7)]))
      await eventually(async () => expect(await picture()).toHaveProperty('requests'))
      expect(await picture()).toMatchObject({ tokens: { remaining: 5, at: T + 10 }, requests: { remaining: 7, at: T + 5 } })
    })

    it('lets usage fill in only if the provider has not reported lately', async () => {
      lab.store.limits.recordLimits(event(T, [left('tokens', 5)]))
      lab.store.limits.recordLimits(event(T + 1_000, [left('tokens', 99), left('requests', 1)], 'usage'))
      await eventually(async () => expect(await picture()).toHaveProperty('requests'))
      expect(await picture()).toMatchObject({ tokens: { remaining: 5, source: 'event' }, requests: { remaining: 1, source: 'usage' } })
      lab.store.limits.recordLimits(event(T + 10 * 60_000, [left('tokens', 42)], 'usage'))
      await eventually(async () => expect(await picture()).toMatchObject({ tokens: { remaining: 42, source: 'usage' } }))
    })

    it('lets a refusal overwrite an older event', async () => {
      lab.store.limits.recordLimits(event(T, [{ name: 'requests', limit: 10, remaining: 9 }]))
      lab.store.limits.recordLimits(event(T + 1, [{ name: 'requests', remaining: 0, resetSeconds: 7 }], 'http_429'))
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

    it('adds use up per minute if no report says what is left', async () => {
      lab.store.limits.recordLimits(used(T + 1_000, { tokens: 100, requests: 1 }, 'resp_1'))
      lab.store.limits.recordLimits(used(T + 3_000, { tokens: 20, requests: 1 }, 'resp_2'))
      lab.store.limits.recordLimits(used(T + 2_000, { tokens: 3 }))
      const minute = { resetAt: T + MINUTE, source: 'usage', usedFrom: T }
      await eventually(async () =>
        expect(await picture()).toEqual({ tokens: { name: 'tokens', used: 123, at: T + 3_000, ...minute }, requests: { name: 'requests', used: 2, at: T + 3_000, ...minute } }),
      )
      lab.store.limits.recordLimits(used(T + MINUTE, { tokens: 7 }, 'resp_3'))
      lab.store.limits.recordLimits(used(T + MINUTE - 1, { tokens: 1_000 }, 'resp_late'))
      const next = { name: 'tokens', used: 7, usedFrom: T + MINUTE, resetAt: T + 2 * MINUTE, source: 'usage', at: T + MINUTE }
      await eventually(async () => expect((await picture()).tokens).toEqual(next))
    })

    it('counts the use of one response once', async () => {
      lab.store.limits.recordLimits(used(T, { tokens: 100, requests: 1 }, 'resp_1'))
      lab.store.limits.recordLimits(used(T, { tokens: 100, requests: 1 }, 'resp_1'))
      await eventually(async () => expect(await picture()).toMatchObject({ tokens: { used: 100 } }))
      lab.store.limits.recordLimits(used(T, { tokens: 100, requests: 1 }, 'resp_1'))
      lab.store.limits.recordLimits(used(T, { tokens: 5 }, 'resp_2'))
      await eventually(async () => expect(await picture()).toMatchObject({ tokens: { used: 105 }, requests: { used: 1 } }))
    })

    it('computes what is left from a known limit, and prefers the provider’s limit to a configured one', async () => {
      lab.store.limits.recordLimits(event(T, [{ name: 'tokens', limit: 1_000 }], 'configured'))
      await eventually(async () => expect(await picture()).toEqual({ tokens: { name: 'tokens', limit: 1_000, source: 'configured', at: T } }))
      lab.store.limits.recordLimits(used(T + 1, { tokens: 400 }, 'resp_1'))
      const minute = { name: 'tokens', usedFrom: T, resetAt: T + MINUTE, source: 'usage' }
      await eventually(async () => expect((await picture()).tokens).toEqual({ ...minute, limit: 1_000, remaining: 600, used: 400, at: T + 1 }))
      lab.store.limits.recordLimits(event(T + 2, [{ name: 'tokens', limit: 500, remaining: 450 }]))
      await eventually(async () => expect((await picture()).tokens).toMatchObject({ limit: 500, remaining: 450, used: 400, source: 'event' }))
      const later = T + 3 * MINUTE
      lab.store.limits.recordLimits(used(later, { tokens: 60 }, 'resp_2'))
      await eventually(async () =>
        expect((await picture()).tokens).toEqual({ ...minute, limit: 500, remaining: 440, used: 60, usedFrom: later, resetAt: later + MINUTE, at: later }),
      )
      lab.store.limits.recordLimits(used(later + 1, { tokens: 600 }, 'resp_3'))
      await eventually(async () => expect((await picture()).tokens).toMatchObject({ remaining: 0, used: 660 }))
    })

    it('lets a refusal inside a session overwrite an older event', async () => {
      lab.store.limits.recordLimits(event(T, [{ name: 'tokens', limit: 10, remaining: 9 }]))
      lab.store.limits.recordLimits(event(T + 1, [{ name: 'tokens', remaining: 0, resetSeconds: 2 }], 'inference_rate_limit_exceeded'))
      lab.store.limits.recordLimits(event(T + 1, [{ name: 'requests', remaining: 0 }], 'rate_limit_exceeded'))
      await eventually(async () =>
        expect(await picture()).toEqual({
          tokens: { name: 'tokens', remaining: 0, resetAt: T + 2_001, source: 'inference_rate_limit_exceeded', at: T + 1 },
          requests: { name: 'requests', remaining: 0, source: 'rate_limit_exceeded', at: T + 1 },
        }),
      )
    })

    it('ignores a use that is no positive number, has no time or no valid name', async () => {
      for (const amount of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) lab.store.limits.recordLimits(used(T, { tokens: amount }))
      lab.store.limits.recordLimits(used(Number.NaN, { tokens: 1 }))
      lab.store.limits.recordLimits(used(T, { 'a b': 1, requests: 1 }))
      await eventually(async () => expect(await picture()).toHaveProperty('requests'))
      expect(Object.keys(await picture())).toEqual(['requests'])
    })

    it('keeps deployments apart, whatever their names', async () => {
      const names = ['gpt', 'gpt:log', 'gpt}', '{gpt', '%7Bgpt', '', '*', 'gpt\n', '\ud800', '\ufffd', '__proto__']
      names.forEach((deployment, index) => void lab.store.limits.recordLimits(event(T, [{ name: 'tokens', remaining: index }], 'event', deployment)))
      for (const [index, deployment] of names.entries()) {
        await eventually(async () => expect(await picture(deployment), JSON.stringify(deployment)).toMatchObject({ tokens: { remaining: index } }))
      }
    })

    it('ignores invalid limits, and never throws', async () => {
      lab.store.limits.recordLimits(
        event(T, [
          left('a b', 1),
          left('', 1),
          left('tokens.limit', 4),
          left('__proto__', 3),
          { name: 'tokens', remaining: Number.NaN, limit: Number.POSITIVE_INFINITY },
          { name: 'x'.repeat(65), remaining: 1 },
        ]),
      )
      lab.store.limits.recordLimits(event(Number.NaN, [left('tokens', 1)]))
      lab.store.limits.recordLimits(event(T, []))
      await eventually(async () =>
        expect((await lab.store.limits.limitsOf('gpt-realtime')).map(({ name: of, remaining }) => [of, remaining]).sort()).toEqual([
          ['__proto__', 3],
          ['tokens.limit', 4],
        ]),
      )
    })
  })
}
