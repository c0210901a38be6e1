// The soak's judgement: it tells growth with sessions from noise, a single jump, or caches that fill up.
import { describe, expect, it } from 'vitest'
import { type Sample, trends } from './trend.js'

const MIB = 1024 * 1024

/** Two hundred rounds of fifty sessions; `over` says how the figures differ from a quiet process. */
function series(over: (sessions: number, round: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: 200 }, (_, round) => {
    const sessions = (round + 1) * 50
    const wobble = Math.sin(round * 12.9898) * 0.5
    const quiet = { heapBytes: 30 * MIB + wobble * MIB, externalBytes: 2 * MIB, rssBytes: 120 * MIB + wobble * 8 * MIB, sockets: 3, timers: 5, otherHandles: 4 }
    return { sessions, ...quiet, ...over(sessions, round) }
  })
}

const growing = (samples: Sample[]) => trends(samples).flatMap(({ figure, grows }) => (grows ? [figure] : []))

describe('a series', () => {
  it('that wobbles does not grow', () => {
    expect(growing(series(() => ({})))).toEqual([])
  })

  it('that fills up early, or jumps once, does not grow', () => {
    expect(growing(series((sessions) => ({ heapBytes: 30 * MIB + Math.min(sessions, 2500) * 4000 })))).toEqual([])
    expect(growing(series((_, round) => ({ rssBytes: (round > 120 ? 150 : 120) * MIB, sockets: round === 150 ? 40 : 3 })))).toEqual([])
  })

  it('of kept sessions grows', () => {
    expect(growing(series((sessions) => ({ heapBytes: 30 * MIB + Math.sin(sessions) * MIB + sessions * 500 })))).toEqual(['heapBytes'])
    expect(growing(series((sessions) => ({ rssBytes: 120 * MIB + Math.sin(sessions) * 4 * MIB + sessions * 6000 })))).toEqual(['rssBytes'])
    expect(growing(series((sessions) => ({ externalBytes: 2 * MIB + sessions * 1000 })))).toEqual(['externalBytes'])
  })

  it('of sockets or timers left behind now and then grows', () => {
    expect(growing(series((sessions) => ({ sockets: 3 + Math.floor(sessions / 500) })))).toEqual(['sockets'])
    expect(growing(series((sessions) => ({ timers: 5 + Math.floor(sessions / 300), otherHandles: 4 + Math.floor(sessions / 1000) })))).toEqual(['timers', 'otherHandles'])
  })

  it('that is too short is not judged', () => {
    expect(() => trends(series(() => ({})).slice(0, 5))).toThrow('let it run longer')
  })
})
