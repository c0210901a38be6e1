// The messages kept for a client: numbered, bounded for itself and for all, and never those of a read's memory.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SentRing } from '../../../src/relay/resume/sent-ring.js'

const budget = (mostBytes = 1e9) => ({ mostBytes, used: 0 })

describe('the messages kept for a client', () => {
  it('are those after the number that the client has, as long as they are kept', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.nat(9).map((size) => ({ size })),
            fc.nat(30).map((ack) => ({ ack })),
          ),
          { maxLength: 60 },
        ),
        fc.nat(40),
        (acts, received) => {
          const all = budget()
          const ring = new SentRing(20, all)
          const sent: string[] = []
          let acked = 0
          for (const act of acts) {
            if ('size' in act) {
              sent.push('x'.repeat(act.size))
              ring.push(sent.at(-1) as string)
            } else {
              ring.acknowledge(act.ack)
              acked = Math.max(acked, Math.min(act.ack, sent.length))
            }
          }
          expect(ring.sent).toBe(sent.length)
          const missed = ring.after(received)
          if (missed) expect(missed).toEqual(sent.slice(received))
          else expect(received > sent.length || received < acked || sent.slice(received).join('').length > 20).toBe(true)
          expect(all.used).toBeLessThanOrEqual(20)
          ring.clear()
          expect(all.used).toBe(0)
          expect(ring.sent).toBe(sent.length)
        },
      ),
    )
  })

  it('are copies: what a frame was a view of may change', () => {
    const ring = new SentRing(100, budget())
    const frame = Buffer.from('first')
    ring.push(frame)
    frame.write('other')
    expect(ring.after(0)?.map(String)).toEqual(['first'])
  })

  it('are counted from where another instance stopped', () => {
    const ring = new SentRing(100, budget(), 7)
    ring.push('eight')
    expect(ring.sent).toBe(8)
    expect(ring.after(7)).toEqual(['eight'])
    expect(ring.after(6)).toBeUndefined()
  })

  it('are the last ones in so many bytes, if what the client has is not known', () => {
    const ring = new SentRing(100, budget())
    for (const text of ['12345678', '1234', '12']) ring.push(text)
    expect([0, 1, 2, 5, 6, 13, 14, 99].map((bytes) => ring.firstWithin(bytes))).toEqual([3, 3, 2, 2, 1, 1, 0, 0])
  })

  it('give way if all clients together have too many', () => {
    const all = budget(10)
    const [one, other] = [new SentRing(100, all), new SentRing(100, all)]
    one.push('12345678')
    other.push('1234')
    expect(one.after(0)).toEqual(['12345678'])
    expect(other.after(0)).toBeUndefined()
    expect(other.after(1)).toEqual([])
    one.clear()
    other.push('1234')
    expect(other.after(1)).toEqual(['1234'])
  })
})
