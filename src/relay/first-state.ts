// A session's state as core first sees it.
import { withBuiltIns } from '../core/session/manners/built-in.js'
import { openingState, type SessionState } from '../core/session/state.js'
import type { NewSession } from '../ports/session.js'
import type { SessionDeps } from './deps.js'

/** `now`: on the session's clock, which need not be the wall clock. */
export function firstState({ profile: chosen, requestedModel, identity, continues, call, phone }: NewSession, deps: SessionDeps, now: number): SessionState {
  const profile = withBuiltIns(chosen, phone !== undefined)
  if (continues) return continues.state(profile, identity, now)
  const { subject, issuer, expiresAtMs: exp } = identity
  const expiresAt = now + exp - deps.now()
  return openingState({
    profile,
    relayIdPrefix: `relay_${deps.randomId()}_`,
    requestedModel,
    now,
    caller: { subject, issuer },
    expiresAt,
    exp,
    ...(call && { call: { mode: call.mode, secret: deps.randomId(), adopted: call.adopted === true } }),
  })
}
