// Changes the sample rate of PCM16 by linear interpolation.

/** The rate at which the simulator hears and speaks. */
export const RATE = 24_000

/** `pcm`: mono, little-endian. The same buffer if the rates are equal. */
export function resample(pcm: Buffer, from: number, to: number): Buffer {
  if (from === to) return pcm
  const inSamples = Math.floor(pcm.length / 2)
  const outSamples = Math.floor((inSamples * to) / from)
  const out = Buffer.allocUnsafe(outSamples * 2)
  for (let i = 0; i < outSamples; i++) {
    const position = (i * from) / to
    const left = Math.min(Math.floor(position), inSamples - 1)
    const right = Math.min(left + 1, inSamples - 1)
    const a = pcm.readInt16LE(left * 2)
    const b = pcm.readInt16LE(right * 2)
    out.writeInt16LE(Math.round(a + (b - a) * (position - left)), i * 2)
  }
  return out
}
