// Reports a session to operators while it lives, and to log and metrics when its client's part ends.
import type { RefusalCode } from '../core/protocol/errors.js'
import type { SessionNote } from '../core/session/notes.js'
import type { UpstreamHistory } from '../ports/directory.js'
import type { NewSession } from '../ports/session.js'
import type { SessionDeps } from './deps.js'
import { tenantOf } from './ledger.js'
import type { Leg } from './leg.js'
import type { Meters } from './meters.js'
import type { TurnClock } from './turn-clock.js'

interface ReportedSession {
  readonly opened: NewSession
  readonly deps: SessionDeps
  readonly meters: Meters
  readonly deployment: string
}

/** `client`: what was sent to it. */
export function recordEnd(
  { opened, meters, lane }: ReportedSession & { readonly lane: { readonly turns: Pick<TurnClock, 'close'> } },
  client: Pick<Leg, 'sentMessages' | 'sentBytes'>,
  code: RefusalCode | 'client_left',
  why: string,
  durationMs: number,
): void {
  const { recorder } = opened
  lane.turns.close(code)
  const { upMessages, upBytes, laneHits, laneMisses } = meters
  const { sentMessages: downMessages, sentBytes: downBytes } = client
  recorder.note({ type: 'lane', side: 'client', hits: laneHits, misses: laneMisses })
  recorder.note({ type: 'session_closed', code, why, durationMs, upMessages, downMessages, upBytes, downBytes })
}

/** Shows the session to operators from its first upstream to its end. */
export class Listing {
  #unregister: (() => void) | undefined
  #since: number | undefined
  #history: UpstreamHistory = { legs: 0, losses: 0, restores: 0, rollovers: 0 }

  /** The session speaks to another leg. */
  reached(session: ReportedSession): void {
    this.#since ??= session.deps.now()
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
    this.#history = { ...this.#history, [what]: this.#history[what] + 1 }
    this.end()
    const { sessionId: id, identity, profile, dialect } = opened
    const tenant = tenantOf(identity, deps.ledger?.tenantClaim)
    const since = this.#since ?? deps.now()
    const record = { id, subject: identity.subject, tenant, profile: profile.name, dialect, deployment, since, history: this.#history }
    this.#unregister = deps.directory?.register(record)
  }
}
