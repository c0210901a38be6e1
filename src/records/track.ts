// One side's sound on the session's clock, as far as it is not written: where each piece belongs, and what of it was taken back.
import { type SoundFormat, sampleBytes, silentWav, soundOf } from './wav.js'

/** A piece without bytes is silence: it is not kept, and takes its time all the same. */
interface Piece {
  readonly at: number
  readonly length: number
  bytes: Buffer | undefined
  readonly item: string
}

export interface Track {
  readonly format: SoundFormat
  /** Milliseconds of the session at which what is not written begins. */
  readonly fromMs: number
  /** Where everything that was pushed is over. */
  readonly endsMs: number
  /** Bytes of sound that wait for their time. */
  readonly heldBytes: number
  /** Nothing was pushed or written. */
  readonly isNew: boolean
  /** Behind what is there, or at `atMs` if that is over. `bytes` undefined: so much that is not kept. */
  push(bytes: Buffer | undefined, length: number, atMs: number, item: string): void
  /** The last bytes that were pushed are never played. What is written stays, and what was over a second ago. */
  drop(bytes: number, atMs: number): void
  /** Nothing from this time on is kept. */
  mute(fromMs: number): void
  /** No more than this was heard of the item. */
  truncate(item: string, heardMs: number): void
  /** A file of everything up to that time. */
  take(toMs: number): Buffer
}

/** Frames that come a little late belong to each other without a gap. */
const LATE_MS = 200
/** What was played so long ago is not taken back any more. */
export const SETTLED_MS = 1000
/** Of these it is known how much is written. */
const MOST_ITEMS = 16
const MOST_PIECES = 20_000

export function createTrack(format: SoundFormat, beginsMs: number): Track {
  const size = sampleBytes(format)
  const byteAt = (ms: number) => Math.max(0, Math.round(((ms - beginsMs) * format.rate) / 1000)) * size
  const late = byteAt(beginsMs + LATE_MS)
  const settled = byteAt(beginsMs + SETTLED_MS)
  const written = new Map<string, number>()
  let pieces: Piece[] = []
  let done = 0
  let end = 0
  /** Where the last piece ended, whatever became of it: a truncation may be told before the same piece is dropped. */
  let pushed = 0
  let held = 0

  function keep(piece: Piece, bytes: number): void {
    if (!piece.bytes || bytes >= piece.bytes.length) return
    held -= piece.bytes.length - Math.max(0, bytes)
    piece.bytes = bytes <= 0 ? undefined : piece.bytes.subarray(0, bytes)
  }

  function muteFrom(byte: number): void {
    for (const piece of pieces) keep(piece, byte - piece.at)
  }

  function take(toMs: number): Buffer {
    const to = Math.max(done, byteAt(toMs))
    const wav = silentWav(format, to - done)
    const sound = soundOf(wav)
    for (const { at, bytes } of pieces) if (bytes && at < to) sound.set(bytes.subarray(Math.max(0, done - at), to - at), Math.max(0, at - done))
    for (const piece of pieces) if (piece.at + piece.length <= to) gone(piece)
    pieces = pieces.filter(({ at, length }) => at + length > to)
    done = to
    end = Math.max(end, done)
    return wav
  }

  function gone(piece: Piece): void {
    keep(piece, 0)
    const before = written.get(piece.item) ?? 0
    written.delete(piece.item)
    written.set(piece.item, before + piece.length)
    if (written.size > MOST_ITEMS) for (const oldest of [...written.keys()].slice(0, 1)) written.delete(oldest)
  }

  return {
    format,
    get fromMs() {
      return beginsMs + (done / size / format.rate) * 1000
    },
    get endsMs() {
      return beginsMs + (end / size / format.rate) * 1000
    },
    get isNew() {
      return done === 0 && pushed === 0
    },
    get heldBytes() {
      return held
    },
    push(bytes, length, atMs, item) {
      const now = byteAt(atMs)
      const at = Math.max(done, now - end > late ? now : end)
      const whole = length - (length % size)
      const kept = pieces.length < MOST_PIECES ? bytes?.subarray(0, whole) : undefined
      const last = pieces.at(-1)
      if (last && !last.bytes && !kept && last.item === item && last.at + last.length === at) pieces[pieces.length - 1] = { ...last, length: last.length + whole }
      else pieces.push({ at, length: whole, bytes: kept, item })
      held += kept?.length ?? 0
      end = at + whole
      pushed = end
    },
    drop(bytes, atMs) {
      const from = Math.max(done, pushed - bytes, byteAt(atMs) - settled)
      muteFrom(from)
      pieces = pieces.filter(({ at }) => at < from)
      end = Math.min(end, from)
    },
    mute: (fromMs) => muteFrom(Math.max(done, byteAt(fromMs))),
    truncate(item, heardMs) {
      const heard = Math.floor((heardMs * format.rate) / 1000) * size
      let before = written.get(item) ?? 0
      for (const piece of pieces.filter((one) => one.item === item)) {
        keep(piece, heard - before)
        before += piece.length
      }
      const [last] = pieces.slice(-1)
      // What comes next is not played behind what nobody hears.
      if (last?.item === item && before > heard) end = Math.max(done, end - (before - heard))
    },
    take,
  }
}
