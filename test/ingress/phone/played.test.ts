// What a caller has heard: by marks or by a clock, never less than before and never more than was sent.
import { describe, expect, it } from 'vitest'
import { Played } from '../../../src/ingress/phone/played.js'
import { fc } from '../../support/property.js'

const send = (played: Played, bytes: number, now: number) => {
  played.sent(bytes)
  played.given(bytes, now)
}

describe('by a clock', () => {
  it('begins with the first byte of an empty buffer, and waits for the next when it is empty', () => {
    const played = new Played(48, false)
    send(played, 48_000, 1_000)
    send(played, 48_000, 1_100)
    expect([1_000, 1_500, 2_000, 3_000, 9_000].map((now) => played.doneBytes(now))).toEqual([0, 24_000, 48_000, 96_000, 96_000])
    send(played, 48_000, 10_000)
    expect([10_000, 10_250, 12_000].map((now) => played.doneBytes(now))).toEqual([96_000, 108_000, 144_000])
  })

  it('counts what waits for a socket as not heard', () => {
    const played = new Played(48, false)
    played.sent(96_000)
    expect(played.doneBytes(60_000)).toBe(0)
    played.given(96_000, 60_000)
    expect(played.doneBytes(61_000)).toBe(48_000)
  })

  it('takes what was thrown away for done', () => {
    const played = new Played(48, false)
    send(played, 96_000, 0)
    played.sent(1_000)
    played.clear()
    expect(played.doneBytes(10)).toBe(97_000)
    send(played, 48_000, 20)
    expect(played.doneBytes(520)).toBe(97_000 + 24_000)
    played.lost()
    expect(played.doneBytes(521)).toBe(97_000 + 48_000)
  })

  it('sets no marks', () => {
    const played = new Played(48, false)
    send(played, 1_000, 0)
    expect(played.mark()).toBeUndefined()
  })
})

describe('by marks', () => {
  it('counts what stands before a mark that came back, and by a clock what was played since, short of the next', () => {
    const played = new Played(8, true)
    send(played, 800, 0)
    const first = played.mark() ?? ''
    send(played, 400, 0)
    const second = played.mark() ?? ''
    expect([0, 50, 99, 1e9].map((now) => played.doneBytes(now))).toEqual([0, 400, 792, 799])
    // It came late: the carrier began later than it was sent.
    played.returned(first, 130)
    expect([130, 150, 1e9].map((now) => played.doneBytes(now))).toEqual([800, 960, 1199])
    played.returned('m99', 150)
    played.returned(first, 150)
    expect(played.doneBytes(150)).toBe(960)
    played.returned(second, 170)
    expect(played.doneBytes(1e9)).toBe(1200)
  })

  it('counts nothing by the clock that has no mark behind it', () => {
    const played = new Played(8, true)
    send(played, 800, 0)
    expect(played.doneBytes(1e9)).toBe(0)
  })

  it('takes a later mark for all before it', () => {
    const played = new Played(8, true)
    const names = [10, 20, 30].map((bytes) => {
      send(played, bytes, 0)
      return played.mark() ?? ''
    })
    played.returned(names[1] ?? '', 0)
    expect(played.doneBytes(0)).toBe(30)
    played.returned(names[0] ?? '', 0)
    expect(played.doneBytes(0)).toBe(30)
  })

  it('does not take a mark that was set before a clear for heard', () => {
    const played = new Played(8, true)
    send(played, 100, 0)
    const old = played.mark() ?? ''
    played.clear()
    send(played, 100, 0)
    played.mark()
    played.returned(old, 0)
    expect(played.doneBytes(0)).toBe(100)
  })

  it('asks for no more marks than 256, and for one behind all of it when some came back', () => {
    const played = new Played(8, true)
    const names: string[] = []
    for (let i = 0; i < 300; i++) {
      send(played, 1, 0)
      const name = played.mark()
      if (name) names.push(name)
    }
    expect(names).toHaveLength(256)
    played.returned(names[255] ?? '', 0)
    expect(played.doneBytes(0)).toBe(256)
    const last = played.mark() ?? ''
    expect(played.mark()).toBeUndefined()
    played.returned(last, 0)
    expect(played.doneBytes(0)).toBe(300)
  })
})

it('never goes back, and never beyond what was sent', () => {
  const doing = fc.oneof(
    fc.record({ do: fc.constant('send' as const), bytes: fc.nat(5_000), given: fc.boolean() }),
    fc.record({ do: fc.constantFrom('clear' as const, 'lost' as const, 'mark' as const, 'return' as const, 'wait' as const), bytes: fc.nat(500), given: fc.boolean() }),
  )
  fc.assert(
    fc.property(fc.boolean(), fc.array(doing, { maxLength: 60 }), (hasMarks, steps) => {
      const played = new Played(8, hasMarks)
      const names: string[] = []
      let [now, sent, before, waiting] = [0, 0, 0, 0]
      for (const step of steps) {
        if (step.do === 'send') {
          played.sent(step.bytes)
          sent += step.bytes
          waiting += step.bytes
          if (step.given) {
            played.given(waiting, now)
            waiting = 0
          }
        } else if (step.do === 'clear') {
          played.clear()
          waiting = 0
        } else if (step.do === 'lost') played.lost()
        else if (step.do === 'mark') names.push(played.mark() ?? '')
        else if (step.do === 'return') played.returned(names[step.bytes % (names.length + 1)] ?? '', 0)
        else now += step.bytes
        const done = played.doneBytes(now)
        expect(done).toBeGreaterThanOrEqual(before)
        expect(done).toBeLessThanOrEqual(sent)
        before = done
      }
      played.clear()
      expect(played.doneBytes(now)).toBe(sent)
    }),
  )
})
