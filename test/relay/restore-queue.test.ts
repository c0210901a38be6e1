// Restores of a process wait for their turn: never more a second than allowed, those that somebody waits for first, and none while the upstream asks for rest.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createMoveSlots, createRestoreQueue } from '../../src/relay/restore-queue.js'

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }))
afterEach(() => void vi.useRealTimers())

const went: [string, number][] = []
const queue = (perSecond: number) => {
  went.length = 0
  const began = Date.now()
  const made = createRestoreQueue(perSecond, () => Date.now())
  return { ...made, enter: (name: string, urgent = true) => made.enter(urgent, () => void went.push([name, Date.now() - began])), waiting: () => made.waiting }
}

it('lets one go at once, and a crowd by the limit of any second', () => {
  const { enter, waiting } = queue(20)
  expect(enter('first')).toBeUndefined()
  for (let n = 0; n < 99; n++) expect(enter(`${n}`)).toBeTypeOf('function')
  expect(waiting()).toBe(99)
  vi.advanceTimersByTime(10_000)
  expect(waiting()).toBe(0)
  const times = went.map(([, at]) => at)
  for (const from of times) expect(times.filter((at) => at >= from && at < from + 1000).length).toBeLessThanOrEqual(20)
  // No slower than it may, but for the grain of timers.
  expect(times.at(-1)).toBeLessThan(5200)
})

it('serves those that somebody waits for before silent ones, and each line in order', () => {
  const { enter } = queue(10)
  for (const [name, urgent] of [
    ['a', true],
    ['s1', false],
    ['b', true],
    ['s2', false],
    ['c', true],
  ] as const)
    enter(name, urgent)
  vi.advanceTimersByTime(2000)
  expect(went.map(([name]) => name)).toEqual(['a', 'b', 'c', 's1', 's2'])
})

it('lets nobody go while the upstream asks for rest, a minute at most', () => {
  const { enter, pause } = queue(10)
  pause(5000)
  enter('a')
  vi.advanceTimersByTime(4999)
  expect(went).toEqual([])
  vi.advanceTimersByTime(2)
  expect(went).toHaveLength(1)
  pause(3_600_000)
  enter('b')
  vi.advanceTimersByTime(60_002)
  expect(went).toHaveLength(2)
})

it('forgets a session that leaves', () => {
  const { enter, waiting } = queue(1)
  enter('a')
  const leave = enter('b')
  enter('c')
  leave?.()
  expect(waiting()).toBe(1)
  vi.advanceTimersByTime(1001)
  expect(went.map(([name]) => name)).toEqual(['a', 'c'])
})

it('at most a twentieth of the sessions move at once, and always one', () => {
  let count = 3
  const slots = createMoveSlots(() => count)
  expect([slots.take(), slots.take()]).toEqual([true, false])
  count = 100
  expect([slots.take(), slots.take(), slots.take(), slots.take(), slots.take()]).toEqual([true, true, true, true, false])
  slots.free()
  expect(slots.take()).toBe(true)
})
