// Reads the sound of a WAV file as PCM16 at 24 kHz, and writes one.
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

/** `pcm`: mono PCM16. */
export function toWav(pcm: Buffer, rate = RATE): Buffer {
  const head = Buffer.alloc(44)
  head.write('RIFF', 0, 'latin1')
  head.writeUInt32LE(36 + pcm.length, 4)
  head.write('WAVEfmt ', 8, 'latin1')
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(rate, 24)
  head.writeUInt32LE(rate * 2, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36, 'latin1')
  head.writeUInt32LE(pcm.length, 40)
  return Buffer.concat([head, pcm])
}
