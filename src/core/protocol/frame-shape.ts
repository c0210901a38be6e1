// Finds the shape of a frame: what all events alike to it say, and where those texts and numbers stand that differ from one to the next.
import { type Frame, isObject, type Json, type JsonObject } from './events.js'

/** How the event of a shape is put together. What is constant is frozen, and shared by all its events. */
export type Part =
  | { readonly type: 'constant'; readonly value: Json }
  | { readonly type: 'text'; readonly slot: number }
  | { readonly type: 'number'; readonly slot: number }
  | { readonly type: 'object'; readonly keys: readonly string[]; readonly parts: readonly Part[] }
  | { readonly type: 'array'; readonly parts: readonly Part[] }

export interface FrameShape {
  /** The bytes around the slots, each of which is a text between its quotes, or a number: one more than there are slots. */
  readonly constants: readonly Buffer[]
  readonly isNumber: readonly boolean[]
  readonly event: Part
}

/** Any other value must be the same for a frame to have the same shape. */
const TEXTS: ReadonlySet<string> = new Set([
  ...['event_id', 'id', 'item_id', 'response_id', 'previous_item_id', 'call_id', 'conversation_id'],
  ...['transcript', 'text', 'arguments', 'output', 'delta', 'obfuscation'],
])
const NUMBERS = /(?:_tokens|_ms|_index|seconds|remaining|limit)$/
/** Holds texts of the client's own, under names of its own. */
const FREE = 'metadata'

export const MOST_SLOTS = 64
const MOST_DEPTH = 16
/** Bytes that a process keeps of one shape. */
const MOST_CONSTANT = 2 * 1024

interface Search {
  readonly frame: Frame
  /** With a character for each byte, so that places in one are places in the other. */
  readonly text: string
  readonly spans: number[]
  readonly isNumber: boolean[]
}

/** Of a frame that was read as one event within the limits of its side. Undefined: it has too much in it to be kept. */
export function shapeOf(frame: Frame): FrameShape | undefined {
  const search: Search = { frame, text: frame.toString('latin1'), spans: [], isNumber: [] }
  const found = partAt(search, 0, '', false, 0)
  const { spans, isNumber } = search
  if (!found || isNumber.length > MOST_SLOTS) return undefined
  const constants: Buffer[] = []
  let from = 0
  for (let i = 0; i <= spans.length; i += 2) {
    // The frame may be a view of a large read, which must not live on.
    constants.push(Buffer.from(frame.subarray(from, spans[i])))
    from = spans[i + 1] ?? frame.length
  }
  const size = constants.reduce((sum, { length }) => sum + length, 0)
  return size > MOST_CONSTANT ? undefined : { constants, isNumber, event: found.part }
}

interface FoundPart {
  readonly part: Part
  readonly end: number
}

/** The value that begins at or behind `from`. `isFree`: inside what the client names and fills. */
function partAt(search: Search, from: number, key: string, isFree: boolean, depth: number): FoundPart | undefined {
  const { text } = search
  const at = afterSpace(text, from)
  switch (text[at]) {
    case '{':
      return depth < MOST_DEPTH ? objectAt(search, at, isFree || key === FREE, depth + 1) : undefined
    case '[':
      return depth < MOST_DEPTH ? arrayAt(search, at, key, isFree, depth + 1) : undefined
    case '"': {
      const end = textEnd(text, at + 1)
      if (isFree || TEXTS.has(key)) return { part: { type: 'text', slot: slotAt(search, at + 1, end, false) }, end: end + 1 }
      return { part: constant(jsonAt(search, at, end + 1)), end: end + 1 }
    }
    default: {
      const end = literalEnd(text, at)
      const isCounted = NUMBERS.test(key) && /^[0-9.]+$/.test(text.slice(at, end))
      return { part: isCounted ? { type: 'number', slot: slotAt(search, at, end, true) } : constant(jsonAt(search, at, end)), end }
    }
  }
}

function objectAt(search: Search, from: number, isFree: boolean, depth: number): FoundPart | undefined {
  const { text } = search
  const keys: string[] = []
  const parts: Part[] = []
  let at = afterSpace(text, from + 1)
  while (text[at] !== '}') {
    const keyAt = afterSpace(text, text[at] === ',' ? at + 1 : at)
    const keyEnd = textEnd(text, keyAt + 1)
    const key = jsonAt(search, keyAt, keyEnd + 1) as string
    const found = partAt(search, afterSpace(text, keyEnd + 1) + 1, key, isFree, depth)
    // An assignment to this name makes no field of it.
    if (!found || key === '__proto__') return undefined
    keys.push(key)
    parts.push(found.part)
    at = afterSpace(text, found.end)
  }
  const values = constantsOf(parts)
  return { part: values ? constant(Object.fromEntries(keys.map((key, i) => [key, values[i] as Json]))) : { type: 'object', keys, parts }, end: at + 1 }
}

function arrayAt(search: Search, from: number, key: string, isFree: boolean, depth: number): FoundPart | undefined {
  const { text } = search
  const parts: Part[] = []
  let at = afterSpace(text, from + 1)
  while (text[at] !== ']') {
    const found = partAt(search, text[at] === ',' ? at + 1 : at, key, isFree, depth)
    if (!found) return undefined
    parts.push(found.part)
    at = afterSpace(text, found.end)
  }
  const values = constantsOf(parts)
  return { part: values ? constant(values) : { type: 'array', parts }, end: at + 1 }
}

function constantsOf(parts: readonly Part[]): Json[] | undefined {
  const values: Json[] = []
  for (const part of parts) {
    if (part.type !== 'constant') return undefined
    values.push(part.value)
  }
  return values
}

function constant(value: Json): Part {
  return { type: 'constant', value: isObject(value) || Array.isArray(value) ? (Object.freeze(value) as JsonObject | Json[]) : value }
}

function slotAt({ spans, isNumber }: Search, from: number, to: number, counts: boolean): number {
  spans.push(from, to)
  return isNumber.push(counts) - 1
}

function jsonAt({ frame }: Search, from: number, to: number): Json {
  return JSON.parse(frame.toString('utf8', from, to)) as Json
}

/** Where the text that begins at `from` has its closing quote. */
function textEnd(text: string, from: number): number {
  let at = from
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

const SPACE: ReadonlySet<string | undefined> = new Set([' ', '\n', '\r', '\t'])
const AFTER_LITERAL: ReadonlySet<string | undefined> = new Set([...SPACE, ',', ']', '}', undefined])

function afterSpace(text: string, from: number): number {
  let at = from
  while (SPACE.has(text[at])) at++
  return at
}

function literalEnd(text: string, from: number): number {
  let at = from
  while (!AFTER_LITERAL.has(text[at])) at++
  return at
}
