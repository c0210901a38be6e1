// When another dial is allowed and when it is due, and when a leg is to be left: times on the session's clock, and the spread of many sessions.
import { describe, expect, it } from 'vitest'
import type { SessionProfile } from '../../../../src/core/policy/profile.js'
import { attemptUntil, mayRestore, neverRestored, nextLeg, pauseAfter, remembering, rolloverFor } from '../../../../src/core/session/restore/state.js'
import { profile } from '../../../support/playbook.js'

const MINUTE = 60_000
const withLimits = (limits: object): SessionProfile => profile({ limits: limits as never })
const RESTORED = withLimits({ reconnectMs: 10_000 })

describe('another restore', () => {
  const lostAt = (...times: number[]) => times.reduce(remembering, neverRestored)
  it('is allowed if two at most were in the last minute', () => {
    expect(mayRestore(RESTORED, lostAt(0, 1000), 1001)).toBe(true)
    expect(mayRestore(RESTORED, lostAt(0, 1000, 1001), 1002)).toBe(false)
    expect(mayRestore(RESTORED, lostAt(0, 1000, 1001), MINUTE - 1)).toBe(false)
    expect(mayRestore(RESTORED, lostAt(0, 1000, 1001), MINUTE)).toBe(true)
  })

  it('is allowed twenty times, and never without a time for it', () => {
    const times = Array.from({ length: 20 }, (_, n) => n * MINUTE)
    expect(mayRestore(RESTORED, lostAt(...times.slice(1)), 60 * MINUTE)).toBe(true)
    expect(mayRestore(RESTORED, lostAt(...times), 60 * MINUTE)).toBe(false)
    expect(mayRestore(withLimits({ reconnectMs: 0 }), neverRestored, 0)).toBe(false)
    expect(mayRestore(withLimits({}), neverRestored, 0)).toBe(false)
  })

  it('remembers no more times than it asks for, and leaves the rest as it was', () => {
    const { times, count, ...rest } = lostAt(1, 2, 3, 4)
    expect([times, count]).toEqual([[2, 3, 4], 4])
    expect({ ...rest, times: [], count: 0 }).toEqual(neverRestored)
  })
})

it('a dial has two fifths of the time, and no more than is left', () => {
  expect(attemptUntil(1000, 11_000, 10_000)).toBe(5000)
  expect(attemptUntil(9000, 11_000, 10_000)).toBe(11_000)
})

it('a leg has a number that no other had', () => {
  const { at: _, ...rollover } = { at: 0, leg: 7, phase: 'dialling' as const, lateAt: 0, forcedAt: 0 }
  expect(nextLeg({ upstream: { leg: 3 }, rollover: undefined })).toBe(4)
  expect(nextLeg({ upstream: { leg: 3 }, rollover: { ...rollover, at: 0, leg: undefined } })).toBe(4)
  expect(nextLeg({ upstream: { leg: 3 }, rollover: { ...rollover, at: 0 } })).toBe(8)
  expect(nextLeg({ upstream: { leg: 9 }, rollover: { ...rollover, at: 0 } })).toBe(10)
})

describe('sessions that lost one upstream', () => {
  const pauses = (attempt: number) => Array.from({ length: 400 }, (_, n) => pauseAfter(attempt, `relay_${n}_`))
  it.each([1, 2, 3])('pause before dial %i for half of a time to all of it, evenly spread, the same each time', (attempt) => {
    const whole = 500 * 2 ** (attempt - 1)
    const all = pauses(attempt)
    expect(Math.min(...all)).toBeGreaterThanOrEqual(whole / 2)
    expect(Math.max(...all)).toBeLessThan(whole)
    for (const tenth of Array.from({ length: 10 }, (_, n) => n)) {
      const [from, to] = [whole / 2 + (whole / 20) * tenth, whole / 2 + (whole / 20) * (tenth + 1)]
      expect(all.filter((pause) => pause >= from && pause < to).length).toBeGreaterThan(15)
    }
    expect(pauses(attempt)).toEqual(all)
  })
})

describe('a leg that lasts an hour', () => {
  const HOUR = 60 * MINUTE
  const limits = withLimits({ reconnectMs: 10_000, upstreamSessionMs: HOUR }).limits
  const plan = (lasts: number, endsAt = 1e12, now = 1000) => rolloverFor({ ...limits, upstreamSessionMs: lasts }, undefined, now, endsAt, 'x')

  it('is followed by another from ten minutes to five before its end, and left at the end of an answer half a minute, in any case ten seconds before it', () => {
    const all = Array.from({ length: 300 }, (_, n) => rolloverFor(limits, undefined, 1000, 1e12, `relay_${n}_1`))
    const times = all.map((one) => (one?.at ?? 0) - 1000)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(HOUR - 10 * MINUTE)
    expect(Math.min(...times)).toBeLessThan(HOUR - 9 * MINUTE)
    expect(Math.max(...times)).toBeLessThan(HOUR - 5 * MINUTE)
    expect(Math.max(...times)).toBeGreaterThan(HOUR - 6 * MINUTE)
    expect(all[0]).toMatchObject({ leg: undefined, phase: 'waiting', lateAt: 1000 + HOUR - 30_000, forcedAt: 1000 + HOUR - 10_000 })
  })

  it('or two is followed by another no sooner than that', () => {
    const times = Array.from({ length: 300 }, (_, n) => rolloverFor({ ...limits, upstreamSessionMs: 2 * HOUR }, undefined, 0, 1e12, `relay_${n}_1`)?.at ?? 0)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(2 * HOUR - 10 * MINUTE)
    expect(Math.min(...times)).toBeLessThan(2 * HOUR - 9 * MINUTE)
  })

  it('or a minute has shorter times, in the same order', () => {
    expect(plan(MINUTE)).toMatchObject({ lateAt: 1000 + MINUTE - 5000, forcedAt: 1000 + MINUTE - 10_000 / 6 })
    expect(plan(6 * MINUTE)).toMatchObject({ lateAt: 1000 + 6 * MINUTE - 30_000, forcedAt: 1000 + 6 * MINUTE - 10_000 })
    expect(plan(3 * MINUTE)).toMatchObject({ lateAt: 1000 + 3 * MINUTE - 15_000, forcedAt: 1000 + 3 * MINUTE - 5000 })
  })

  it('is not left by plan if the session ends with it, or sooner', () => {
    expect(plan(HOUR, 1000 + HOUR)).toBeUndefined()
    expect(plan(HOUR, 1001 + HOUR)).toBeDefined()
    expect(rolloverFor({ ...limits, reconnectMs: 0 }, undefined, 0, 1e12, 'x')).toBeUndefined()
    expect(rolloverFor({ ...limits, upstreamSessionMs: 0 }, undefined, 0, 1e12, 'x')).toBeUndefined()
  })

  it('lasts as long as it says itself, if that is a minute to a day, by the clock', () => {
    const end = (seconds: unknown) => (rolloverFor(limits, seconds, 1000, 1e12, 'x')?.forcedAt ?? 0) + 10_000
    expect(end(61)).toBeCloseTo(61_000 + 10_000 - 10_000 / 6)
    expect(end(86_401)).toBe(86_401_000)
    for (const odd of [60.9, 86_402, '3601', undefined]) expect(end(odd)).toBe(1000 + HOUR)
  })
})
