// The picture of all relays that operators watch: what `GET /v1/admin/live` sends once a second. Types only; no words of calls, no user's name.
import type { BreakerState } from '../core/upstreams/breaker.js'
import type { LiveCause, LivePart, TurnState } from './live.js'

/** `broken`: callers feel it. `strained`: they may soon. `note`: worth to know. */
export interface Trouble {
  readonly level: 'broken' | 'strained' | 'note'
  readonly about: 'store' | 'relay' | 'check' | 'upstream' | 'limit' | 'calls' | 'errors'
  /** Which relay, part of it, upstream, limit or kind of error; empty: it concerns all. */
  readonly name: string
  readonly says: string
}

/** Of the sessions shown, each with its last spoken answer, from the answer's beginning on. */
export interface FirstAudioShown {
  readonly count: number
  readonly p50Ms: number
  readonly p95Ms: number
}

export interface LimitShown {
  readonly name: string
  readonly remaining: number | null
  readonly limit: number | null
  /** ISO time. */
  readonly resetAt: string | null
  readonly source: string
  readonly ageSeconds: number
  /** What was left, oldest first: epoch milliseconds and the amount. */
  readonly history: readonly (readonly [number, number])[]
}

export interface UpstreamShown {
  readonly name: string
  readonly deployment: string
  /** How many relays see its breaker so. */
  readonly breakers: Readonly<Record<BreakerState, number>>
  /** ISO time from which every relay may dial it; null: now. */
  readonly freeFrom: string | null
  /** Of the last dials, the slowest relay's. */
  readonly latencyMs: number | null
  /** Dials of all relays since their start, by outcome. */
  readonly dials: Readonly<Record<string, number>>
  /** Sessions that speak to it now. */
  readonly sessions: number
  readonly firstAudio: FirstAudioShown | null
  /** Null: the store does not answer. */
  readonly limits: readonly LimitShown[] | null
}

export interface RelayShown {
  readonly relay: string
  /** `silent`: it lives, as far as is known, and says nothing. */
  readonly status: LivePart['status'] | 'silent'
  readonly version: string | null
  readonly sessions: number
  readonly mostSessions: number
  readonly checks: LivePart['checks']
}

export interface SessionShown {
  readonly id: string
  /** A pseudonym, the same for every session of one user. */
  readonly user: string
  readonly profile: string
  readonly dialect: string
  /** Its configured name; empty until it is reached. */
  readonly upstream: string
  readonly relay: string
  readonly ageSeconds: number
  readonly turn: TurnState
  readonly turnSeconds: number
  readonly legs: number
  readonly losses: number
  readonly responses: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly money: number | null
  readonly backlogBytes: number
  readonly heldMessages: number
  readonly firstAudioMs: number | null
}

export interface Picture {
  /** ISO time. */
  readonly at: string
  /** Every relay was asked. False: the store does not answer, and this is one relay alone. */
  readonly shared: boolean
  /** The worst first. */
  readonly troubles: readonly Trouble[]
  readonly calls: {
    readonly now: number
    readonly most: number
    /** What the calls do now. */
    readonly turns: Readonly<Partial<Record<TurnState, number>>>
    /** In the last five minutes. */
    readonly opened: number
    readonly closed: number
  }
  /** Responses done in the last five minutes, by status. */
  readonly answers: Readonly<Record<string, number>>
  readonly firstAudio: FirstAudioShown | null
  /** By the calls that live now. */
  readonly spent: { readonly inputTokens: number; readonly outputTokens: number; readonly money: number | null; readonly currency: string | null }
  /** The last quarter of an hour in slots, oldest first; the last one is not over. */
  readonly slots: {
    readonly seconds: number
    /** ISO time. */
    readonly from: string
    /** At the end of each. */
    readonly calls: readonly number[]
    readonly opened: readonly number[]
    readonly answers: readonly number[]
    readonly problems: readonly number[]
  }
  readonly relays: readonly RelayShown[]
  /** In the order of the configuration. */
  readonly upstreams: readonly UpstreamShown[]
  /** What went wrong, most often first. */
  readonly errors: readonly LiveCause[]
  /** Those that wait for longest first, then the oldest; at most a thousand. */
  readonly sessions: readonly SessionShown[]
}
