// The timetable of all sessions: who is due hears the tick, whoever comes and goes.
import { expect, it } from 'vitest'
import { Timetable } from '../../src/relay/timetable.js'

function member(name: number, heard: number[]) {
  return { tick: () => void heard.push(name) }
}

it('ticks whoever is due, in any number, and nobody who has left', () => {
  const heard: number[] = []
  const timetable = new Timetable(0)
  const places = Array.from({ length: 1000 }, (_, i) => timetable.add(member(i, heard), i))
  for (const i of [0, 3, 499]) timetable.remove(places[i] as number)
  timetable.tick(499)
  expect(heard).toEqual(Array.from({ length: 499 }, (_, i) => i).filter((i) => i !== 0 && i !== 3))
})

it('gives the places of those who left to others, before it makes new ones', () => {
  const heard: number[] = []
  const timetable = new Timetable(0)
  const first = timetable.add(member(1, heard), 0)
  timetable.add(member(2, heard), 0)
  timetable.remove(first)
  expect(timetable.add(member(3, heard), 500)).toBe(first)
  timetable.tick(250)
  timetable.tick(500)
  expect(heard).toEqual([2, 3, 2])
})

it('may lose the one that is being ticked, and others', () => {
  const heard: number[] = []
  const timetable = new Timetable(0)
  const places: number[] = []
  for (let i = 0; i < 4; i++) {
    const tick = (): void => {
      heard.push(i)
      for (const place of i === 1 ? [1, 2] : []) timetable.remove(places[place] as number)
    }
    places.push(timetable.add({ tick }, 0))
  }
  timetable.tick(250)
  timetable.tick(500)
  expect(heard).toEqual([0, 1, 3, 0, 3])
})

it('counts periods at its ticks only, and knows when one ends', () => {
  const timetable = new Timetable(10_000)
  expect([timetable.period, timetable.endOf(0)]).toEqual([0, 10_250])
  timetable.tick(10_249)
  expect(timetable.period).toBe(0)
  timetable.tick(10_250)
  expect([timetable.period, timetable.endOf(1)]).toEqual([1, 10_500])
  timetable.tick(20_100)
  expect(timetable.period).toBe(40)
})
