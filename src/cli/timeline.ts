// Makes a timeline of one session from log lines: fixed words and numbers only, so that no content comes through whatever a line holds.
import { amount, milliseconds } from './turn-words.js'

export interface TimelineEntry {
  /** Epoch milliseconds. */
  readonly at: number
  readonly text: string
  /** Of the log line. */
  readonly level: string
}

type Fields = Readonly<Record<string, unknown>>

/** A log line is far shorter; a longer one is none of the relay's. */
const LONGEST_LINE = 65_536

/** Undefined: no line of this session, or one that says nothing of it. A prefix before the JSON, as collectors of logs write one, is skipped. */
export function entryOf(line: string, sessionId: string): TimelineEntry | undefined {
  if (line.length > LONGEST_LINE || !line.includes(sessionId)) return undefined
  const fields = objectIn(line)
  if (fields?.sessionId !== sessionId) return undefined
  const at = typeof fields.time === 'string' ? Date.parse(fields.time) : Number(fields.time)
  const name = typeof fields.msg === 'string' ? fields.msg : ''
  const words = Object.hasOwn(WORDS, name) ? WORDS[name]?.(fields) : /^[A-Za-z0-9 _-]{1,60}$/.test(name) ? name.replaceAll('_', ' ') : undefined
  return words === undefined || !Number.isFinite(at) ? undefined : { at, text: words, level: word(fields.level) }
}

function objectIn(line: string): Fields | undefined {
  const start = line.indexOf('{')
  if (start < 0) return undefined
  try {
    const value: unknown = JSON.parse(line.slice(start))
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined
  } catch {
    return undefined
  }
}

/** What each line of the log says, by its `msg`; undefined: nothing that belongs here. */
const WORDS: Readonly<Record<string, (fields: Fields) => string | undefined>> = {
  'upgrade admitted': (f) => `let in: ${word(f.dialect)}, profile ${word(f.profile)}`,
  'pooled upstream connection taken': () => 'took an upstream connection that was open already',
  session_opened: () => 'session begun',
  configured: (f) => `upstream ready after ${ms(f.durationMs)}`,
  response_started: (f) => `answer begins (${word(f.responseId)})`,
  first_audio: (f) => `first audio ${ms(f.afterMs)} after the answer's beginning`,
  response_done: (f) => `answer ${word(f.status)} (${word(f.responseId)})`,
  tool_started: (f) => `tool ${word(f.tool)} begins`,
  tool_finished: (f) => `tool ${word(f.tool)}: ${word(f.outcome)} after ${ms(f.durationMs)}${f.cut === true ? ', its output cut' : ''}`,
  event_refused: (f) => `refused the client's ${word(f.type)}: ${word(f.code)}`,
  event_dropped: (f) => `dropped an event of the ${word(f.side)}: ${word(f.why)}`,
  upstream_error: (f) => `error of the upstream: ${word(f.code)}`,
  upstream_lost: (f) => `UPSTREAM LOST: ${word(f.cause)}, during ${word(f.during)}`,
  restored: (f) => `goes on with another upstream (${word(f.cause)}) after ${ms(f.durationMs)}, ${number(f.attempts)} dials, cut answer: ${word(f.cut)}`,
  restore_failed: (f) => `NOT RESTORED: ${word(f.why)} after ${number(f.attempts)} dials, ${ms(f.durationMs)}`,
  rollover_failed: (f) => `move to a fresh upstream failed: ${word(f.why)}`,
  item_not_replayed: () => 'the new upstream refused an item of the conversation',
  drifted: () => 'the model wrote although it should speak; asked again',
  guard_tripped: (f) => `guard ${word(f.guard)} found ${word(f.category)} (${word(f.side)}, ${word(f.mode)})`,
  guard_failed: (f) => `guard ${word(f.guard)} gave no answer: ${word(f.why)}`,
  quota_refused: (f) => `quota refused an answer: ${word(f.rule)}`,
  client_gone: () => "the client's socket is gone; waits for it",
  client_back: (f) => `the client is back after ${ms(f.awayMs)} (${word(f.from)}), ${f.recovered === true ? `${number(f.missed)} missed messages sent` : 'only items recovered'}`,
  client_not_back: () => 'the client did not come back',
  'client back': () => undefined,
  session_moved: (f) => `went on on another relay: ${word(f.why)}`,
  backpressure: (f) => `the ${word(f.side)} does not read fast enough`,
  lane: () => undefined,
  // May hold what was said; the tool's own lines say the rest.
  'tool payload': () => undefined,
  session_closed: (f) =>
    `SESSION CLOSED: ${word(f.code)} (${word(f.why)}) after ${ms(f.durationMs)}; ${number(f.upMessages)} messages up, ${number(f.downMessages)} down, ${number(f.upBytes)} and ${number(f.downBytes)} bytes`,
}

/** Codes and names are single words. Anything else is not shown. */
function word(value: unknown): string {
  return typeof value === 'string' && /^[A-Za-z0-9_.:-]{1,64}$/.test(value) ? value : '?'
}

function number(value: unknown): string {
  return typeof value === 'number' && Number.isFinite(value) ? amount(value) : '?'
}

function ms(value: unknown): string {
  return typeof value === 'number' && Number.isFinite(value) ? milliseconds(value) : '?'
}

/** With the time since the first one before each; warnings and errors are marked. */
export function timelineText(entries: readonly TimelineEntry[]): readonly string[] {
  const sorted = [...entries].sort((a, b) => a.at - b.at)
  const first = sorted[0]?.at ?? 0
  return sorted.map(({ at, text, level }) => {
    const since = `+${((at - first) / 1000).toFixed(3)}`.padStart(10)
    return `${new Date(at).toISOString()} ${since} ${level === 'warn' || level === 'error' || level === 'fatal' ? '!' : ' '} ${text}`
  })
}
