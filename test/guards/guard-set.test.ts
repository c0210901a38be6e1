// The bounds around every guard: time, few at once, the breaker, late answers, fixed words.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createGuardSet } from '../../src/guards/guard-set.js'
import { createGuarded, type Guarded } from '../../src/guards/guarded.js'
import type { Guard, GuardAnswer } from '../../src/ports/guards.js'
import { contextOf, input } from './guard-lab.js'

interface Asked {
  readonly text: string
  readonly signal: AbortSignal
  answer(answer: GuardAnswer): void
  fail(error: unknown): void
}

function lab({ timeoutMs = 10_000, isLocal = false } = {}) {
  const asked: Asked[] = []
  const logged: object[] = []
  let clock = 0
  const guard: Guard = {
    name: 'slow',
    isLocal,
    check: ({ text }, { signal }) => new Promise((answer, fail) => asked.push({ text, signal, answer, fail })),
    health: async () => ({ status: 'ok', detail: 'there' }),
    close: async () => undefined,
  }
  const guarded: Guarded = createGuarded(guard, timeoutMs, { warn: (fields) => void logged.push(fields) }, () => clock)
  const set = () => createGuardSet(new Map([['slow', guarded]]))
  return { asked, logged, guarded, guard, set, pass: (ms: number) => (clock += ms) }
}

const none = (why: string) => ({ answer: { type: 'none', why } })
const passed = { answer: { type: 'pass' } }

afterEach(() => void vi.useRealTimers())

describe('a set of guards', () => {
  it('has no answer of a guard that it does not have, or of one that throws', async () => {
    const { set, guard, guarded } = lab()
    expect(await set().ask('other', input('x'), contextOf())).toMatchObject(none('failed'))
    const throwing = { ...guarded, guard: { ...guard, check: () => expect.fail('thrown') } }
    expect(await createGuardSet(new Map([['slow', throwing]])).ask('slow', input('x'), contextOf())).toMatchObject(none('failed'))
  })

  it('waits no longer than the time limit, tells the guard, and ignores a late answer', async () => {
    const { set, asked } = lab({ timeoutMs: 60 })
    const outcome = await set().ask('slow', input('x'), contextOf())
    expect(outcome).toMatchObject(none('timeout'))
    expect(outcome.durationMs).toBeGreaterThanOrEqual(55)
    expect(asked[0]?.signal.aborted).toBe(true)
    asked[0]?.answer({ type: 'block', category: 'late' })
    expect(outcome).toMatchObject(none('timeout'))
  })

  it('gives up with its session, and never asks once that is over', async () => {
    const { set, asked } = lab()
    const controller = new AbortController()
    const outcome = set().ask('slow', input('x'), contextOf(controller.signal))
    controller.abort()
    expect(await outcome).toMatchObject(none('aborted'))
    expect(asked[0]?.signal.aborted).toBe(true)
    expect(await set().ask('slow', input('x'), contextOf(controller.signal))).toMatchObject(none('aborted'))
    expect(asked.length).toBe(1)
  })

  it('has four questions at work, sixteen in order behind them, and refuses more; another session has its own', async () => {
    const { set, asked } = lab()
    const one = set()
    const outcomes = Array.from({ length: 20 }, (_, index) => one.ask('slow', input(`${index}`), contextOf()))
    expect(await one.ask('slow', input('too many'), contextOf())).toMatchObject(none('too_many'))
    expect(asked.map(({ text }) => text)).toEqual(['0', '1', '2', '3'])
    void set().ask('slow', input('other session'), contextOf())
    expect(asked.at(-1)?.text).toBe('other session')
    for (let next = 0; next < 21; next++) {
      asked[next]?.answer({ type: 'pass' })
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await Promise.all(outcomes)).toEqual(Array.from({ length: 20 }, () => expect.objectContaining(passed)))
    expect(asked.filter(({ text }) => text !== 'other session').map(({ text }) => text)).toEqual(Array.from({ length: 20 }, (_, index) => `${index}`))
  })

  it('counts the wait for others as part of the time limit', async () => {
    const { set, asked } = lab({ timeoutMs: 50 })
    const one = set()
    const outcomes = Array.from({ length: 6 }, (_, index) => one.ask('slow', input(`${index}`), contextOf()))
    await outcomes[0]
    expect(await Promise.all(outcomes)).toEqual(
      Array.from({ length: 6 }, () => expect.objectContaining({ answer: { type: 'none', why: expect.stringMatching(/timeout|breaker_open/) } })),
    )
    for (const { durationMs } of await Promise.all(outcomes)) expect(durationMs).toBeLessThan(95)
    expect(asked.slice(0, 4).map(({ text }) => text)).toEqual(['0', '1', '2', '3'])
  })

  it('does not blame a guard for a question that waited most of its time', async () => {
    vi.useFakeTimers()
    const { set, asked } = lab({ timeoutMs: 80 })
    const one = set()
    const first = Array.from({ length: 4 }, (_, index) => one.ask('slow', input(`${index}`), contextOf()))
    const waiting = Array.from({ length: 8 }, (_, index) => one.ask('slow', input(`late ${index}`), contextOf()))
    await vi.advanceTimersByTimeAsync(60)
    for (const question of asked.slice(0, 4)) question.answer({ type: 'pass' })
    await Promise.all(first)
    await vi.advanceTimersByTimeAsync(21)
    expect((await Promise.all(waiting)).map(({ answer }) => answer)).toEqual(Array.from({ length: 8 }, () => none('timeout').answer))
    const next = one.ask('slow', input('next'), contextOf())
    asked.at(-1)?.answer({ type: 'pass' })
    expect(await next).toMatchObject(passed)
  })

  it('stops asking a guard that fails three times, and tries once a second', async () => {
    const { set, asked, pass, guarded, logged } = lab()
    const ask = () => set().ask('slow', input('x'), contextOf())
    for (let failure = 0; failure < 3; failure++) {
      const outcome = ask()
      asked.at(-1)?.fail(new Error('no'))
      expect(await outcome).toMatchObject(none('failed'))
    }
    expect(await ask()).toMatchObject(none('breaker_open'))
    expect(await guarded.health()).toMatchObject({ status: 'degraded' })
    expect(logged).toEqual([{ guard: 'slow', reason: 'Error', open: false }])
    pass(1_001)
    const probe = ask()
    expect(await ask()).toMatchObject(none('breaker_open'))
    asked.at(-1)?.fail(new Error('still'))
    expect(await probe).toMatchObject(none('failed'))
    pass(1_001)
    const good = ask()
    asked.at(-1)?.answer({ type: 'pass' })
    expect(await good).toMatchObject(passed)
    expect(await guarded.health()).toMatchObject({ status: 'ok' })
    expect(asked.length).toBe(5)
  })

  it('does not blame a guard for sessions that leave', async () => {
    const { set, asked } = lab()
    for (let left = 0; left < 5; left++) {
      const controller = new AbortController()
      const outcome = set().ask('slow', input('x'), contextOf(controller.signal))
      controller.abort()
      await outcome
    }
    void set().ask('slow', input('x'), contextOf())
    expect(asked.length).toBe(6)
  })

  it('asks a local guard at once, whatever else is at work', async () => {
    const { set, asked } = lab({ isLocal: true })
    const one = set()
    for (let index = 0; index < 30; index++) void one.ask('slow', input(`${index}`), contextOf())
    expect(asked.length).toBe(30)
  })
})

describe('the answers of a guard', () => {
  const { checked } = lab().guarded
  const block = (category: unknown) => checked({ type: 'block', category: category as string })

  it('have categories in fixed words', () => {
    expect(block('SelfHarm')).toEqual({ type: 'block', category: 'self_harm' })
    expect(block('prompt_attack')).toEqual({ type: 'block', category: 'prompt_attack' })
    for (const odd of ['', 'a b', 'x'.repeat(41), '{"a":1}', '4111 1111', 'kill\n', undefined, 7, '__proto__'])
      expect(block(odd), String(odd)).toEqual({ type: 'block', category: 'other' })
  })

  it('have at most so many categories', () => {
    const { checked: fresh } = lab().guarded
    const words = new Set(Array.from({ length: 500 }, (_, index) => (fresh({ type: 'block', category: `word_${index}` }) as { category: string }).category))
    expect(words.size).toBe(33)
    expect(words.has('other')).toBe(true)
  })

  it('are bounded in length, and nothing else', () => {
    expect(checked({ type: 'redact', category: 'cards', text: 'x' })).toEqual({ type: 'redact', category: 'cards', text: 'x' })
    expect(() => checked({ type: 'redact', category: 'cards', text: 'x'.repeat(16_385) })).toThrow('redacted_too_long')
    expect(() => checked({ type: 'maybe' } as never)).toThrow('no_answer')
  })
})
