// The same calls through our ledger and through the rules of OpenAI's Twilio transport (agents-js, `TwilioRealtimeTransportLayer`), told here in our own words.
import { describe, expect, it } from 'vitest'
import { type Ledger, nothingSent, sent, stopped, unheard } from '../../../../src/core/session/playing/ledger.js'
import { fc } from '../../../support/property.js'

/** It adds this to what the last mark says, since some of what follows the mark has been played. */
const ALLOWANCE_MS = 50
const MULAW = 8_000
const BYTES_PER_MS = 8

interface Truncate {
  readonly item: string
  readonly ms: number
}

/** A mark behind every delta says what was played, one behind the item's end that it was heard to its end. */
class Transport {
  #items: { readonly item: string; sent: number; played: number }[] = []
  #marks: (() => void)[] = []

  delta(item: string, ms: number): void {
    let known = this.#items.find((one) => one.item === item)
    if (!known) {
      known = { item, sent: 0, played: 0 }
      this.#items.push(known)
    }
    const one = known
    one.sent += ms
    const at = one.sent
    this.#marks.push(() => {
      one.played = Math.max(one.played, at)
    })
  }

  over(item: string): void {
    this.#marks.push(() => {
      this.#items = this.#items.filter((one) => one.item !== item)
    })
  }

  /** The carrier sends the next mark back. */
  mark(): void {
    this.#marks.shift()?.()
  }

  interrupt(): readonly (Truncate & { readonly sent: number })[] {
    const truncates = this.#items.map(({ item, sent: all, played }, index) => ({
      item,
      sent: all,
      ms: index === 0 || played > 0 ? Math.floor(Math.min(all, played + ALLOWANCE_MS)) : 0,
    }))
    this.#items = []
    this.#marks = []
    return truncates
  }
}

/** Items one after the other, each of some deltas; how many marks come back between them; and where the caller breaks in. */
const item = fc.record({ deltas: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 }), marks: fc.nat(8), breaksIn: fc.boolean() })

describe('a call by Twilio', () => {
  it('is truncated as that transport does it, but for its allowance: never later, never beyond what was sent, and the same items', () => {
    let compared = 0
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 8 }), (items) => {
        const theirs = new Transport()
        let ours: Ledger = nothingSent
        let doneBytes = 0
        const marks: number[] = []
        const back = () => {
          theirs.mark()
          doneBytes = Math.max(doneBytes, marks.shift() ?? 0)
        }
        for (const [n, { deltas, marks: come, breaksIn }] of items.entries()) {
          for (const ms of deltas) {
            theirs.delta(`i${n}`, ms)
            ours = sent(ours, { responseId: 'r', itemId: `i${n}`, contentIndex: 0 }, ms * BYTES_PER_MS, MULAW, doneBytes)
            marks.push(ours.sentBytes)
          }
          theirs.over(`i${n}`)
          marks.push(ours.sentBytes)
          for (let i = 0; i < come; i++) back()
          if (!breaksIn) continue
          const mine = unheard(ours, doneBytes)
          // It also names an item that was heard to its end, if only the mark of the end is missing.
          const wanted = theirs.interrupt().filter((one) => mine.some(({ itemId }) => itemId === one.item) || one.ms < one.sent)
          expect(mine.map(({ itemId }) => itemId)).toEqual(wanted.map((one) => one.item))
          for (const [at, { heardMs, sentMs }] of mine.entries()) {
            const { ms, sent: all } = wanted[at] as (typeof wanted)[number]
            expect(sentMs).toBe(all)
            expect(heardMs).toBeLessThanOrEqual(ms)
            expect(heardMs).toBeGreaterThanOrEqual(ms - ALLOWANCE_MS)
            compared++
          }
          ours = stopped(ours, doneBytes)
          // What was cleared counts as done.
          doneBytes = ours.sentBytes
          marks.length = 0
        }
      }),
    )
    expect(compared).toBeGreaterThan(50)
  })
})
