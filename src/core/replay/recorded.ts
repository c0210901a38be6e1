// Reads a recorded session: one event a line, when it came and from whom. What cannot be read is named by its line, and never quoted.
import { isObject, type JsonObject, type RealtimeEvent } from '../protocol/events.js'
import { scanJson } from '../protocol/json-scan.js'

export interface RecordedEvent {
  /** Of the file, from 1. */
  readonly line: number
  /** Milliseconds, on a clock that starts anywhere. Never before that of the line above. */
  readonly at: number
  readonly from: 'client' | 'server'
  /** As it was spelled on the wire. */
  readonly event: RealtimeEvent
}

export type Recording = { readonly ok: true; readonly events: readonly RecordedEvent[] } | { readonly ok: false; readonly problem: string }

/** An hour of speech both ways is some hundred thousand events. */
const MAX_LINES = 500_000
/** Ten days: more between two lines is a wrong clock, and would be an endless wait. */
const MAX_MS = 10 * 86_400_000

/** A little above what an upstream's event may have. */
const LINE_LIMITS = { maxDepth: 100, maxNodes: 250_000 }

/** A line without `at` comes when the one above it does. */
export function parseRecording(text: string): Recording {
  const lines = text.split('\n')
  if (lines.length > MAX_LINES) return { ok: false, problem: `has more than ${MAX_LINES} lines` }
  const events: RecordedEvent[] = []
  let first: number | undefined
  let last = 0
  for (const [index, content] of lines.entries()) {
    if (content.trim() === '') continue
    const read = parseLine(content)
    if (typeof read === 'string') return { ok: false, problem: `line ${index + 1}: ${read}` }
    const at = read.at ?? last
    first ??= at
    if (at < last && events.length > 0) return { ok: false, problem: `line ${index + 1}: 'at' is before that of the line above` }
    if (at - first > MAX_MS) return { ok: false, problem: `line ${index + 1}: 'at' is more than ten days after the first` }
    last = at
    events.push({ line: index + 1, at, from: read.from, event: read.event })
  }
  return events.length > 0 ? { ok: true, events } : { ok: false, problem: 'has no event' }
}

function parseLine(content: string): (Omit<RecordedEvent, 'line' | 'at'> & { readonly at: number | undefined }) | string {
  const line = objectInLine(content)
  if (typeof line === 'string') return line
  const { at, from, event } = line
  if (from !== 'client' && from !== 'server') return "'from' must be client or server"
  if (at !== undefined && !(typeof at === 'number' && Number.isFinite(at) && at >= 0)) return "'at' must be milliseconds of 0 or more"
  if (!isObject(event) || typeof event.type !== 'string') return "'event' must be an object with a 'type'"
  return { at, from, event: event as RealtimeEvent }
}

/** Or what is wrong with it. */
export function objectInLine(content: string): JsonObject | string {
  if (scanJson(Buffer.from(content), LINE_LIMITS)) return 'is nested too deeply, has too many values, or a key twice'
  const line = jsonOf(content)
  return isObject(line) ? line : 'is no JSON object'
}

function jsonOf(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    return undefined
  }
}
