// Compares two runs of one recording: which events were decided otherwise, in words, and in which fields. Values only if they are asked for.
import { isObject, type Json, type JsonObject } from '../protocol/events.js'
import type { Decision } from './decisions.js'
import type { Decided } from './run.js'

export interface Difference {
  /** Of the recording; 0: the opening. */
  readonly line: number
  /** What one configuration decides and the other does not. */
  readonly before: readonly Decision[]
  readonly after: readonly Decision[]
  /** Decided by both, about an event with other fields. */
  readonly changed: readonly { readonly what: string; readonly fields: readonly FieldChange[] }[]
  /** The service would have been told something else than settings: what it says from here on is only that of the recording. */
  readonly toldOtherwise: boolean
  /** One session ends here, so that all that follows differs. */
  readonly endsOne: boolean
}

export interface FieldChange {
  readonly path: string
  readonly before: Json | undefined
  readonly after: Json | undefined
}

/** Whose keys are words of the client's or of an admin's schema. */
const CLOSED = new Set(['metadata', 'parameters', 'arguments'])
const MAX_DEPTH = 6

export function differences(before: readonly Decided[], after: readonly Decided[]): readonly Difference[] {
  return before.flatMap((one, index) => {
    const difference = compare(one, after[index]?.decisions ?? [])
    return difference ? [difference] : []
  })
}

/** Equal decisions go first, then those about an event of one kind with other fields. */
function compare({ line, decisions }: Decided, others: readonly Decision[]): Difference | undefined {
  const [one, other] = unmatched(decisions, others, keyOf)
  if (one.length === 0 && other.length === 0) return undefined
  const [before, after, pairs] = unmatched(one, other, wordsOf)
  const changed = pairs.map(([a, b]) => ({ what: a.what, fields: fieldChanges(a.event, b.event, '', 0) }))
  const told = [...before, ...after, ...pairs.flat()]
  return {
    line,
    before,
    after,
    changed,
    toldOtherwise: told.some(({ isTold, event }) => isTold && event?.type !== 'session.update'),
    endsOne: [...before, ...after].some(({ isEnd }) => isEnd),
  }
}

type Pairs = readonly (readonly [Decision, Decision])[]

function unmatched(one: readonly Decision[], other: readonly Decision[], key: (decision: Decision) => string): readonly [readonly Decision[], readonly Decision[], Pairs] {
  const rest = new Map<string, Decision[]>()
  for (const decision of other) rest.set(key(decision), [...(rest.get(key(decision)) ?? []), decision])
  const pairs: (readonly [Decision, Decision])[] = []
  const left = one.filter((decision) => {
    const twin = rest.get(key(decision))?.shift()
    if (twin) pairs.push([decision, twin])
    return !twin
  })
  const taken = new Set(pairs.map(([, twin]) => twin))
  return [left, other.filter((decision) => !taken.has(decision)), pairs]
}

function wordsOf({ what, cause, at }: Decision): string {
  return cause === 'waiting' ? `${at} ${what}` : what
}

/** Ids that we give out count on, so one event more would make all that follow differ. */
function keyOf(decision: Decision): string {
  return `${wordsOf(decision)} ${decision.event ? withoutOurIds(JSON.stringify(decision.event)) : ''}`
}

function withoutOurIds(text: string): string {
  return text.replace(/"(relay_replayed_|event_relay)[A-Za-z0-9_]*"/g, '"relay"')
}

function fieldChanges(before: Json | undefined, after: Json | undefined, path: string, depth: number): readonly FieldChange[] {
  const isSame = withoutOurIds(JSON.stringify(before) ?? '') === withoutOurIds(JSON.stringify(after) ?? '')
  if (isSame) return []
  const name = path.slice(path.lastIndexOf('.') + 1)
  if (!isObject(before) || !isObject(after) || CLOSED.has(name) || depth >= MAX_DEPTH) return [{ path, before, after }]
  return keysOf(before, after).flatMap((key) => fieldChanges(own(before, key), own(after, key), path === '' ? key : `${path}.${key}`, depth + 1))
}

function keysOf(before: JsonObject, after: JsonObject): readonly string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}
