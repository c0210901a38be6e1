// The wires of the Realtime API (GA, preview and Voice Live) for both sides of the relay. A telephone's framing would be one more.
import { CLIENT_LIMITS, decodeEvent, encodeEvent, UPSTREAM_LIMITS } from './codec.js'
import type { Dialect, DialectName } from './dialect.js'
import { dialectFor } from './dialects.js'
import { arrayAt, type Frame, isObject, type Json, objectAt, type RealtimeEvent, type Side } from './events.js'
import { audioDeltaTypeAt, clientAudioBytes, MAX_AUDIO_BYTES, spliceAudioDeltaType } from './fast-lane.js'
import type { FrameShape } from './frame-shape.js'
import { KnownFrames } from './known-frames.js'
import { Spellings } from './spellings.js'
import type { NoReading, Reading, Wire } from './wire.js'

/** `side`: the side whose frames it reads. */
export function wireFor(name: DialectName, side: Side): Wire {
  const dialect = dialectFor(name)
  if (side === 'upstream') return new UpstreamWire(dialect)
  return name === 'ga' ? gaClient : new ClientWire(dialect)
}

/** All sessions share what is learned of frames: it says nothing about any. */
const knownFrames = new KnownFrames()

/** Of the event that was read last, if its frame had one that is known. All events of a shape have the same fields, with values of the same kinds. */
export function shapeOf(event: RealtimeEvent): FrameShape | undefined {
  return knownFrames.event === event ? knownFrames.shape : undefined
}

const spellings = { preview: new Spellings('preview'), 'voice-live': new Spellings('voice-live') } as const

// Classes, since every frame calls them.

class ClientWire implements Wire {
  readonly name: DialectName
  readonly #dialect: Dialect
  /** Client audio is spelled alike in every dialect. */
  readonly audioMark = undefined

  constructor(dialect: Dialect) {
    this.name = dialect.name
    this.#dialect = dialect
  }

  audioIn(frame: Frame): number {
    const bytes = clientAudioBytes(frame)
    // The slow way refuses more.
    return bytes <= MAX_AUDIO_BYTES ? bytes : -1
  }

  audioOut(frame: Frame, { audioMark }: Wire): Frame {
    return audioMark ? spliceAudioDeltaType(frame, audioMark.at, audioMark.type, this.#dialect.audioDeltaType) : frame
  }

  read(frame: Frame, isBinary: boolean): Reading | NoReading {
    if (isBinary) return { ok: false, problem: 'binary', eventId: undefined }
    const decoded = decodeEvent(frame, CLIENT_LIMITS)
    if (!decoded.ok) return { ok: false, problem: decoded.problem, eventId: undefined }
    return inGa(decoded.event, this.#dialect, audioBytesOf(decoded.event))
  }

  respelled(frame: Frame, from: Wire): Frame | undefined {
    if (from.name === this.name) return Buffer.from(frame)
    const { shape, spans } = knownFrames
    return shape && from.name === 'ga' && this.name !== 'ga' ? spellings[this.name].spell(shape, frame, spans) : undefined
  }

  write(event: RealtimeEvent): readonly string[] {
    return inDialect(event, this.#dialect)
  }
}

/** Remembers nothing of a session, so all share it. */
const gaClient = new ClientWire(dialectFor('ga'))

const DELTA = Buffer.from('"delta"', 'latin1')

const AUDIO_DELTAS: Readonly<Record<DialectName, Buffer>> = { ga: nameOf('ga'), preview: nameOf('preview'), 'voice-live': nameOf('voice-live') }

function nameOf(dialect: DialectName): Buffer {
  return Buffer.from(dialectFor(dialect).audioDeltaType, 'latin1')
}

class UpstreamWire implements Wire {
  readonly name: DialectName
  readonly #dialect: Dialect
  readonly audioMark: { at: number; readonly type: string }
  readonly #audioDelta: Buffer
  /** Where the last frame had its audio. The next one has it at the same place, and checking that is cheaper than a search. */
  #deltaAt = -1

  constructor(dialect: Dialect) {
    this.name = dialect.name
    this.#dialect = dialect
    this.audioMark = { at: -1, type: dialect.audioDeltaType }
    this.#audioDelta = AUDIO_DELTAS[dialect.name]
  }

  /** By arithmetic. Every known upstream puts the base64 text last in the frame, so the result is at most a few bytes too high. */
  audioIn(frame: Frame): number {
    const at = audioDeltaTypeAt(frame, this.#audioDelta)
    this.audioMark.at = at
    if (at < 0) return -1
    if (!isDelta(frame, this.#deltaAt)) this.#deltaAt = frame.indexOf(DELTA)
    // `:"` follows the name, and `"}` ends the frame.
    return this.#deltaAt < 0 ? 0 : Math.max(0, Math.floor(((frame.length - this.#deltaAt - DELTA.length - 4) * 3) / 4))
  }

  audioOut(frame: Frame): Frame {
    return frame
  }

  /** What goes upstream is never the client's bytes. */
  respelled(): undefined {
    return undefined
  }

  read(frame: Frame, isBinary: boolean): Reading | NoReading {
    // Some gateways send JSON in binary frames. Only of text frames the link has checked that they are UTF-8.
    if (isBinary && !isUtf8(frame)) return { ok: false, problem: 'binary', eventId: undefined }
    const known = knownFrames.read(frame)
    if (known) return inGa(known, this.#dialect, spokenBytes(known))
    const decoded = decodeEvent(frame, UPSTREAM_LIMITS)
    if (!decoded.ok) return { ok: false, problem: decoded.problem, eventId: undefined }
    knownFrames.learn(frame, decoded.event)
    return inGa(decoded.event, this.#dialect, spokenBytes(decoded.event))
  }

  write(event: RealtimeEvent): readonly string[] {
    return inDialect(event, this.#dialect)
  }
}

function inDialect(event: RealtimeEvent, dialect: Dialect): readonly string[] {
  return dialect.name === 'ga' ? [encodeEvent(event)] : dialect.fromGa(event).map(encodeEvent)
}

function inGa(event: RealtimeEvent, dialect: Dialect, audioBytes: number): Reading | NoReading {
  if (dialect.name === 'ga') return { ok: true, events: [event], whole: event, audioBytes }
  const events = dialect.toGa(event)
  if (events.length === 0) return { ok: false, problem: 'no_counterpart', eventId: typeof event.event_id === 'string' ? event.event_id : undefined }
  return { ok: true, events, whole: events.find((one) => one.type === event.type) ?? events[0], audioBytes }
}

/** Wherever audio comes in: appended, or as part of an item. */
function audioBytesOf(event: RealtimeEvent): number {
  if (event.type === 'input_audio_buffer.append') return decodedBytes(event.audio)
  if (event.type !== 'conversation.item.create') return 0
  return arrayAt(objectAt(event, 'item'), 'content').reduce((sum: number, part) => sum + (isObject(part) ? decodedBytes(part.audio) : 0), 0)
}

function spokenBytes({ type, delta }: RealtimeEvent): number {
  return type === 'response.output_audio.delta' || type === 'response.audio.delta' ? decodedBytes(delta) : 0
}

function decodedBytes(base64: Json | undefined): number {
  return typeof base64 === 'string' ? Math.floor((base64.length * 3) / 4) : 0
}

/** Bytes that are not UTF-8 do not come back as they were. */
function isUtf8(frame: Frame): boolean {
  return Buffer.from(frame.toString('utf8')).equals(frame)
}

function isDelta(frame: Frame, at: number): boolean {
  if (at < 0 || at + DELTA.length > frame.length) return false
  for (let i = 0; i < DELTA.length; i++) if (frame[at + i] !== DELTA[i]) return false
  return true
}
