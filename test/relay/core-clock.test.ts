// When core hears the time: when something is due, and before events that find its clock behind; never for an idle session's sake.
import { beforeEach, describe, expect, it } from 'vitest'
import { CoreClock } from '../../src/relay/core-clock.js'
import { Timetable } from '../../src/relay/timetable.js'

let timetable: Timetable
let seen: number[]
const member = { tick: (now: number) => void seen.push(now) }

beforeEach(() => {
  timetable = new Timetable(0)
  seen = []
})

function ticks(from: number, to: number): number[] {
  seen = []
  for (let now = from; now <= to; now += 250) timetable.tick(now)
  return seen
}

describe('CoreClock', () => {
  it('leaves an idle session alone until something is due', () => {
    const clock = new CoreClock(timetable, member, 0, 60_000)
    expect(ticks(250, 60_250)).toEqual([60_000, 60_250])
    expect([clock.isDue(59_999), clock.isDue(60_000)]).toEqual([false, true])
    clock.setDue(90_000)
    expect(ticks(60_500, 90_000)).toEqual([90_000])
  })

  it('lets a session see every tick for as long as it asks, whatever becomes due meanwhile', () => {
    const clock = new CoreClock(timetable, member, 0, 60_000)
    clock.followTicks(true)
    expect(ticks(250, 750)).toEqual([250, 500, 750])
    clock.setDue(2000)
    expect(ticks(1000, 1250)).toEqual([1000, 1250])
    clock.followTicks(false)
    expect(ticks(1500, 2250)).toEqual([2000, 2250])
  })

  it('takes nobody else’s place once it has stopped', () => {
    const ended = new CoreClock(timetable, { tick: () => expect.unreachable('a session that has ended') }, 0, 1000)
    ended.stop()
    ended.stop()
    const clock = new CoreClock(timetable, member, 0, 60_000)
    const third = new CoreClock(timetable, { tick: () => undefined }, 0, Number.POSITIVE_INFINITY)
    ended.followTicks(true)
    ended.setDue(0)
    expect(ticks(250, 10_000)).toEqual([])
    clock.setDue(10_500)
    third.stop()
    expect(ticks(10_250, 10_500)).toEqual([10_500])
  })

  it('never tells that the client was active later than now', () => {
    const clock = new CoreClock(timetable, member, 0, 60_000)
    expect(clock.told(60_000, 20_250)).toEqual({ is: 'tick', now: 60_000, clientActiveAt: 20_250 })
    expect(clock.told(60_100, 60_250)).toEqual({ is: 'tick', now: 60_100, clientActiveAt: 60_100 })
  })

  it('is behind a second after it was told, and not before', () => {
    const clock = new CoreClock(timetable, member, 0, 60_000)
    expect([clock.isBehind(999), clock.isBehind(1000)]).toEqual([false, true])
    clock.told(1000, 0)
    expect([clock.isBehind(1999), clock.isBehind(2000)]).toEqual([false, true])
  })
})
