// Reports a session to operators while it lives, and to log and metrics when its client's part ends.
import { enforcementOf } from '../core/policy/enforcement.js'
import type { Ending } from '../core/session/actions.js'
import type { SessionNote } from '../core/session/notes.js'
import type { SessionState } from '../core/session/state.js'
import type { UpstreamHistory } from '../ports/directory.js'
import type { NewSession } from '../ports/session.js'
import type { SessionDeps } from './deps.js'
import { tenantOf } from './ledger.js'
import type { Leg } from './leg.js'
import type { Meters } from './meters.js'
import type { TurnClock } from './turn-clock.js'

/** Before any of its sound. Whether it is recorded is the session's own: one that moved here brings what its client said. */
export function recordBegin({ dialect, profile, call, recorder }: NewSession, { recording, openedAt }: Pick<SessionState, 'recording' | 'openedAt'>, now: number): void {
  if (recording !== 'off') recorder.record?.({ type: 'state', state: recording, atMs: Math.max(0, Math.round(now - openedAt)) })
  recorder.note({ type: 'session_opened', dialect, profile: profile.name, enforcement: enforcementOf(call?.mode), ...(call && { call: call.mode }) })
}

interface ReportedSession {
  readonly opened: NewSession
  readonly deps: SessionDeps
  readonly meters: Meters
  readonly deployment: string
}

interface EndingSession extends ReportedSession {
  readonly client: Pick<Leg, 'refuse' | 'sentMessages' | 'sentBytes'>
  readonly listing: Listing
  readonly lane: { readonly turns: Pick<TurnClock, 'close'> }
}

/** The client's part of the session is over: says why, and frees its place for another session. */
export function endClient({ opened, meters, lane, client, listing }: EndingSession, { code, why, retryAfterSeconds }: Ending, durationMs: number): void {
  if (code !== 'client_left') client.refuse(code, retryAfterSeconds)
  listing.end()
  lane.turns.close(code)
  const { recorder } = opened
  const { upMessages, upBytes, laneHits, laneMisses } = meters
  const { sentMessages: downMessages, sentBytes: downBytes } = client
  recorder.note({ type: 'lane', side: 'client', hits: laneHits, misses: laneMisses })
  recorder.note({ type: 'session_closed', code, why, durationMs, upMessages, downMessages, upBytes, downBytes })
  // A call outlives its relay: another has it from here on.
  opened.call?.onOver({ code, handsOver: code === 'draining' })
  opened.onEnd()
}

/** Shows the session to operators from its first upstream to its end. */
export class Listing {
  #unregister: (() => void) | undefined
  /** Epoch milliseconds when the first upstream was reached. */
  since: number | undefined
  history: UpstreamHistory = { legs: 0, losses: 0, restores: 0, rollovers: 0 }

  /** The session speaks to another leg. */
  reached(session: ReportedSession): void {
    this.since ??= session.deps.now()
    this.#count(session, 'legs')
  }

  noted(session: ReportedSession, note: SessionNote): void {
    if (note.type === 'upstream_lost') this.#count(session, 'losses')
    else if (note.type === 'restored' && note.cause !== 'moved') this.#count(session, note.cause === 'rollover' || note.cause === 'forced' ? 'rollovers' : 'restores')
  }

  end(): void {
    this.#unregister?.()
    this.#unregister = undefined
  }

  #count({ opened, deployment, deps }: ReportedSession, what: keyof UpstreamHistory): void {
    this.history = { ...this.history, [what]: this.history[what] + 1 }
    this.end()
    const { sessionId: id, identity, profile, dialect, call } = opened
    const tenant = tenantOf(identity, deps.ledger?.tenantClaim)
    const since = this.since ?? deps.now()
    const record = { id, subject: identity.subject, tenant, profile: profile.name, dialect, deployment, since, history: this.history, ...(call && { call: call.mode }) }
    this.#unregister = deps.directory?.register(record)
  }
}
