// Spells frames of known shapes in another dialect without building text of their events: bytes that are alike in all of a shape, and slots of the frame.
import type { DialectName } from './dialect.js'
import { dialectFor } from './dialects.js'
import type { Frame, Json, JsonObject, RealtimeEvent } from './events.js'
import type { FrameShape, Part } from './frame-shape.js'

/** Bytes, and the numbers of slots between. */
type Spelling = readonly (Buffer | number)[]

/** From GA to one dialect. All sessions share it: it says what a fresh `dialectFor` says of each event of the shape. */
export class Spellings {
  readonly #dialect: DialectName
  readonly #known = new WeakMap<FrameShape, Spelling | false>()

  constructor(dialect: DialectName) {
    this.#dialect = dialect
  }

  /** `spans`: where the slots of the frame stand, as pairs of begin and end. Undefined: its event must be translated. */
  spell(shape: FrameShape, frame: Frame, spans: Int32Array): Frame | undefined {
    let spelling = this.#known.get(shape)
    if (spelling === undefined) {
      spelling = spellingOf(shape, this.#dialect) ?? false
      this.#known.set(shape, spelling)
    }
    return spelling === false ? undefined : spelled(spelling, frame, spans)
  }
}

function spelled(spelling: Spelling, frame: Frame, spans: Int32Array): Frame {
  let length = 0
  for (const piece of spelling) length += typeof piece === 'number' ? (spans[piece * 2 + 1] as number) - (spans[piece * 2] as number) : piece.length
  const out = Buffer.allocUnsafe(length)
  let at = 0
  for (const piece of spelling) {
    if (typeof piece === 'number') {
      for (let from = spans[piece * 2] as number; from < (spans[piece * 2 + 1] as number); from++) out[at++] = frame[from] as number
    } else for (let from = 0; from < piece.length; from++) out[at++] = piece[from] as number
  }
  return out
}

/**
 * Found by translating an event with a mark in each slot. A translation moves the values of slots and never looks at them, so each mark must stand
 * in the text exactly once. If one does not, or there are several texts or none, the dialect does more than that.
 */
function spellingOf({ event, isNumber }: FrameShape, dialect: DialectName): Spelling | undefined {
  const texts = dialectFor(dialect)
    .fromGa(marked(event) as RealtimeEvent)
    .map((one) => JSON.stringify(one))
  const [text] = texts
  if (text === undefined || texts.length > 1) return undefined
  const places = isNumber.map((counts, slot) => ({
    slot,
    at: text.indexOf(mark(slot, counts)),
    length: mark(slot, counts).length,
    isOnce: text.split(mark(slot, counts)).length === 2,
  }))
  if (!places.every(({ isOnce }) => isOnce)) return undefined
  const pieces: (Buffer | number)[] = []
  let from = 0
  for (const { slot, at, length } of places.sort((a, b) => a.at - b.at)) {
    pieces.push(Buffer.from(text.slice(from, at)), slot)
    from = at + length
  }
  return [...pieces, Buffer.from(text.slice(from))]
}

/** Of one length, so that none is in another. */
function mark(slot: number, isNumber: boolean): string {
  return isNumber ? String(730_190_000 + slot) : `~slot-${String(1000 + slot)}~`
}

function marked(part: Part): Json {
  switch (part.type) {
    case 'constant':
      return part.value
    case 'text':
      return mark(part.slot, false)
    case 'number':
      return Number(mark(part.slot, true))
    case 'object':
      return Object.fromEntries(part.keys.map((key, i) => [key, marked(part.parts[i] as Part)])) as JsonObject
    case 'array':
      return part.parts.map(marked)
  }
}
