// When core hears the time: when something is due, and before events that find its clock behind; never for an idle session's sake.
import { describe, expect, it } from 'vitest'
import { CoreClock } from '../../src/relay/core-clock.js'

describe('CoreClock', () => {
  it('leaves an idle session alone until something is due', () => {
    const clock = new CoreClock(0, 60_000)
    for (let now = 250; now < 60_000; now += 250) expect(clock.tick(now, 0)).toBe(false)
    expect(clock.tick(60_000, 0)).toBe(true)
  })

  it('knows to a tick when the client was last active, however late it tells', () => {
    const clock = new CoreClock(0, 60_000)
    clock.tick(20_000, 0)
    clock.tick(20_250, 3)
    clock.tick(59_750, 3)
    expect(clock.told(60_000, 3)).toEqual({ is: 'tick', now: 60_000, clientActiveAt: 20_250 })
  })

  it('counts what the client is sending right now', () => {
    const clock = new CoreClock(0, 60_000)
    expect(clock.told(30_000, 1)).toEqual({ is: 'tick', now: 30_000, clientActiveAt: 30_000 })
    expect(clock.told(31_000, 1)).toEqual({ is: 'tick', now: 31_000, clientActiveAt: 30_000 })
  })

  it('is behind a second after it was told, and not before', () => {
    const clock = new CoreClock(0, 60_000)
    expect([clock.isBehind(999), clock.isBehind(1000)]).toEqual([false, true])
    clock.told(1000, 0)
    expect([clock.isBehind(1999), clock.isBehind(2000)]).toEqual([false, true])
  })
})
