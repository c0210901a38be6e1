// The sound of a recorded turn. Recordings keep only the first samples of each append, so what lies between them is made up.
import type { RealtimeEvent } from '../../src/core/protocol/events.js'

/** So long were the recorded appends: 55 of them, and the last loud one lies 200 ms before the recorded end of speech. */
const APPEND_MS = 100
const SAMPLES = APPEND_MS * 24
const SHORTENED_BYTES = 480

/** One buffer of PCM16 at 24 kHz for each append. An append that was kept whole is taken as it is. */
export function soundOf(appends: readonly RealtimeEvent[]): readonly Buffer[] {
  const kept = appends.map(({ audio }) => Buffer.from(String(audio), 'base64'))
  const peaks = kept.map(peakOf)
  return kept.map((bytes, index) => (bytes.length > SHORTENED_BYTES ? bytes : between(peaks[index] ?? 0, peaks[index + 1] ?? 0)))
}

function peakOf(bytes: Buffer): number {
  let peak = 0
  for (let at = 0; at + 1 < bytes.length; at += 2) peak = Math.max(peak, Math.abs(bytes.readInt16LE(at)))
  return peak
}

/** A tone whose loudness goes from one peak to the next as sound grows and fades: by equal factors in equal times. */
function between(from: number, to: number): Buffer {
  const pcm = Buffer.alloc(SAMPLES * 2)
  const [start, end] = [Math.log(Math.max(1, from)), Math.log(Math.max(1, to))]
  for (let i = 0; i < SAMPLES; i++) {
    const level = Math.exp(start + ((end - start) * i) / SAMPLES)
    pcm.writeInt16LE(Math.round(Math.sin((2 * Math.PI * 220 * i) / 24_000) * Math.min(32_767, level)), i * 2)
  }
  return pcm
}
