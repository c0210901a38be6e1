// Decodes one frame into an event, or says why it cannot; encodes events. Every limit is checked before an object is built.
import type { Frame, Json, JsonObject, RealtimeEvent } from './events.js'
import { isObject } from './events.js'
import { type ScanProblem, scanJson } from './json-scan.js'

export interface DecodeLimits {
  readonly maxBytes: number
  readonly maxDepth: number
  /** Values of any kind, keys included. */
  readonly maxNodes: number
  /** Half characters stay as they are: the service cuts text anywhere, and the next delta brings the other half. Absent: they become U+FFFD. */
  readonly keepsHalves?: boolean
}

/** Limits for clients. Their deepest legitimate event nests 8 levels; only the server sends a session with a tool schema. */
export const CLIENT_LIMITS: DecodeLimits = { maxBytes: 16 * 1024 * 1024, maxDepth: 32, maxNodes: 20_000 }
/** Limits for the upstream. Its session events carry the operator's tool schemas. */
export const UPSTREAM_LIMITS: DecodeLimits = { maxBytes: 32 * 1024 * 1024, maxDepth: 96, maxNodes: 200_000, keepsHalves: true }

export type DecodeProblem = ScanProblem | 'too_big' | 'not_json' | 'not_an_object' | 'no_type'
export type Decoded = { readonly ok: true; readonly event: RealtimeEvent } | { readonly ok: false; readonly problem: DecodeProblem }

const PROBLEM_TEXT: Readonly<Record<DecodeProblem, string>> = {
  too_big: 'The event is too big.',
  not_json: 'The event is not valid JSON.',
  not_an_object: 'The event must be a JSON object.',
  no_type: "The 'type' field must be a string of 1 to 128 characters.",
  too_deep: 'The event is nested too deeply.',
  too_many_values: 'The event has too many values.',
  duplicate_key: 'The event has the same key twice in one object.',
  bad_number: 'The event has a number that is too long or out of range.',
}

export function problemText(problem: DecodeProblem): string {
  return PROBLEM_TEXT[problem]
}

/** Never throws. A client's strings come out well formed: a lone surrogate becomes U+FFFD, so the relay never sends one on. */
export function decodeEvent(frame: Frame, limits: DecodeLimits): Decoded {
  if (frame.length > limits.maxBytes) return { ok: false, problem: 'too_big' }
  const problem = scanJson(frame, limits)
  if (problem) return { ok: false, problem }
  const text = frame.toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, problem: 'not_json' }
  }
  if (!isObject(value)) return { ok: false, problem: 'not_an_object' }
  if (!Object.hasOwn(value, 'type') || typeof value.type !== 'string' || value.type.length === 0 || value.type.length > 128) return { ok: false, problem: 'no_type' }
  const event = (!limits.keepsHalves && SURROGATE_ESCAPE.test(text) ? wellFormed(value) : value) as RealtimeEvent
  return { ok: true, event }
}

/** Cannot overflow the stack: `decodeEvent` bounds the depth of a peer's events, and the relay's own are shallow. */
export function encodeEvent(event: RealtimeEvent): string {
  return JSON.stringify(event)
}

const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/
const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g

function wellFormed(value: Json): Json {
  if (typeof value === 'string') return value.replace(LONE_SURROGATE, '\uFFFD')
  if (Array.isArray(value)) return value.map(wellFormed)
  if (!isObject(value)) return value
  const entries = Object.entries(value).map(([key, inner]): [string, Json] => [key.replace(LONE_SURROGATE, '\uFFFD'), wellFormed(inner)])
  return Object.fromEntries(entries) as JsonObject
}
