// What the caller says, without decoding it: each packet becomes sound as loud as it is, which the session hears like any other.
import { readRtp } from './rtp.js'

export interface Uplink {
  take(packet: Buffer): void
}

export interface UplinkSetup {
  readonly opus: number
  /** Id of the audio level in the header, if it was agreed on. */
  readonly levelId: number | undefined
  /** PCM16 at 24 kHz. */
  hear(pcm: Buffer): void
  /** Whether the caller is heard speaking. */
  speaking(): boolean
  /** Ends with the call. */
  after(ms: number, callback: () => void): void
}

const BYTES_PER_MS = 48
const SILENT = 127
/**
 * Without levels only the size of a packet tells. Voice takes Opus 2 to 12 bytes a millisecond, a quiet room about one;
 * so a caller in noise is heard as speaking.
 */
const VOICE_BYTES_PER_MS = 1.6
const VOICE_LEVEL = 20
/** A microphone that is taken away sends nothing, and then nobody would ever stop speaking. */
const LOST_MS = 200
const LOOK_MS = 100

/** By level and length; 128 levels of the few lengths that packets have. */
const made = new Map<number, Buffer>()
const MAX_MADE = 1024

export function createUplink({ opus, levelId, hear, speaking, after }: UplinkSetup): Uplink {
  let last: number | undefined
  let lastAt = 0

  const look = () => {
    const missing = performance.now() - lastAt
    if (missing > LOST_MS && speaking()) {
      lastAt += missing
      hear(soundOf(SILENT, Math.round(missing)))
    }
    after(LOOK_MS, look)
  }

  return {
    take(packet) {
      const sound = readRtp(packet, levelId)
      if (!sound || sound.payloadType !== opus || sound.ms === 0) return
      // Late or double: its time has passed.
      const ahead = (sound.sequence - (last ?? sound.sequence - 1)) & 0xffff
      if (ahead === 0 || ahead > 0x7fff) return
      if (last === undefined) after(LOOK_MS, look)
      last = sound.sequence
      lastAt = performance.now()
      hear(soundOf(sound.level ?? (sound.size / sound.ms > VOICE_BYTES_PER_MS ? VOICE_LEVEL : SILENT), sound.ms))
    },
  }
}

/** Its root mean square is that many decibels below the loudest. */
function soundOf(level: number, ms: number): Buffer {
  const key = level * 4096 + ms
  const known = made.get(key)
  if (known) return known
  const pcm = Buffer.alloc(ms * BYTES_PER_MS)
  const height = level >= SILENT ? 0 : Math.round(32_767 * 10 ** (-level / 20))
  for (let at = 0; at + 1 < pcm.length; at += 2) pcm.writeInt16LE(at & 64 ? height : -height, at)
  if (made.size < MAX_MADE) made.set(key, pcm)
  return pcm
}
