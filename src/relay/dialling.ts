// Starts what a session rests on: its state as core first sees it, and the dial of an upstream leg.
import { RefusalError } from '../core/protocol/errors.js'
import { openingState, type SessionState } from '../core/session/state.js'
import type { NewSession } from '../ports/session.js'
import type { UpstreamConnection } from '../ports/upstream.js'
import type { SessionDeps } from './deps.js'
import type { Effects } from './perform.js'

/** `now`: on the session's clock, which need not be the wall clock. */
export function firstState({ profile, requestedModel, identity }: NewSession, deps: SessionDeps, now: number): SessionState {
  const { subject, issuer, expiresAtMs: exp } = identity
  const expiresAt = now + exp - deps.now()
  return openingState({ profile, relayIdPrefix: `relay_${deps.randomId()}_`, requestedModel, now, caller: { subject, issuer }, expiresAt, exp })
}

/** Aborting what it returns ends the dial. A dial that fails is an input of core. */
export function dialUpstream(session: Effects, leg: number, connected: (connection: UpstreamConnection) => void): AbortController {
  const dialling = new AbortController()
  const { sessionId: correlationId, trace } = session.opened
  const { zones } = session.opened.profile
  session.deps.provider.dial({ correlationId, trace, zones, avoid: session.deployment || undefined, signal: dialling.signal }).then(connected, (error: unknown) => {
    const { code, why, retryAfterSeconds } = error instanceof RefusalError ? error : new RefusalError('internal', 'dial_failed')
    session.apply({ type: 'upstream.failed', leg, code, why, retryAfterSeconds })
  })
  return dialling
}
