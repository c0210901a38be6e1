// What a WAV file says before its sound: the format of the session, and sizes that are right.

/** As the session has it: the same bytes that went by. */
export interface SoundFormat {
  readonly law: 'pcm16' | 'pcmu' | 'pcma'
  /** Samples of a second. */
  readonly rate: number
}

const CODES = { pcm16: 1, pcma: 6, pcmu: 7 } as const
const HEADER_BYTES = 44

export function sampleBytes({ law }: SoundFormat): number {
  return law === 'pcm16' ? 2 : 1
}

/** The byte that, repeated, is silence. */
export function silenceOf({ law }: SoundFormat): number {
  return law === 'pcm16' ? 0 : law === 'pcmu' ? 0xff : 0xd5
}

/** A file of so much silence. Sound is written into what `soundOf` says. */
export function silentWav(format: SoundFormat, bytes: number): Buffer {
  const size = sampleBytes(format)
  const wav = Buffer.alloc(HEADER_BYTES + bytes, silenceOf(format))
  wav.write('RIFF', 0, 'latin1')
  wav.writeUInt32LE(HEADER_BYTES - 8 + bytes, 4)
  wav.write('WAVEfmt ', 8, 'latin1')
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(CODES[format.law], 20)
  wav.writeUInt16LE(1, 22)
  wav.writeUInt32LE(format.rate, 24)
  wav.writeUInt32LE(format.rate * size, 28)
  wav.writeUInt16LE(size, 32)
  wav.writeUInt16LE(size * 8, 34)
  wav.write('data', 36, 'latin1')
  wav.writeUInt32LE(bytes, 40)
  return wav
}

export function soundOf(wav: Buffer): Buffer {
  return wav.subarray(HEADER_BYTES)
}
