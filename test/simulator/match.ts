// Measures how far a simulated session is like a recorded one: events that agree in type, order and every field, and those that do not.
import { isObject, type Json, type RealtimeEvent } from '../../src/core/protocol/events.js'
import { type Seen, seenIn, written } from './unequal.js'

export interface Match {
  /** Recorded events that the simulator sent too. */
  readonly matched: number
  /** These by the number of recorded events. 1: all. */
  readonly share: number
  /** `type` of recorded events without a counterpart. */
  readonly missing: readonly string[]
  /** `type` of simulated events without a counterpart. */
  readonly extra: readonly string[]
  /** For each missing event whose type the simulator sent at its place: the paths that differ. */
  readonly shapes: readonly string[]
}

/** Events that may come at any time beside the others, so each kind is compared in an order of its own. */
const ASIDE = /^conversation\.item\.input_audio_transcription\.|^rate_limits\.updated$/
const DELTA = /\.delta$/

interface Unit {
  readonly type: string
  /** One event, or a run of deltas of which only the kinds count. */
  readonly events: readonly { readonly type: string; readonly shape: string }[]
}

export function compare(recorded: readonly RealtimeEvent[], simulated: readonly RealtimeEvent[]): Match {
  const missing: string[] = []
  const extra: string[] = []
  const shapes: string[] = []
  let matched = 0
  for (const aside of [false, true]) {
    const lane = (events: readonly RealtimeEvent[]) => {
      const seen = seenIn(events)
      return units(
        events.filter((event) => ASIDE.test(event.type) === aside),
        seen,
      )
    }
    const left = lane(recorded)
    const right = lane(simulated)
    const pairs = align(left, right)
    for (const [index, unit] of left.entries()) {
      const partner = right[pairs.get(index) ?? -1]
      const known = new Set(partner?.events.map((event) => `${event.type} ${event.shape}`))
      for (const event of unit.events) {
        if (known.has(`${event.type} ${event.shape}`)) matched++
        else {
          missing.push(event.type)
          const near = right.flatMap((other) => other.events).find((other) => other.type === event.type)
          if (near) shapes.push(`${event.type}: ${difference(event.shape, near.shape)}`)
        }
      }
    }
    const used = new Set(pairs.values())
    extra.push(...right.filter((_, index) => !used.has(index)).map((unit) => unit.type))
  }
  return { matched, share: recorded.length === 0 ? 1 : matched / recorded.length, missing, extra, shapes: [...new Set(shapes)] }
}

/** Neighbouring deltas are one unit, since a model cuts its words as it likes. */
function units(events: readonly RealtimeEvent[], seen: Seen): readonly Unit[] {
  const found: { type: string; events: { type: string; shape: string }[] }[] = []
  for (const event of events) {
    const one = { type: event.type, shape: shapeOf(event, seen) }
    const last = found.at(-1)
    if (last && DELTA.test(event.type) && DELTA.test(last.type)) last.events.push(one)
    else found.push({ type: event.type, events: [one] })
  }
  return found
}

/** The longest common subsequence: index in `left` to index in `right`. */
function align(left: readonly Unit[], right: readonly Unit[]): ReadonlyMap<number, number> {
  const fits = (a: Unit, b: Unit) => a.events.some((one) => b.events.some((other) => one.type === other.type && one.shape === other.shape))
  const best = Array.from({ length: left.length + 1 }, () => new Array<number>(right.length + 1).fill(0))
  const at = (i: number, j: number) => best[i]?.[j] ?? 0
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      const row = best[i] as number[]
      row[j] = fits(left[i] as Unit, right[j] as Unit) ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const pairs = new Map<number, number>()
  for (let i = 0, j = 0; i < left.length && j < right.length; ) {
    if (fits(left[i] as Unit, right[j] as Unit) && at(i, j) === at(i + 1, j + 1) + 1) pairs.set(i++, j++)
    else if (at(i + 1, j) >= at(i, j + 1)) i++
    else j++
  }
  return pairs
}

/** Every path with its value, one a line. */
function shapeOf(event: RealtimeEvent, seen: Seen): string {
  const lines: string[] = []
  const collect = (value: Json | undefined, path: string): void => {
    if (Array.isArray(value) && value.length > 0) for (const [index, inner] of value.entries()) collect(inner, `${path}[${index}]`)
    else if (isObject(value) && Object.keys(value).length > 0) for (const [key, inner] of Object.entries(value)) collect(inner, path === '' ? key : `${path}.${key}`)
    else lines.push(`${path}=${written(event, path, value, seen)}`)
  }
  collect(event, '')
  return lines.sort().join('\n')
}

function difference(recorded: string, simulated: string): string {
  const [a, b] = [new Set(recorded.split('\n')), new Set(simulated.split('\n'))]
  const lines = [...[...a].filter((line) => !b.has(line)).map((line) => `-${line}`), ...[...b].filter((line) => !a.has(line)).map((line) => `+${line}`)]
  return lines.length > 0 ? lines.join(' ') : 'at another place'
}
