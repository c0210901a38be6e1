// How much silence stands for what did not come: by the carrier's clock, by ours, and never without bound.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createGapWatch, Gaps, silence } from '../../../src/ingress/phone/gaps.js'
import { fc } from '../../support/property.js'

describe('the carrier’s clock', () => {
  it('asks for nothing while frames follow each other, however it jitters a little', () => {
    const gaps = new Gaps(0)
    expect([0, 20, 45, 58, 80, 140].map((at, i) => gaps.heard(at, 20, i * 20))).toEqual([0, 0, 0, 0, 0, 0])
  })

  it('fills a jump, whole, once', () => {
    const gaps = new Gaps(0)
    gaps.heard(0, 20, 0)
    expect(gaps.heard(320, 20, 20)).toBe(300)
    expect(gaps.heard(340, 20, 40)).toBe(0)
  })

  it('fills ten seconds at most, of one jump and of many', () => {
    const gaps = new Gaps(0)
    gaps.heard(0, 20, 0)
    expect(gaps.heard(86_400_000, 20, 20)).toBe(9_999)
    expect(gaps.heard(2 * 86_400_000, 20, 40)).toBeLessThan(60)
    expect(gaps.heard(3 * 86_400_000, 20, 5_040)).toBeGreaterThan(4_900)
  })

  it('is not misled by a clock that tells seconds only, or that is set back', () => {
    const gaps = new Gaps(0)
    const whole = Array.from({ length: 150 }, (_, i) => gaps.heard(Math.floor((i * 20) / 1000) * 1000, 20, i * 20))
    expect(whole.every((ms) => ms === 0)).toBe(true)
    expect(gaps.heard(0, 20, 3_020)).toBe(0)
    expect(gaps.heard(20, 20, 3_040)).toBe(0)
    expect(gaps.heard(1_040, 20, 3_060)).toBe(999)
  })
})

describe('our clock', () => {
  it('waits for 750 ms, then goes on with the time, for ten seconds', () => {
    const gaps = new Gaps(0)
    gaps.heard(undefined, 20, 1_000)
    expect([1_250, 1_500, 1_749].map((now) => gaps.quiet(now))).toEqual([0, 0, 0])
    expect([1_750, 2_000, 2_250].map((now) => gaps.quiet(now))).toEqual([750, 249, 249])
    let filled = 1_248
    for (let now = 2_500; now < 60_000; now += 250) filled += gaps.quiet(now)
    expect(filled).toBeGreaterThan(9_990)
    expect(filled).toBeLessThanOrEqual(10_000)
    gaps.heard(undefined, 20, 60_000)
    expect(gaps.quiet(60_750)).toBe(750)
  })

  it('is not filled again by the carrier’s', () => {
    const gaps = new Gaps(0)
    gaps.heard(0, 20, 0)
    expect(gaps.quiet(900)).toBe(900)
    expect(gaps.heard(1_020, 20, 1_000)).toBe(99)
  })

  it('what was held up on its way comes after the silence, and no gap follows', () => {
    const gaps = new Gaps(0)
    gaps.heard(0, 20, 0)
    expect(gaps.quiet(3_000)).toBe(3_000)
    expect([20, 40, 60].map((at) => gaps.heard(at, 20, 3_010))).toEqual([0, 0, 0])
  })
})

it('never fills more than the time that passed and ten seconds', () => {
  const step = fc.record({ wait: fc.nat(2_000), at: fc.option(fc.nat(100_000_000), { nil: undefined }), isLook: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const gaps = new Gaps(0)
      let [now, filled] = [0, 0]
      for (const { wait, at, isLook } of steps) {
        now += wait
        const ms = isLook ? gaps.quiet(now) : gaps.heard(at, 20, now)
        expect(ms % 3).toBe(0)
        expect(ms).toBeGreaterThanOrEqual(0)
        filled += ms
      }
      expect(filled).toBeLessThanOrEqual(now + 10_000)
    }),
  )
})

it('silence is zeros in PCM and ones in mu-law, of the right length', () => {
  const [pcm, ulaw] = [Buffer.from(silence('pcm', 30), 'base64'), Buffer.from(silence('pcmu', 30), 'base64')]
  expect([pcm.length, pcm.every((byte) => byte === 0)]).toEqual([1440, true])
  expect([ulaw.length, ulaw.every((byte) => byte === 0xff)]).toEqual([240, true])
})

describe('the watch', () => {
  afterEach(() => void vi.useRealTimers())

  it('has one timer for all, and none for nobody', () => {
    vi.useFakeTimers()
    const watch = createGapWatch(() => 7, 250)
    const looks: number[] = []
    const [one, other] = [{ look: (now: number) => void looks.push(now) }, { look: (now: number) => void looks.push(now) }]
    expect(vi.getTimerCount()).toBe(0)
    watch.add(one)
    watch.add(other)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(500)
    expect(looks).toEqual([7, 7, 7, 7])
    watch.remove(one)
    watch.remove(one)
    expect(vi.getTimerCount()).toBe(1)
    watch.remove(other)
    expect(vi.getTimerCount()).toBe(0)
    watch.add(one)
    expect(vi.getTimerCount()).toBe(1)
    watch.remove(one)
  })

  it('looks at nothing when it comes late itself: frames that came meanwhile are not read yet', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    let clock = 1000
    const watch = createGapWatch(() => clock, 250)
    const looks: number[] = []
    const one = { look: (now: number) => void looks.push(now) }
    watch.add(one)
    for (const at of [1250, 1500, 2400, 2650]) {
      clock = at
      vi.advanceTimersByTime(250)
    }
    watch.remove(one)
    expect(looks).toEqual([1250, 1500, 2650])
  })
})
