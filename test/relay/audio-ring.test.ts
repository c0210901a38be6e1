// The client's last audio: what is kept for how long, that it comes back to the sample, and that it stays within its bounds.
import { describe, expect, it, vi } from 'vitest'
import { AudioRing, spareAudio } from '../../src/relay/audio-ring.js'

const PCM = 48_000
const BYTES_PER_MS = 48

/** `ms` of PCM whose samples count up from `from`, so that every stretch is known by its content. */
function sound(from: number, ms: number): Buffer {
  const pcm = Buffer.alloc(ms * BYTES_PER_MS)
  for (let at = 0; at < pcm.length; at += 2) pcm.writeUInt16LE((from * 24 + at / 2) & 0xffff, at)
  return pcm
}

const frame = (pcm: Buffer) => Buffer.from(`{"type":"input_audio_buffer.append","audio":"${pcm.toString('base64')}"}`)

function speak(ring: AudioRing, seconds: number, frameMs = 20): void {
  for (let ms = 0; ms < seconds * 1000; ms += frameMs) {
    const pcm = sound(Math.round(ring.totalMs), frameMs)
    ring.push(frame(pcm), pcm.length)
  }
}

function heard(ring: AudioRing, fromMs: number, toMs: number): Buffer {
  return Buffer.concat([...ring.events(fromMs, toMs)].map((text) => Buffer.from((JSON.parse(text) as { audio: string }).audio, 'base64')))
}

const budget = (mostBytes = 1e9) => ({ mostBytes, used: 0 })

describe('the audio ring', () => {
  it('keeps the last second while nobody speaks, and little more', () => {
    const ring = new AudioRing(2 ** 21, budget(), PCM)
    speak(ring, 60)
    expect(ring.totalMs).toBe(60_000)
    expect(ring.totalMs - ring.keptFromMs).toBeGreaterThanOrEqual(1000)
    expect(ring.totalMs - ring.keptFromMs).toBeLessThan(1600)
    expect(ring.bytes).toBeLessThan(128 * 1024)
  })

  it('keeps little for a session that sent one frame, and no more pieces for much speech than before', () => {
    const ring = new AudioRing(2 ** 21, budget(), PCM)
    ring.push(Buffer.alloc(1024), 768)
    expect(ring.bytes).toBe(2048)
    ring.keepFrom(0)
    // Whole pieces of 16 KiB after the first three, however many they are.
    while (ring.totalMs < 16_000) ring.push(Buffer.alloc(1024), 768)
    expect(ring.bytes % (16 * 1024)).toBe(2048 + 4096 + 8192)
    expect(ring.bytes).toBeGreaterThan(40 * 16 * 1024)
  })

  it('keeps speech from where it began, and gives back every sample of it', () => {
    const ring = new AudioRing(2 ** 21, budget(), PCM)
    speak(ring, 5)
    ring.keepFrom(4200)
    speak(ring, 10)
    expect(ring.keptFromMs).toBeLessThanOrEqual(4200)
    expect(heard(ring, 4200, 15_000).equals(sound(4200, 10_800))).toBe(true)
    expect(heard(ring, 4213, 4311).equals(sound(4213, 98))).toBe(true)
    expect(heard(ring, 14_999, 99_000).equals(sound(14_999, 1))).toBe(true)
    expect(heard(ring, 0, 1000)).toHaveLength(0)
    ring.keepFrom(Number.POSITIVE_INFINITY)
    speak(ring, 2)
    expect(ring.keptFromMs).toBeGreaterThan(14_000)
  })

  it.each([20, 100, 500, 1000])('takes frames of %i ms alike', (frameMs) => {
    const ring = new AudioRing(2 ** 21, budget(), PCM)
    ring.keepFrom(0)
    speak(ring, 6, frameMs)
    expect(heard(ring, 10, 5990).equals(sound(10, 5980))).toBe(true)
  })

  it('keeps forty seconds of speech that does not end, and two mebibytes', () => {
    const slow = new AudioRing(2 ** 21, budget(), 8000)
    slow.keepFrom(0)
    for (let at = 0; at < 5000; at++) slow.push(frame(Buffer.alloc(160, 5)), 160)
    expect(slow.totalMs).toBe(100_000)
    expect(slow.totalMs - slow.keptFromMs).toBeGreaterThanOrEqual(40_000)
    expect(slow.totalMs - slow.keptFromMs).toBeLessThan(42_000)
    const ring = new AudioRing(2 ** 21, budget(), PCM)
    ring.keepFrom(0)
    speak(ring, 100)
    expect(ring.totalMs - ring.keptFromMs).toBeGreaterThan(30_000)
    expect(ring.bytes).toBeLessThanOrEqual(2 ** 21)
  })

  it('shares the process’s bound with all others, and gives back what it had', () => {
    const shared = budget(200 * 1024)
    const rings = Array.from({ length: 4 }, () => new AudioRing(2 ** 21, shared, PCM))
    for (const ring of rings) ring.keepFrom(0)
    for (let second = 0; second < 10; second++) for (const ring of rings) speak(ring, 1)
    expect(shared.used).toBeLessThanOrEqual(200 * 1024)
    expect(rings.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(shared.used)
    for (const ring of rings) {
      expect(ring.totalMs).toBe(10_000)
      ring.clear()
    }
    expect(shared.used).toBe(0)
  })

  it('goes down to one chunk for a minute when memory is short', () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    const shared = budget()
    const ring = new AudioRing(2 ** 21, shared, PCM)
    expect(spareAudio(shared)).toBe(false)
    ring.keepFrom(0)
    speak(ring, 10)
    expect([spareAudio(shared), spareAudio(shared)]).toEqual([true, false])
    speak(ring, 1)
    expect(shared.used).toBeLessThanOrEqual(16 * 1024)
    vi.advanceTimersByTime(60_000)
    vi.useRealTimers()
    speak(ring, 10)
    expect(heard(ring, 12_000, 20_000)).toHaveLength(8000 * BYTES_PER_MS)
  })

  it('with no room keeps nothing, and the clock runs on', () => {
    const ring = new AudioRing(0, budget(), PCM)
    speak(ring, 3)
    expect([ring.totalMs, ring.keptFromMs, ring.bytes]).toEqual([3000, 3000, 0])
    expect([...ring.events(0, 3000)]).toEqual([])
  })

  it('forgets what came in another format, and takes what was sent as an event', () => {
    const ring = new AudioRing(2 ** 21, budget(), PCM)
    speak(ring, 1)
    ring.setRate(8000)
    expect(ring.keptFromMs).toBe(1000)
    ring.sent({ type: 'input_audio_buffer.append', event_id: 'mine', audio: Buffer.alloc(1600, 3).toString('base64') })
    ring.sent({ type: 'response.create' })
    expect(Math.round(ring.totalMs)).toBe(1200)
    expect(heard(ring, 1000, 1200).equals(Buffer.alloc(1600, 3))).toBe(true)
  })
})
