// Finds the shape of a frame: what all events alike to it say, and where those texts and numbers stand that differ from one to the next.
import { type Frame, isObject, type Json, type JsonObject } from './events.js'
import { type Around, bytesAround } from './repeated-frame.js'

/** How the event of a shape is put together. What is constant is frozen, and shared by all its events. */
export type Part =
  | { readonly type: 'constant'; readonly value: Json }
  | { readonly type: 'text'; readonly slot: number }
  | { readonly type: 'number'; readonly slot: number }
  | { readonly type: 'object'; readonly keys: readonly string[]; readonly parts: readonly Part[] }
  | { readonly type: 'array'; readonly parts: readonly Part[] }

/** The bytes are those around the slots, each of which is a text between its quotes, or a number. */
export interface FrameShape extends Around {
  readonly isNumber: readonly boolean[]
  readonly event: Part
}

/**
 * Texts and numbers that must be the same for a frame to have the same shape: the few that say what an event is about. All others may be somebody's
 * words, which no process keeps beyond a session, and stand in slots.
 */
const CONSTANT: ReadonlySet<string> = new Set([
  ...['type', 'object', 'role', 'status', 'reason', 'phase', 'output_modalities', 'modalities', 'voice', 'format', 'output_audio_format', 'rate'],
])
const LONGEST_CONSTANT_TEXT = 64
/** Have names, or bytes, of somebody's own: no shape is made of a frame with any of these. */
const OWN: ReadonlySet<string> = new Set(['metadata', 'logprobs'])

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
  const found = partAt(search, 0, '', 0)
  const { spans, isNumber } = search
  if (!found || isNumber.length > MOST_SLOTS) return undefined
  const { bytes, ends } = bytesAround(frame, spans)
  return bytes.length > MOST_CONSTANT ? undefined : { bytes, ends, isNumber, event: found.part }
}

interface FoundPart {
  readonly part: Part
  readonly end: number
}

/** The value of `key` that begins at or behind `from`. */
function partAt(search: Search, from: number, key: string, depth: number): FoundPart | undefined {
  const { text } = search
  const at = afterSpace(text, from)
  switch (text[at]) {
    case '{':
      return depth < MOST_DEPTH && !OWN.has(key) ? objectAt(search, at, depth + 1) : undefined
    case '[':
      return depth < MOST_DEPTH && !OWN.has(key) ? arrayAt(search, at, key, depth + 1) : undefined
    case '"': {
      const end = textEnd(text, at + 1)
      if (!CONSTANT.has(key)) return { part: { type: 'text', slot: slotAt(search, at + 1, end, false) }, end: end + 1 }
      return end - at > LONGEST_CONSTANT_TEXT ? undefined : { part: constant(asName(jsonAt(search, at, end + 1) as string)), end: end + 1 }
    }
    default: {
      const end = literalEnd(text, at)
      const value = jsonAt(search, at, end)
      if (typeof value !== 'number' || CONSTANT.has(key)) return { part: constant(value), end }
      return { part: { type: 'number', slot: slotAt(search, at, end, true) }, end }
    }
  }
}

function objectAt(search: Search, from: number, depth: number): FoundPart | undefined {
  const { text } = search
  const keys: string[] = []
  const parts: Part[] = []
  let at = afterSpace(text, from + 1)
  while (text[at] !== '}') {
    const keyAt = afterSpace(text, text[at] === ',' ? at + 1 : at)
    const keyEnd = textEnd(text, keyAt + 1)
    const key = jsonAt(search, keyAt, keyEnd + 1) as string
    const found = partAt(search, afterSpace(text, keyEnd + 1) + 1, key, depth)
    if (!found) return undefined
    keys.push(key)
    parts.push(found.part)
    at = afterSpace(text, found.end)
  }
  const values = constantsOf(parts)
  return { part: values ? constant(Object.fromEntries(keys.map((key, i) => [key, values[i] as Json]))) : { type: 'object', keys, parts }, end: at + 1 }
}

function arrayAt(search: Search, from: number, key: string, depth: number): FoundPart | undefined {
  const { text } = search
  const parts: Part[] = []
  let at = afterSpace(text, from + 1)
  while (text[at] !== ']') {
    const found = partAt(search, text[at] === ',' ? at + 1 : at, key, depth)
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

/** V8 keeps names of fields once, and sees by their address whether two are the same: types and statuses are compared all the time. */
function asName(text: string): string {
  return Object.keys({ [text]: null })[0] as string
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
const AFTER_LITERAL: ReadonlySet<string | undefined> = new Set([...SPACE, ',', ']', '}'])

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
