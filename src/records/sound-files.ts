// Writes a session's sound as it becomes whole, each file for itself, and knows what found no place on a slow or full disk.
import { createHash } from 'node:crypto'
import type { Sealing } from './sealing.js'
import type { Segment, SoundSide } from './sound.js'
import { sampleBytes } from './wav.js'

export interface SoundFilesOptions {
  readonly sealing: Sealing
  readonly write: (name: string, bytes: Uint8Array) => Promise<void>
  /** All that waited is written. */
  readonly onFiles: () => unknown
}

export interface SoundFiles {
  /** What is to be done in its turn. Nothing of it waits if too much does. */
  add(segment: Segment): () => Promise<void>
  /** Sound that was never in a file. */
  lose(side: SoundSide, atMs: number, bytes: number): void
  /** Files that were written are gone. */
  gone(): void
  readonly count: number
  /** As the manifest has them. */
  readonly list: readonly object[]
  readonly gaps: readonly object[]
}

/** Of one session: what is whole and waits for the disk. */
export const MOST_WAITING_BYTES = 2 * 1024 * 1024
const MOST_GAPS = 1000

interface Gap {
  readonly what: 'sound'
  readonly side: SoundSide
  readonly fromMs: number
  ms?: number
  bytes?: number
  readonly why: 'disk' | 'memory'
}

/** As the manifest has it. */
interface Kept {
  readonly name: string
  readonly side: SoundSide
  readonly fromMs: number
  readonly ms: number
  readonly format: string
  readonly rate: number
  readonly bits: number
  readonly bytes: number
  readonly sha256: string
}

export function createSoundFiles({ sealing, write, onFiles }: SoundFilesOptions): SoundFiles {
  const list: Kept[] = []
  const gaps: Gap[] = []
  const numbers: Record<SoundSide, number> = { user: 0, assistant: 0 }
  let waiting = 0

  function gap(next: Gap): void {
    const last = gaps.findLast(({ side }) => side === next.side)
    if (last?.why === 'disk' && next.why === 'disk' && last.fromMs + (last.ms ?? 0) === next.fromMs) last.ms = (last.ms ?? 0) + (next.ms ?? 0)
    else if (last?.why === 'memory' && next.why === 'memory' && next.fromMs - last.fromMs < 10_000) last.bytes = (last.bytes ?? 0) + (next.bytes ?? 0)
    else if (gaps.length < MOST_GAPS) gaps.push(next)
  }

  async function put({ side, fromMs, ms, format, wav }: Segment, number: number): Promise<void> {
    const name = `${side}-${String(number).padStart(4, '0')}.wav${sealing.ending}`
    try {
      const sealed = await sealing.seal(wav)
      await write(name, sealed)
      const sha256 = createHash('sha256').update(sealed).digest('hex')
      list.push({ name, side, fromMs, ms, format: format.law, rate: format.rate, bits: sampleBytes(format) * 8, bytes: sealed.length, sha256 })
    } catch {
      gap({ what: 'sound', side, fromMs, ms, why: 'disk' })
    }
  }

  return {
    add(segment) {
      const { side, fromMs, ms } = segment
      const bytes = segment.wav.length
      const number = ++numbers[side]
      if (waiting + bytes > MOST_WAITING_BYTES) {
        gap({ what: 'sound', side, fromMs, ms, why: 'disk' })
        return async () => undefined
      }
      waiting += bytes
      return async () => {
        await put(segment, number)
        waiting -= bytes
        if (waiting === 0) onFiles()
      }
    },
    gone() {
      for (const { side, fromMs, ms } of list.splice(0)) gap({ what: 'sound', side, fromMs, ms, why: 'disk' })
    },
    lose: (side, fromMs, bytes) => gap({ what: 'sound', side, fromMs, bytes, why: 'memory' }),
    get count() {
      return list.length + gaps.length
    },
    list,
    gaps,
  }
}
