// Reads frames of shapes that were read before, without parsing JSON: an event is made of what its shape says, and of the texts and numbers in its frame.
import type { Frame, Json, JsonObject, RealtimeEvent } from './events.js'
import { type FrameShape, MOST_SLOTS, type Part, shapeOf } from './frame-shape.js'
import { escapeSize, textAt } from './repeated-frame.js'

/** Bytes. Longer frames are parsed faster than they are looked through. */
const LONGEST = 8 * 1024
/** Of one type: messages and calls, of either side, have shapes of their own. */
const MOST_SHAPES = 6
const MOST_TYPES = 32
/** Once so many frames of a type were learned from, with or without a shape, it is one of so many of them: whoever varies what others do not makes nobody learn all the time. */
const MISSES_TO_LEARN = 32

const QUOTE = 0x22
const BACKSLASH = 0x5c
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
/** Whole numbers of so many digits are put together here; of broken ones `Number` reads so many behind the point. */
const MOST_DIGITS = 9
const MOST_BROKEN_DIGITS = 20
/** What is known of a text is all of its bytes by `or`. Below this it is ASCII, without an escape. */
const NOT_PLAIN = 0x80

interface OfType {
  readonly shapes: FrameShape[]
  /** Frames that were read whole. */
  misses: number
}

/** All sessions of a process share one: it reads of a frame what `JSON.parse` reads of it, whatever it has learned. */
export class KnownFrames {
  readonly #types = new Map<number, OfType>()
  /** Of the frame that was looked at last: where each slot begins and ends. */
  readonly spans = new Int32Array(2 * MOST_SLOTS)
  /** The shape of the frame that was read last, if it was known, and its event. */
  shape: FrameShape | undefined
  event: RealtimeEvent | undefined
  /** What is known of the text or number in each slot. */
  readonly #kinds = new Int32Array(MOST_SLOTS)

  /** Undefined: it must be read whole. */
  read(frame: Frame): RealtimeEvent | undefined {
    this.shape = undefined
    if (frame.length > LONGEST) return undefined
    const shapes = this.#types.get(typeHash(frame))?.shapes
    if (!shapes) return undefined
    for (let i = 0; i < shapes.length; i++) {
      const shape = shapes[i] as FrameShape
      if (!this.#matches(shape, frame)) continue
      // What comes often is found soon, and kept.
      if (i > 0) {
        shapes[i] = shapes[i - 1] as FrameShape
        shapes[i - 1] = shape
      }
      this.shape = shape
      this.event = this.#make(shape.event, frame) as RealtimeEvent
      return this.event
    }
    return undefined
  }

  /** `frame` was read whole, within the limits of its side, as `event`. Its bytes are UTF-8. */
  learn(frame: Frame, event: RealtimeEvent): void {
    // Those have prompts or names in them, and come seldom.
    if (frame.length > LONGEST || event.type.startsWith('session.') || event.type === 'error') return
    const ofType = this.#ofType(typeHash(frame))
    if (!ofType || (ofType.misses++ >= MOST_SHAPES && ofType.misses % MISSES_TO_LEARN !== 0)) return
    const shape = shapeOf(frame)
    // An event may have what is not made of a shape, such as a field named `__proto__` or a number below zero.
    if (!shape || !this.#matches(shape, frame) || JSON.stringify(this.#make(shape.event, frame)) !== JSON.stringify(event)) return
    if (ofType.shapes.length >= MOST_SHAPES) ofType.shapes.pop()
    ofType.shapes.push(shape)
  }

  #ofType(hash: number): OfType | undefined {
    const known = this.#types.get(hash)
    if (known || hash === 0 || this.#types.size >= MOST_TYPES) return known
    const ofType: OfType = { shapes: [], misses: 0 }
    this.#types.set(hash, ofType)
    return ofType
  }

  #matches({ bytes, ends, isNumber }: FrameShape, frame: Frame): boolean {
    const last = ends.length - 1
    let at = 0
    let from = 0
    for (let slot = 0; ; slot++) {
      const to = ends[slot] as number
      if (at + to - from > frame.length) return false
      for (; from < to; from++, at++) if (frame[at] !== bytes[from]) return false
      if (slot === last) return at === frame.length
      this.spans[slot * 2] = at
      at = isNumber[slot] ? this.#numberEnd(frame, at, slot) : this.#textEnd(frame, at, slot)
      this.spans[slot * 2 + 1] = at
    }
  }

  /** Behind the frame, where nothing matches, if JSON does not allow such a text. */
  #textEnd(frame: Frame, from: number, slot: number): number {
    let kind = 0
    let at = from
    while (at < frame.length) {
      const byte = frame[at] as number
      if (byte === QUOTE) break
      if (byte < 0x20) return frame.length
      kind |= byte
      if (byte === BACKSLASH) {
        kind |= NOT_PLAIN
        at += escapeSize(frame, at)
      } else at++
    }
    this.#kinds[slot] = kind
    return at
  }

  /** Whole or broken, without a sign or an exponent. Behind the frame, where nothing matches, for any other. */
  #numberEnd(frame: Frame, from: number, slot: number): number {
    const end = digitsEnd(frame, from)
    if (end === from || end - from > MOST_DIGITS || (frame[from] === ZERO && end - from > 1)) return frame.length
    this.#kinds[slot] = frame[end] as number
    if (frame[end] !== POINT) return end
    const brokenEnd = digitsEnd(frame, end + 1)
    return brokenEnd === end + 1 || brokenEnd - end - 1 > MOST_BROKEN_DIGITS ? frame.length : brokenEnd
  }

  #make(part: Part, frame: Frame): Json {
    switch (part.type) {
      case 'constant':
        return part.value
      case 'text':
        return textIn(frame, this.spans[part.slot * 2] as number, this.spans[part.slot * 2 + 1] as number, this.#kinds[part.slot] as number)
      case 'number':
        return numberIn(frame, this.spans[part.slot * 2] as number, this.spans[part.slot * 2 + 1] as number, this.#kinds[part.slot] as number)
      case 'object': {
        const { keys, parts } = part
        const object: JsonObject = {}
        for (let i = 0; i < keys.length; i++) object[keys[i] as string] = this.#make(parts[i] as Part, frame)
        return object
      }
      case 'array': {
        const values: Json[] = []
        for (const one of part.parts) values.push(this.#make(one, frame))
        return values
      }
    }
  }
}

const HEAD = Buffer.from('{"type":"')

/** Of the type, if it comes first; else 0. Types may share one: whether a frame has a shape is then seen by its bytes. */
function typeHash(frame: Frame): number {
  for (let i = 0; i < HEAD.length; i++) if (frame[i] !== HEAD[i]) return 0
  let hash = 1
  for (let at = HEAD.length; at < frame.length; at++) {
    const byte = frame[at] as number
    if (byte === QUOTE) return hash
    hash = (Math.imul(hash, 31) + byte) | 0
  }
  return 0
}

function digitsEnd(frame: Frame, from: number): number {
  let at = from
  while (at < frame.length && (frame[at] as number) >= ZERO && (frame[at] as number) <= NINE) at++
  return at
}

function textIn(frame: Frame, from: number, to: number, kind: number): string {
  return kind < NOT_PLAIN ? frame.toString('latin1', from, to) : textAt(frame, from, to)
}

function numberIn(frame: Frame, from: number, to: number, kind: number): number {
  if (kind === POINT) return Number(frame.toString('latin1', from, to))
  let value = 0
  for (let at = from; at < to; at++) value = value * 10 + (frame[at] as number) - ZERO
  return value
}
