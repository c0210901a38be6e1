// What was heard of each item: never more than was sent, never less than before, and in sum what was played.
import { describe, expect, it } from 'vitest'
import { dropped, heard, type Ledger, nothingSent, type Place, playedMs, sent, sentMs, stopped, unheard, unheardMs } from '../../../../src/core/session/playing/ledger.js'
import { fc } from '../../../support/property.js'

const PCM = 48_000
const at = (itemId: string, responseId = 'r1', contentIndex = 0): Place => ({ responseId, itemId, contentIndex })
/** Milliseconds of PCM16. */
const ms = (value: number) => value * 48
const speak = (ledger: Ledger, itemId: string, forMs: number, responseId = 'r1') => sent(ledger, at(itemId, responseId), ms(forMs), PCM, 0)
const shown = (parts: ReturnType<typeof unheard>) => parts.map(({ itemId, heardMs, sentMs }) => [itemId, heardMs, sentMs])

describe('a ledger', () => {
  it.each([
    [0, [['a', 0, 1000]], 0],
    [20, [['a', 20, 1000]], 20],
    [777, [['a', 777, 1000]], 777],
    [999.99, [['a', 999, 1000]], 999.98],
    [1000, [], 0],
    [5000, [], 0],
  ])('after %s ms of one item of a second', (played, open, age) => {
    const ledger = speak(nothingSent, 'a', 1000)
    expect(shown(unheard(ledger, Math.floor(ms(played))))).toEqual(open)
    expect(playedMs(ledger, Math.floor(ms(played)))).toBeCloseTo(age, 1)
    expect(unheardMs(ledger, Math.floor(ms(played)))).toBeCloseTo(Math.max(0, 1000 - played), 1)
  })

  it('counts two items one after the other, and nothing of the second before the first is over', () => {
    const ledger = speak(speak(nothingSent, 'a', 300), 'b', 700)
    expect(shown(unheard(ledger, ms(100)))).toEqual([
      ['a', 100, 300],
      ['b', 0, 700],
    ])
    expect(shown(unheard(ledger, ms(300)))).toEqual([['b', 0, 700]])
    expect(shown(unheard(ledger, ms(450)))).toEqual([['b', 150, 700]])
    expect(playedMs(ledger, ms(450))).toBe(450)
  })

  it('counts a response anew, and a part that another response cut in two as one', () => {
    const ledger = speak(speak(speak(nothingSent, 'a', 100), 'line', 100, 'aside'), 'a', 100)
    expect(shown(unheard(ledger, ms(150)))).toEqual([
      ['a', 100, 200],
      ['line', 50, 100],
    ])
    expect(playedMs(ledger, ms(150))).toBe(50)
    expect(playedMs(ledger, ms(250))).toBe(150)
  })

  it('tells parts of one item apart, and formats', () => {
    const mulaw = sent(sent(nothingSent, at('a'), 8_000, 8_000, 0), at('a', 'r1', 1), 4_000, 8_000, 0)
    expect(unheard(mulaw, 8_001).map(({ contentIndex, heardMs, sentMs }) => [contentIndex, heardMs, sentMs])).toEqual([[1, 0, 500]])
    expect(heard(mulaw, 4_000).map(({ heardMs }) => heardMs)).toEqual([500, 0])
    const mixed = sent(mulaw, at('b'), 48, PCM, 0)
    expect(heard(mixed, 12_048).map(({ heardMs }) => heardMs)).toEqual([1000, 500, 1])
  })

  it('that was stopped tells of nothing before, and goes on behind it', () => {
    const before = speak(speak(nothingSent, 'a', 300), 'b', 300)
    const ledger = stopped(before, ms(100))
    expect(unheard(ledger, ms(600))).toEqual([])
    expect(unheardMs(ledger, ms(100))).toBe(0)
    const next = speak(ledger, 'c', 100, 'r2')
    expect(shown(unheard(next, ms(650)))).toEqual([['c', 50, 100]])
    expect(playedMs(next, ms(650))).toBe(50)
    expect(stopped(ledger, ms(600))).toBe(ledger)
  })

  it('knows of audio that was thrown away: of an item that was heard so far, of a new one, and of none that was stopped', () => {
    const whole = speak(nothingSent, 'a', 300)
    expect(shown(unheard(dropped(whole, at('a')), ms(300)))).toEqual([['a', 300, 300]])
    expect(shown(unheard(dropped(whole, at('b')), ms(300)))).toEqual([['b', 0, 0]])
    const ledger = stopped(whole, ms(10))
    expect(dropped(ledger, at('a'))).toBe(ledger)
    expect(unheard(stopped(dropped(whole, at('b')), ms(300)), ms(300))).toEqual([])
  })

  it('says what was sent of a part, stopped or not, until it is long ago', () => {
    const ledger = speak(stopped(speak(speak(nothingSent, 'a', 300), 'b', 10), 0), 'a', 50)
    expect(sentMs(ledger, 'a', 0)).toBe(350)
    expect(sentMs(ledger, 'a', 1)).toBeUndefined()
  })

  it('does not grow with the conversation', () => {
    let ledger = nothingSent
    for (let n = 0; n < 1000; n++) ledger = sent(ledger, at(`i${n}`, `r${n}`), 480, PCM, ledger.sentBytes)
    expect(ledger.stretches.length).toBeLessThanOrEqual(16)
    expect(ledger.sentBytes).toBe(480_000)
    for (let n = 0; n < 1000; n++) ledger = sent(ledger, at(`j${n}`, `r${n}`), 480, PCM, 0)
    expect(ledger.stretches.length).toBeLessThanOrEqual(64)
  })
})

const delta = fc.record({ item: fc.constantFrom('a', 'b', 'c'), response: fc.constantFrom('r1', 'r2'), content: fc.constantFrom(0, 1), bytes: fc.integer({ min: 0, max: 20_000 }) })
const filled = (deltas: readonly { item: string; response: string; content: number; bytes: number }[], rate: number) =>
  deltas.reduce((ledger, { item, response, content, bytes }) => sent(ledger, at(item, response, content), bytes, rate, 0), nothingSent)

describe('whatever is sent and played', () => {
  it('what is heard is no more than what is sent, grows with what is played, and is in sum what was played', () => {
    fc.assert(
      fc.property(fc.array(delta, { maxLength: 15 }), fc.constantFrom(8_000, 48_000), fc.nat(400_000), fc.nat(400_000), (deltas, rate, a, b) => {
        const ledger = filled(deltas, rate)
        const [few, many] = [Math.min(a, b), Math.max(a, b)]
        const before = heard(ledger, few)
        const after = heard(ledger, many)
        for (const [index, one] of after.entries()) {
          expect(Number.isInteger(one.heardMs)).toBe(true)
          expect(one.heardMs).toBeLessThanOrEqual(one.sentMs)
          expect(one.heardMs).toBeGreaterThanOrEqual(before[index]?.heardMs ?? 0)
        }
        const total = after.reduce((sum, { heardMs }) => sum + heardMs, 0)
        const played = (Math.min(many, ledger.sentBytes) * 1000) / rate
        expect(total).toBeLessThanOrEqual(played + 1e-6)
        expect(total).toBeGreaterThan(played - after.length - 1e-6)
        expect(ledger.sentBytes).toBe(deltas.reduce((sum, { bytes }) => sum + bytes, 0))
        expect(unheardMs(ledger, many) + played).toBeCloseTo((ledger.sentBytes * 1000) / rate, 3)
      }),
    )
  })

  it('everything unheard is told once, and nothing after a stop', () => {
    fc.assert(
      fc.property(fc.array(delta, { maxLength: 15 }), fc.nat(200_000), (deltas, done) => {
        const ledger = filled(deltas, PCM)
        const open = unheard(ledger, done)
        expect(new Set(open.map(({ responseId, itemId, contentIndex }) => `${responseId} ${itemId} ${contentIndex}`)).size).toBe(open.length)
        expect(open.length === 0).toBe(done >= ledger.sentBytes)
        const after = stopped(ledger, done)
        expect(unheard(after, done)).toEqual([])
        expect(unheard(after, after.sentBytes)).toEqual([])
        expect(unheardMs(after, done)).toBe(0)
      }),
    )
  })

  it('in items one after the other, only the first that is unheard was heard in part', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9_600 }), { minLength: 1, maxLength: 8 }), fc.nat(80_000), (sizes, done) => {
        const ledger = sizes.reduce((all, bytes, n) => sent(all, at(`i${n}`), bytes, PCM, 0), nothingSent)
        const [, ...later] = unheard(ledger, done)
        for (const { heardMs } of later) expect(heardMs).toBe(0)
      }),
    )
  })
})
