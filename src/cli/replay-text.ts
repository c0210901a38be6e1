// Puts one difference of a replay into lines: what was decided before and after, and which fields differ. Content only if it was asked for.
import type { Json } from '../core/protocol/events.js'
import type { Decision } from '../core/replay/decisions.js'
import type { Difference, FieldChange } from '../core/replay/differences.js'
import type { RecordedEvent } from '../core/replay/recorded.js'

const MOST_FIELDS = 12
/** Of one value, with `--content`. */
const MOST_CHARS = 300
/** A type that a recorded event claims for itself; anything else in its place is content. */
const TYPE = /^[a-z][a-z0-9_.]{0,79}$/

export function differenceLines({ line, before, after, changed }: Difference, recorded: RecordedEvent | undefined, startsAt: number, content: boolean): readonly string[] {
  const clock = (at: number) => `${((at - startsAt) / 1000).toFixed(3)} s`
  const head = recorded ? `${clock(recorded.at).padStart(12)}  line ${line}  ${recorded.from} ${typeOf(recorded.event.type)}` : `${clock(startsAt).padStart(12)}  opening`
  const said = (side: string, decisions: readonly Decision[]) =>
    decisions.length === 0 ? [`  ${side}  nothing`] : decisions.map((one) => `  ${side}  ${words(one, clock, content)}`)
  const sides = before.length === 0 && after.length === 0 ? [] : [...said('before', before), ...said('after ', after)]
  return [head, ...sides, ...changed.flatMap(({ what, fields }) => [`  both    ${shown(what)}, but not alike: ${paths(fields)}`, ...(content ? values(fields) : [])])]
}

/** Types of events are words of the protocol unless somebody made one up. */
function typeOf(type: string): string {
  return TYPE.test(type) ? type : 'of no known type'
}

function words({ what, at, cause, event }: Decision, clock: (at: number) => string, content: boolean): string {
  const when = cause === 'waiting' ? `at ${clock(at)}: ` : ''
  return `${when}${shown(what)}${content && event ? ` ${short(event)}` : ''}`
}

/** Control characters would write on the terminal. */
function shown(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, MOST_CHARS)
}

function paths(fields: readonly FieldChange[]): string {
  const names = fields.slice(0, MOST_FIELDS).map(({ path }) => shown(path === '' ? 'all of it' : path))
  return `${names.join(', ')}${fields.length > MOST_FIELDS ? ` and ${fields.length - MOST_FIELDS} more` : ''}`
}

function values(fields: readonly FieldChange[]): readonly string[] {
  return fields.slice(0, MOST_FIELDS).map(({ path, before, after }) => `            ${shown(path)}: ${short(before)} → ${short(after)}`)
}

function short(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? 'absent'
  return text.length > MOST_CHARS ? `${text.slice(0, MOST_CHARS)}…` : text
}
