// Keeps what passed in each session, both ways, for whoever looks on from outside: bounded, with long texts cut.
import type { Json, RealtimeEvent } from '../core/protocol/events.js'
import { isObject } from '../core/protocol/events.js'

export type Side = 'client' | 'server'

export interface Passed {
  /** Counts from 1 in each session. */
  readonly n: number
  readonly from: Side
  /** Milliseconds since the session began. */
  readonly ms: number
  readonly event: RealtimeEvent
}

export interface SessionSummary {
  readonly id: string
  readonly target: string
  readonly dialect: string
  readonly deployment: string
  readonly open: boolean
  readonly closeCode: number | null
  readonly events: number
}

export interface Journal {
  open(id: string, about: { target: string; dialect: string; deployment: string }): { passed(from: Side, event: RealtimeEvent): void; ended(closeCode: number): void }
  /** Oldest first. */
  sessions(): readonly SessionSummary[]
  /** After number `after`; undefined for a session that is not known. */
  events(id: string, after: number): readonly Passed[] | undefined
  /** Forgets the sessions that ended. */
  forgetEnded(): void
  /** Tells every event as it passes; returns how to stop. */
  watch(look: (sessionId: string, passed: Passed) => void): () => void
}

const MAX_SESSIONS = 64
const MAX_EVENTS = 2000
/** Longer texts, such as audio, are cut: their length is what matters to a reader. */
const MAX_TEXT = 2000

interface Kept {
  summary: { -readonly [K in keyof SessionSummary]: SessionSummary[K] }
  readonly began: number
  readonly events: Passed[]
}

export function createJournal(): Journal {
  const kept = new Map<string, Kept>()
  const watchers = new Set<(sessionId: string, passed: Passed) => void>()
  return {
    open(id, { target, dialect, deployment }) {
      const session: Kept = { summary: { id, target: withoutKey(target), dialect, deployment, open: true, closeCode: null, events: 0 }, began: performance.now(), events: [] }
      kept.set(id, session)
      const oldest = kept.keys().next().value
      if (kept.size > MAX_SESSIONS && oldest !== undefined) kept.delete(oldest)
      return {
        passed(from, event) {
          const one: Passed = { n: ++session.summary.events, from, ms: Math.round(performance.now() - session.began), event: cut(event) as RealtimeEvent }
          session.events.push(one)
          if (session.events.length > MAX_EVENTS) session.events.shift()
          for (const look of watchers) look(id, one)
        },
        ended(closeCode) {
          session.summary.open = false
          session.summary.closeCode = closeCode
        },
      }
    },
    sessions: () => [...kept.values()].map(({ summary }) => ({ ...summary })),
    events: (id, after) => kept.get(id)?.events.filter((one) => one.n > after),
    forgetEnded() {
      for (const [id, { summary }] of kept) if (!summary.open) kept.delete(id)
    },
    watch(look) {
      watchers.add(look)
      return () => watchers.delete(look)
    },
  }
}

function cut(value: Json): Json {
  if (typeof value === 'string') return value.length > MAX_TEXT ? `${value.slice(0, 64)}… (${value.length} characters)` : value
  if (Array.isArray(value)) return value.map(cut)
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cut(inner)])) : value
}

/** A key may stand in the query. */
function withoutKey(target: string): string {
  return target.replace(/([?&](?:api-key|authorization|access_token)=)[^&]*/gi, '$1…')
}
