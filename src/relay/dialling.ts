// Starts what a session rests on: its state as core first sees it, and the dial of an upstream leg.
import { RefusalError } from '../core/protocol/errors.js'
import type { Action } from '../core/session/actions.js'
import { openingState, type SessionState } from '../core/session/state.js'
import type { NewSession } from '../ports/session.js'
import type { UpstreamConnection } from '../ports/upstream.js'
import type { SessionDeps } from './deps.js'
import type { Leg } from './leg.js'
import type { Effects } from './perform.js'

/** `now`: on the session's clock, which need not be the wall clock. */
export function firstState({ profile, requestedModel, identity, continues }: NewSession, deps: SessionDeps, now: number): SessionState {
  if (continues) return continues.state(profile, identity, now)
  const { subject, issuer, expiresAtMs: exp } = identity
  const expiresAt = now + exp - deps.now()
  return openingState({ profile, relayIdPrefix: `relay_${deps.randomId()}_`, requestedModel, now, caller: { subject, issuer }, expiresAt, exp })
}

/** The dial of the next upstream leg, one at a time, and the leg it gave until core switches to it. */
export class NextLeg {
  /** Until the upstream is reached: an idle session keeps no signal. */
  #dialling: AbortController | undefined
  #leg: Leg | undefined

  /** A dial that fails is an input of core. `legOf`: listens to what was reached. */
  dial(session: Effects, { leg: number, reason }: Extract<Action, { type: 'dial' }>, legOf: (connection: UpstreamConnection) => Leg): void {
    this.close()
    const dialling = new AbortController()
    this.#dialling = dialling
    const { sessionId: correlationId, trace } = session.opened
    const { zones } = session.opened.profile
    const avoid = reason === 'lost' || reason === 'again' ? session.deployment || undefined : undefined
    if (reason === 'lost') session.deps.provider.lost?.(session.deployment)
    const connected = (connection: UpstreamConnection) => {
      // Given up meanwhile.
      if (dialling.signal.aborted) return connection.link.close(1000, '')
      this.#dialling = undefined
      const leg = legOf(connection)
      this.#leg = leg
      session.apply({ type: 'upstream.opened', leg: number, privateWords: (connection.privateWords ?? []).concat(connection.deployment) })
      leg.reader.resume('held')
    }
    session.deps.provider.dial({ correlationId, trace, zones, avoid, signal: dialling.signal }).then(connected, (error: unknown) => {
      const { code, why, retryAfterSeconds } = error instanceof RefusalError ? error : new RefusalError('internal', 'dial_failed')
      session.apply({ type: 'upstream.failed', leg: number, code, why, retryAfterSeconds })
    })
  }

  get leg(): Leg | undefined {
    return this.#leg
  }

  take(): Leg | undefined {
    const leg = this.#leg
    this.#leg = undefined
    return leg
  }

  close(): void {
    this.#dialling?.abort()
    this.take()?.link.close(1000, '')
  }
}
