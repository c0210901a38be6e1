// Reads what another process says of itself. A part that no relay of this version wrote counts as silence.
import type { LivePart } from '../ports/live.js'

type Check = (value: unknown) => boolean

/** A row takes about 350 bytes. */
const MOST_BYTES = 1_000_000

const number: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const text: Check = (value) => typeof value === 'string' && value.length <= 1024
const perhaps =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const listOf =
  (check: Check, most: number): Check =>
  (value) =>
    Array.isArray(value) && value.length <= most && value.every(check)
const numbersBy: Check = (value) => isObject(value) && Object.values(value).every(number)
const shape =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(fields).every(([name, check]) => check(value[name]))

const SESSION = shape({
  ...all(text, 'id', 'subject', 'profile', 'dialect', 'deployment', 'turn'),
  ...all(number, 'since', 'turnSince', 'legs', 'losses', 'responses', 'inputTokens', 'outputTokens', 'backlogBytes', 'heldMessages'),
  ...all(perhaps(number), 'money', 'firstAudioMs'),
})
const UPSTREAM = shape({ ...all(text, 'name', 'deployment', 'breaker'), freeFrom: number, latencyMs: perhaps(number), dials: numbersBy })
const COUNTS = shape({
  slots: shape({ slot: number, ...all(listOf(number, 1000), 'opened', 'closed', 'answers', 'problems') }),
  causes: listOf(shape({ ...all(text, 'kind', 'cause'), ...all(number, 'recent', 'total') }), 1000),
  answers: numbersBy,
})
const PART = shape({
  v: (value) => value === 1,
  ...all(text, 'version', 'status'),
  ...all(number, 'at', 'sessions', 'mostSessions', 'inputTokens', 'outputTokens'),
  money: perhaps(number),
  currency: perhaps(text),
  checks: listOf(shape(all(text, 'name', 'status', 'detail')), 100),
  turns: numbersBy,
  counts: COUNTS,
  upstreams: listOf(UPSTREAM, 1000),
  listed: listOf(SESSION, 1000),
})

export function readPart(json: string | null): LivePart | undefined {
  if (json === null || json.length > MOST_BYTES) return undefined
  try {
    const value: unknown = JSON.parse(json)
    return PART(value) ? (value as LivePart) : undefined
  } catch {
    return undefined
  }
}

function all(check: Check, ...names: readonly string[]): Record<string, Check> {
  return Object.fromEntries(names.map((name) => [name, check]))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
