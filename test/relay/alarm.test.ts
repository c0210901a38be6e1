// When a session is woken: when something is due, or at every tick while it asks for that; never while it is idle.
import { beforeEach, describe, expect, it } from 'vitest'
import { Alarm } from '../../src/relay/alarm.js'
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

describe('Alarm', () => {
  it('leaves an idle session alone until something is due', () => {
    const alarm = new Alarm(timetable, member, 60_000)
    expect(ticks(250, 60_250)).toEqual([60_000, 60_250])
    expect([alarm.isDue(59_999), alarm.isDue(60_000)]).toEqual([false, true])
    alarm.setDue(90_000)
    expect(ticks(60_500, 90_000)).toEqual([90_000])
  })

  it('lets a session see every tick for as long as it asks, whatever becomes due meanwhile', () => {
    const alarm = new Alarm(timetable, member, 60_000)
    alarm.followTicks(true)
    expect(ticks(250, 750)).toEqual([250, 500, 750])
    alarm.setDue(2000)
    expect(ticks(1000, 1250)).toEqual([1000, 1250])
    alarm.followTicks(false)
    expect(ticks(1500, 2250)).toEqual([2000, 2250])
  })

  it('takes nobody else’s place once it has stopped', () => {
    const ended = new Alarm(timetable, { tick: () => expect.unreachable('a session that has ended') }, 1000)
    ended.stop()
    ended.stop()
    const alarm = new Alarm(timetable, member, 60_000)
    const third = new Alarm(timetable, { tick: () => undefined }, Number.POSITIVE_INFINITY)
    ended.followTicks(true)
    ended.setDue(0)
    expect(ticks(250, 10_000)).toEqual([])
    alarm.setDue(10_500)
    third.stop()
    expect(ticks(10_250, 10_500)).toEqual([10_500])
  })
})
