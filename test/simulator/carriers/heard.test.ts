// A simulated caller's ear and mouth: playback by the clock, marks, what a clear throws away, and frames at wall time.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createCallerAudio, FRAME_BYTES } from '../../../src/simulator/carriers/caller-audio.js'
import { createHeard } from '../../../src/simulator/carriers/heard.js'

const PCM = { bytesPerMs: 48, silence: 0 }
const sound = (ms: number, byte = 1) => Buffer.alloc(ms * 48, byte)
/** Runs of equal bytes, in milliseconds. */
function runs(pcm: Buffer): [number, number][] {
  const found: [number, number][] = []
  for (const byte of pcm) {
    const last = found.at(-1)
    if (last?.[0] === byte) last[1]++
    else found.push([byte, 1])
  }
  return found.map(([byte, bytes]) => [byte, bytes / 48])
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('what a caller hears', () => {
  it('is played by the clock, with the silence in between', () => {
    const heard = createHeard(PCM)
    heard.start()
    vi.advanceTimersByTime(100)
    heard.play(sound(40, 1))
    heard.play(sound(40, 2))
    expect(heard.queuedMs).toBe(80)
    vi.advanceTimersByTime(60)
    expect(heard.queuedMs).toBe(20)
    vi.advanceTimersByTime(40)
    expect(runs(heard.heard())).toEqual([
      [0, 100],
      [1, 40],
      [2, 40],
      [0, 20],
    ])
    expect(heard).toMatchObject({ playedMs: 80, firstMs: 100, gaps: 0 })
  })

  it('plays what came before the connection from the connection on', () => {
    const heard = createHeard(PCM)
    heard.play(sound(40))
    vi.advanceTimersByTime(500)
    heard.start()
    vi.advanceTimersByTime(10)
    expect(heard).toMatchObject({ queuedMs: 30, playedMs: 10, firstMs: 0 })
  })

  it('forgets what a clear throws away, and says how much was played', () => {
    const heard = createHeard(PCM)
    heard.start()
    heard.play(sound(1000))
    vi.advanceTimersByTime(300)
    heard.clear()
    vi.advanceTimersByTime(100)
    heard.play(sound(50, 2))
    vi.advanceTimersByTime(100)
    expect(heard.clears).toEqual([{ at: Date.now() - 200, playedMs: 300, droppedMs: 700 }])
    expect(runs(heard.heard())).toEqual([
      [1, 300],
      [0, 100],
      [2, 50],
      [0, 50],
    ])
    expect(heard.gaps).toBe(0)
  })

  it('reaches marks when their sound was played, and all of them at a clear', () => {
    const heard = createHeard(PCM)
    const reached: string[] = []
    const mark = (name: string) => heard.mark(() => reached.push(name))
    heard.start()
    heard.play(sound(100))
    mark('a')
    heard.play(sound(100))
    mark('b')
    heard.play(sound(1000))
    mark('c')
    mark('d')
    vi.advanceTimersByTime(99)
    expect(reached).toEqual([])
    vi.advanceTimersByTime(2)
    expect(reached).toEqual(['a'])
    vi.advanceTimersByTime(100)
    expect(reached).toEqual(['a', 'b'])
    heard.clear()
    expect(reached).toEqual(['a', 'b', 'c', 'd'])
    mark('e')
    expect(reached).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('counts a hole in an answer, but not the pause between two', () => {
    const heard = createHeard({ ...PCM, keep: false })
    heard.start()
    heard.play(sound(100))
    vi.advanceTimersByTime(150)
    heard.play(sound(100))
    vi.advanceTimersByTime(1000)
    heard.play(sound(100))
    vi.advanceTimersByTime(1000)
    expect(heard.gaps).toBe(1)
    expect(heard.heard()).toHaveLength(0)
  })

  it('stands still once it is stopped', () => {
    const heard = createHeard(PCM)
    heard.start()
    heard.play(sound(100))
    heard.mark(() => expect.fail('reached'))
    vi.advanceTimersByTime(50)
    heard.stop()
    vi.advanceTimersByTime(500)
    expect(heard.play(sound(10))).toBe(false)
    expect(heard).toMatchObject({ playedMs: 50, queuedMs: 50 })
    expect(heard.heard()).toHaveLength(50 * 48)
  })

  it('has a bound', () => {
    const heard = createHeard(PCM)
    const minute = sound(60_000)
    for (let i = 0; i < 30; i++) expect(heard.play(minute)).toBe(true)
    expect(heard.play(sound(1))).toBe(false)
  })
})

describe('what a caller says', () => {
  it('flows in frames of 20 ms, with silence before and after', async () => {
    const frames: number[] = []
    const audio = createCallerAudio((frame) => {
      expect(frame).toHaveLength(FRAME_BYTES)
      frames.push(frame[0] ?? -1)
    })
    audio.start()
    vi.advanceTimersByTime(40)
    const said = audio.say(sound(50, 7))
    const after = audio.say(sound(20, 8))
    vi.advanceTimersByTime(60)
    await said
    vi.advanceTimersByTime(40)
    await after
    audio.stop()
    vi.advanceTimersByTime(400)
    expect(frames).toEqual([0, 0, 0, 7, 7, 7, 8, 0])
  })

  it('pads the last frame with silence', () => {
    const frames: Buffer[] = []
    const audio = createCallerAudio((frame) => frames.push(frame))
    void audio.say(sound(10, 7))
    audio.start()
    expect(frames).toEqual([Buffer.concat([sound(10, 7), sound(10, 0)])])
    audio.stop()
  })

  it('makes up for timers that come late, and skips what is late by more than a second', () => {
    let clock = 0
    let frames = 0
    const audio = createCallerAudio(
      () => frames++,
      () => clock,
    )
    const tickAt = (ms: number) => {
      clock = ms
      vi.runOnlyPendingTimers()
    }
    audio.start()
    tickAt(27)
    tickAt(47)
    tickAt(500)
    expect(frames).toBe(26)
    expect(audio.skipped).toBe(0)
    tickAt(60_000)
    expect(audio.skipped).toBe(2974)
    expect(frames).toBe(27)
    audio.stop()
  })

  it('resolves what waits when it stops, and takes no more than half an hour', async () => {
    const audio = createCallerAudio(() => undefined)
    const said = audio.say(sound(29 * 60_000))
    await expect(audio.say(sound(61_000))).rejects.toThrow('half an hour')
    audio.stop()
    await said
    await audio.say(sound(20))
  })
})
