// Reads the sound of a WAV file as PCM16 at 24 kHz.
import { RATE, resample } from './resample.js'

/** Mono PCM16 of any rate from 1 kHz; undefined for any other file. */
export function fromWav(wav: Buffer): Buffer | undefined {
  if (wav.length < 44 || wav.toString('latin1', 0, 4) !== 'RIFF' || wav.toString('latin1', 8, 12) !== 'WAVE') return undefined
  let rate = 0
  for (let at = 12; at + 8 <= wav.length; ) {
    const name = wav.toString('latin1', at, at + 4)
    const size = wav.readUInt32LE(at + 4)
    const body = at + 8
    if (name === 'fmt ' && body + 16 <= wav.length) {
      if (wav.readUInt16LE(body) !== 1 || wav.readUInt16LE(body + 2) !== 1 || wav.readUInt16LE(body + 14) !== 16) return undefined
      rate = wav.readUInt32LE(body + 4)
      if (rate < 1000) return undefined
    }
    if (name === 'data') {
      if (rate === 0) return undefined
      // On a pipe, the length that a program writes is wrong, so the received length counts.
      const end = Math.min(body + size, wav.length)
      return resample(wav.subarray(body, body + Math.floor((end - body) / 2) * 2), rate, RATE)
    }
    at = body + size + (size % 2)
  }
  return undefined
}
