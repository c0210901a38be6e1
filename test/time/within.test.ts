// The one deadline for a promise: in time, late, failing, failing late.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { within } from '../../src/time/within.js'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const never = () => new Promise<string>(() => {})

it('settles as the promise does, and leaves no timer behind', async () => {
  await expect(within(50, Promise.resolve('in time'), () => 'late')).resolves.toBe('in time')
  await expect(within(50, Promise.reject(new Error('failed')), () => 'late')).rejects.toThrow('failed')
  expect(vi.getTimerCount()).toBe(0)
})

it('settles as the caller says when the time is over: with a value, or with an error', async () => {
  const value = within(50, never(), () => 'late')
  const error = within(50, never(), () => {
    throw new Error('too late')
  })
  const outcome = expect(error).rejects.toThrow('too late')
  await vi.advanceTimersByTimeAsync(50)
  await expect(value).resolves.toBe('late')
  await outcome
  expect(vi.getTimerCount()).toBe(0)
})

it('does not call `late` if the promise was in time', async () => {
  const late = vi.fn()
  await within(50, Promise.resolve(1), late)
  await vi.advanceTimersByTimeAsync(100)
  expect(late).not.toHaveBeenCalled()
})

it('ignores a failure that comes after the time', async () => {
  let fail: (error: Error) => void = () => {}
  const failing = new Promise<string>((_resolve, reject) => {
    fail = reject
  })
  const answer = within(50, failing, () => 'late')
  await vi.advanceTimersByTimeAsync(50)
  await expect(answer).resolves.toBe('late')
  fail(new Error('nobody hears this'))
  await vi.advanceTimersByTimeAsync(1)
})
