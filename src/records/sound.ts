// Both sides of a session as sound: the user as it arrives, the answers as they are played, in files of some seconds on one clock.

import type { Frame } from '../core/protocol/events.js'
import type { Media } from '../core/session/media.js'
import type { SoundSink } from '../ports/records.js'
import { createTrack, SETTLED_MS, type Track } from './track.js'
import { type SoundFormat, sampleBytes } from './wav.js'

export type SoundSide = 'user' | 'assistant'

/** A file that is whole. Milliseconds of the session. */
export interface Segment {
  readonly side: SoundSide
  readonly fromMs: number
  readonly ms: number
  readonly format: SoundFormat
  readonly wav: Buffer
}

export interface SoundOptions {
  /** Milliseconds of the session, on a steady clock. */
  readonly clock: () => number
  readonly onSegment: (segment: Segment) => unknown
  /** So many bytes of sound found no place in memory, and are silence. */
  readonly onFull: (side: SoundSide, atMs: number, bytes: number) => void
}

export interface Sound {
  readonly sink: SoundSink
  /** Nothing before is kept. */
  begin(): void
  /** Silence on both sides until `go`. */
  pause(): void
  go(): void
  skip(itemId: string): void
  truncated(itemId: string, heardMs: number): void
  /** Nothing from now on is kept. */
  stop(): void
  /** What is not played by now was not heard. What the user sent faster than it is spoken is there all the same. */
  end(): void
  /** Now and then. */
  tick(): void
}

const SEGMENT_MS = 10_000
/** Of one side, sent faster than it is played: two minutes of PCM. */
export const MOST_AHEAD_BYTES = 6 * 1024 * 1024
const MOST_SKIPPED = 1024
const DEFAULT: SoundFormat = { law: 'pcm16', rate: 24_000 }

export interface Waiting {
  readonly bytes: Buffer | undefined
  readonly length: number
  readonly itemId: string
}

/** What is not kept is bounded by no count of bytes: it is one piece for each item. */
export function putOff(waiting: Waiting[], next: Waiting): void {
  const last = waiting.at(-1)
  if (last && !last.bytes && !next.bytes && last.itemId === next.itemId) waiting[waiting.length - 1] = { ...last, length: last.length + next.length }
  else waiting.push(next)
}

export function createSound({ clock, onSegment, onFull }: SoundOptions): Sound {
  const formats: Record<SoundSide, SoundFormat> = { user: DEFAULT, assistant: DEFAULT }
  const skipped = new Set<string>()
  let tracks: Readonly<Record<SoundSide, Track>> | undefined
  let isPaused = false
  /** Undefined: the client is there. */
  let waiting: Waiting[] | undefined
  let waitingBytes = 0

  function write(side: SoundSide, toMs: number): void {
    const track = tracks?.[side]
    if (!track) return
    const { fromMs, format } = track
    if (toMs - fromMs < 1) return
    const wav = track.take(toMs)
    onSegment({ side, fromMs: Math.round(fromMs), ms: Math.round(track.fromMs - fromMs), format, wav })
  }

  function push(side: SoundSide, base64: string, item: string, isKept: boolean): void {
    const track = tracks?.[side]
    if (!track) return
    const now = clock()
    const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0
    const length = Math.floor(((base64.length - padding) * 3) / 4)
    const isFull = track.heldBytes + (side === 'assistant' ? waitingBytes : 0) + length > MOST_AHEAD_BYTES
    if (isFull && isKept && !isPaused) onFull(side, Math.round(now), length)
    const bytes = isKept && !isPaused && !isFull ? Buffer.from(base64, 'base64') : undefined
    if (side === 'user' || !waiting) return track.push(bytes, bytes?.length ?? length, now, item)
    putOff(waiting, { bytes, length: bytes?.length ?? length, itemId: item })
    waitingBytes += bytes?.length ?? 0
  }

  function setFormat(side: SoundSide, format: SoundFormat): void {
    const { law, rate } = formats[side]
    if (law === format.law && rate === format.rate) return
    formats[side] = format
    if (!tracks) return
    // A file has one format. The first is told before there is any sound.
    const now = tracks[side].isNew ? tracks[side].fromMs : clock()
    write(side, now)
    tracks = { ...tracks, [side]: createTrack(format, now) }
  }

  const sink: SoundSink = {
    media(media: Media) {
      setFormat('user', formatOf(media.inputBytesPerSecond, media.inputLaw))
      setFormat('assistant', formatOf(media.outputBytesPerSecond, media.outputLaw))
    },
    spoken(frame) {
      if (tracks) push('user', fieldOf(frame, 'audio'), '', true)
    },
    answered(delta, itemId) {
      if (tracks) push('assistant', typeof delta === 'string' ? delta : fieldOf(delta, 'delta'), itemId, !skipped.has(itemId))
    },
    cleared(bytes) {
      const late = waiting?.reduce((sum, one) => sum + one.length, 0) ?? 0
      if (waiting) waiting = []
      waitingBytes = 0
      tracks?.assistant.drop(Math.max(0, bytes - late), clock())
    },
    away(isAway) {
      if (isAway) {
        waiting ??= []
        return
      }
      const late = waiting ?? []
      waiting = undefined
      waitingBytes = 0
      for (const { bytes, length, itemId } of late) tracks?.assistant.push(bytes, length, clock(), itemId)
    },
  }

  function end(toMs: number): void {
    tracks?.assistant.mute(clock())
    for (const side of SIDES) write(side, toMs)
    tracks = undefined
  }

  return {
    sink,
    begin() {
      const now = clock()
      tracks ??= { user: createTrack(formats.user, now), assistant: createTrack(formats.assistant, now) }
    },
    pause() {
      isPaused = true
      for (const side of SIDES) tracks?.[side].mute(clock())
      waiting = waiting?.map((one) => ({ ...one, bytes: undefined }))
      waitingBytes = 0
    },
    go() {
      isPaused = false
    },
    skip(itemId) {
      if (skipped.size < MOST_SKIPPED) skipped.add(itemId)
    },
    truncated: (itemId, heardMs) => tracks?.assistant.truncate(itemId, heardMs),
    stop: () => end(clock()),
    end: () => end(Math.max(clock(), tracks?.user.endsMs ?? 0)),
    tick() {
      const settled = clock() - SETTLED_MS
      for (const side of SIDES) for (let track = tracks?.[side]; track && track.fromMs + SEGMENT_MS <= settled; track = tracks?.[side]) write(side, track.fromMs + SEGMENT_MS)
    },
  }
}

const SIDES = ['user', 'assistant'] as const

function formatOf(bytesPerSecond: number, law: SoundFormat['law'] | undefined): SoundFormat {
  const format = { law: law ?? 'pcm16', rate: bytesPerSecond }
  return { ...format, rate: bytesPerSecond / sampleBytes(format) }
}

const COLON = /^ *: *"/

/** The relay has recognised it as such an event before. Most are cut out: parsing would copy them twice. */
function fieldOf(frame: Frame, name: 'audio' | 'delta'): string {
  const at = frame.indexOf(NAMES[name])
  if (at < 0) return parsed(frame, name)
  const value = at + NAMES[name].length
  const [colon] = COLON.exec(frame.toString('latin1', value, value + 8)) ?? []
  const start = value + (colon?.length ?? 0)
  const end = colon === undefined ? -1 : frame.indexOf(QUOTE, start)
  const base64 = end < 0 ? '\\' : frame.toString('latin1', start, end)
  return base64.includes('\\') ? parsed(frame, name) : base64
}

const NAMES = { audio: Buffer.from('"audio"', 'latin1'), delta: Buffer.from('"delta"', 'latin1') }
const QUOTE = 0x22

/** With escapes, or with the name as a value before. */
function parsed(frame: Frame, name: 'audio' | 'delta'): string {
  try {
    const value = (JSON.parse(frame.toString()) as Readonly<Record<string, unknown>>)[name]
    return typeof value === 'string' ? value : ''
  } catch {
    return ''
  }
}
