// Counts what goes wrong, by cause, and what goes on, in slots of ten seconds: what an operator asks first.
import type { LiveCause, LiveCounts } from '../ports/live.js'
import type { Note, Recorder } from '../ports/notes.js'
import { createBoundedLabel } from './labels.js'

export interface CountedLive {
  readonly recorder: Recorder
  /** A dial of an upstream, and how it ended. */
  dialled(upstream: string, outcome: string): void
  /** Of an upstream, since the start. */
  dialsOf(upstream: string): Readonly<Record<string, number>>
  counts(): LiveCounts
}

export const SLOT_MS = 10_000
/** A quarter of an hour. */
const SLOTS = 90
/** Five minutes. */
const RECENT = 30
/** More than there are codes; beyond, a new one counts as `other`. */
const MOST_CAUSES = 200

/** Of calls: nothing went wrong. */
const ORDINARY_ENDS: ReadonlySet<string> = new Set(['client_left', 'session_over', 'idle', 'draining'])

type Series = 'opened' | 'closed' | 'answers' | 'problems'

/** `now`: epoch milliseconds. */
export function createLiveCounts(now: () => number): CountedLive {
  const series: Readonly<Record<Series, Ring>> = { opened: createRing(SLOTS), closed: createRing(SLOTS), answers: createRing(SLOTS), problems: createRing(SLOTS) }
  const causes = new Map<string, { readonly kind: string; readonly cause: string; readonly ring: Ring; total: number }>()
  const answers = new Map<string, Ring>()
  const dials = new Map<string, Map<string, number>>()
  const plain = createBoundedLabel()
  const slot = () => Math.floor(now() / SLOT_MS)

  function add(kind: string, given: string): void {
    const cause = plain(given)
    const name = causes.size < MOST_CAUSES || causes.has(`${kind} ${cause}`) ? cause : 'other'
    const key = `${kind} ${name}`
    const counted = causes.get(key) ?? { kind, cause: name, ring: createRing(RECENT), total: 0 }
    causes.set(key, counted)
    counted.total++
    counted.ring.add(slot())
    series.problems.add(slot())
  }

  function answered(status: string): void {
    const ring = answers.get(status) ?? createRing(RECENT)
    answers.set(status, ring)
    ring.add(slot())
    series.answers.add(slot())
  }

  function count(note: Note): void {
    switch (note.type) {
      case 'session_opened':
        return series.opened.add(slot())
      case 'session_closed':
        series.closed.add(slot())
        return ORDINARY_ENDS.has(note.code) ? undefined : add('call ended', note.code)
      case 'upgrade_refused':
        return add('caller refused', note.code)
      case 'connection_dropped':
        return add('connection dropped', note.why)
      case 'upstream_error':
        return add('upstream error', note.code)
      case 'upstream_lost':
        return add('upstream lost', note.cause)
      case 'restore_failed':
        return add('not restored', note.cause)
      case 'quota_refused':
        return add('quota refused', note.rule)
      case 'event_refused':
        return add('event refused', note.code)
      case 'client_not_back':
        return add('client lost', 'not_back')
      case 'tool_finished':
        // The model made an unknown name up.
        return note.outcome === 'ok' ? undefined : add('tool failed', note.outcome === 'unknown_tool' ? 'unknown_tool' : `${note.tool}:${note.outcome}`)
      case 'response_done':
        answered(note.status)
        return note.status === 'completed' || note.status === 'cancelled' ? undefined : add('answer failed', note.status)
      default:
        return undefined
    }
  }

  return {
    recorder: { note: count },
    dialled(upstream, outcome) {
      const of = dials.get(upstream) ?? new Map<string, number>()
      dials.set(upstream, of)
      of.set(outcome, (of.get(outcome) ?? 0) + 1)
      if (outcome === 'failed' || outcome === 'rate_limited') add('dial failed', `${upstream}:${outcome}`)
    },
    dialsOf: (upstream) => Object.fromEntries(dials.get(upstream) ?? []),
    counts() {
      const at = slot()
      const found = [...causes.values()].map(({ kind, cause, ring, total }): LiveCause => ({ kind, cause, recent: ring.sum(at), total }))
      return {
        slots: { slot: at, opened: series.opened.list(at), closed: series.closed.list(at), answers: series.answers.list(at), problems: series.problems.list(at) },
        causes: found,
        answers: Object.fromEntries([...answers].map(([status, ring]) => [status, ring.sum(at)])),
      }
    },
  }
}

interface Ring {
  add(slot: number): void
  sum(slot: number): number
  /** Oldest first; the last is `slot`. */
  list(slot: number): number[]
}

/** Counts by slot, of the last `size` slots. */
function createRing(size: number): Ring {
  const counts = new Array<number>(size).fill(0)
  let last = 0

  /** Slots that passed without a count are empty. A clock that was set back changes nothing. */
  function moveTo(slot: number): void {
    for (let next = Math.max(last + 1, slot - size + 1); next <= slot; next++) counts[next % size] = 0
    last = Math.max(last, slot)
  }

  return {
    add(slot) {
      moveTo(slot)
      counts[slot % size] = (counts[slot % size] ?? 0) + 1
    },
    sum(slot) {
      moveTo(slot)
      return counts.reduce((sum, count) => sum + count, 0)
    },
    list(slot) {
      moveTo(slot)
      return counts.map((_, index) => counts[(slot + 1 + index) % size] ?? 0)
    },
  }
}
