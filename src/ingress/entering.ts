// The steps by which a caller comes in, whatever way it takes: who it is, a place for its session, its profile and tools. Each may refuse.
import type { Config } from '../config/config.js'
import type { SessionProfile } from '../core/policy/profile.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { Authenticator, Identity } from '../ports/caller.js'
import type { MovedSession, ResumeClaims } from '../ports/resume.js'
import type { Lease, Store } from '../ports/store.js'
import type { ToolSet } from '../ports/tools.js'
import { addressGroup } from './address.js'
import type { Deadline } from './deadline.js'

export interface EnteringDeps {
  readonly config: Pick<Config, 'allowedOrigins' | 'limits'>
  readonly authenticator: Pick<Authenticator, 'authenticate'>
  readonly store: Pick<Store, 'rates' | 'leases' | 'revocations'>
  /** Throws or rejects with `forbidden` if the token does not allow the requested model or profile. */
  readonly profileFor: (identity: Identity, requestedModel: string | undefined) => SessionProfile | Promise<SessionProfile>
  readonly toolsFor: (profile: SessionProfile) => ToolSet | Promise<ToolSet>
  /** Concurrent sessions of this caller, if a profile overrides `MAX_SESSIONS_PER_USER`. */
  readonly sessionsAllowed?: (identity: Identity) => number
  /** Absent: nobody comes back. */
  readonly resume?: ResumeClaims | undefined
  readonly draining: () => boolean
  /** True while the process is short of memory and must refuse new sessions. Absent: never. */
  readonly overloaded?: () => boolean
  /** True while a session would have to be audited and cannot be. Absent: never. */
  readonly unaudited?: () => boolean
  /** Open sessions of this process. */
  readonly sessionCount: () => number
}

export interface Caller {
  /** In its normal form. */
  readonly address: string
  readonly ownOrigins: () => readonly string[]
}

/** Counts one caller against the session limits of this process and of its subject. Both calls may be repeated. */
export interface Place {
  /** The session is open, so `sessionCount` includes it from now on. */
  opened(): void
  /** Frees the place in the process and the subject's lease. */
  release(): void
}

/** Callers being admitted now. Counting them keeps a crowd from exceeding `MAX_SESSIONS`. */
export interface OpeningCount {
  value: number
}

/** Retry hints in seconds, for refusals that the store does not time. */
const RETRY = { draining: 1, unaudited: 5, overloaded: 5, tooManySessions: 5 }

/** `needsRoom`: false for a client that comes back to what it has. */
export function checkOpen(deps: EnteringDeps, needsRoom: boolean): void {
  if (deps.draining()) throw new RefusalError('draining', 'draining', RETRY.draining)
  if (needsRoom && deps.unaudited?.()) throw new RefusalError('audit_unavailable', 'audit', RETRY.unaudited)
  if (needsRoom && deps.overloaded?.()) throw new RefusalError('overloaded', 'memory', RETRY.overloaded)
}

/** Takes one connection of the caller's address and one of its subject. `authenticate` rejects with a `RefusalError`. */
export async function identify(deps: EnteringDeps, deadline: Deadline, caller: Pick<Caller, 'address'>, authenticate: () => Promise<Identity>): Promise<Identity> {
  const { config, store } = deps
  await takeConnect(`connect:address:${encodeURIComponent(addressGroup(caller.address))}`)
  const identity = await deadline.within(authenticate())
  if (await deadline.within(store.revocations.isRevoked(identity))) throw new RefusalError('unauthenticated', 'revoked')
  await takeConnect(`connect:subject:${encodeURIComponent(identity.subject)}`)
  return identity

  async function takeConnect(key: string): Promise<void> {
    const perSecond = config.limits.connectsPerSecond
    const taken = await deadline.within(store.rates.take(key, 1, { perSecond, burst: Math.max(2, Math.ceil(2 * perSecond)) }))
    if (!taken.ok) throw new RefusalError('rate_limited', 'connect_rate', Math.max(1, Math.ceil(taken.retryAfterMs / 1000)))
  }
}

export function checkRoom(deps: EnteringDeps, others: number): void {
  if (deps.sessionCount() + others >= deps.config.limits.maxSessions) throw new RefusalError('too_many_sessions', 'process_full', RETRY.tooManySessions)
}

/** `moved`: the place that it had elsewhere may be counted still. */
export async function takePlace(
  deps: EnteringDeps,
  deadline: Deadline,
  opening: OpeningCount,
  { identity, sessionId, moved }: { readonly identity: Identity; readonly sessionId: string; readonly moved?: MovedSession | undefined },
): Promise<Place> {
  opening.value++
  try {
    checkRoom(deps, opening.value - 1)
    const max = (deps.sessionsAllowed?.(identity) ?? deps.config.limits.maxSessionsPerUser) + (moved ? 1 : 0)
    const takeLease = () => deadline.within(deps.store.leases.lease(identity.subject, sessionId, max), (late) => late?.release())
    // Whoever is here goes before one who may come back.
    const lease = (await takeLease()) ?? (deps.resume?.endOldestAway(identity.subject) ? await takeLease() : undefined)
    if (!lease) throw new RefusalError('too_many_sessions', 'subject_full', RETRY.tooManySessions)
    return placeOf(lease, opening, moved)
  } catch (error) {
    opening.value--
    moved?.putBack()
    throw error
  }
}

/** What the caller gets. The checks before may have taken seconds, so two of them are made again; the relay looks at revocations once more when it opens the session. */
export async function equip(deps: EnteringDeps, deadline: Deadline, identity: Identity, requestedModel: string | undefined): Promise<{ profile: SessionProfile; tools: ToolSet }> {
  const profile = await deadline.within(deps.profileFor(identity, requestedModel))
  const tools = await deadline.within(deps.toolsFor(profile))
  if (deps.store.revocations.isKnown(identity)) throw new RefusalError('unauthenticated', 'revoked')
  checkOpen(deps, false)
  return { profile, tools }
}

function placeOf(lease: Lease, opening: OpeningCount, moved: MovedSession | undefined): Place {
  let counted = true
  let leased = true
  const opened = (): void => {
    if (counted) opening.value--
    counted = false
  }
  return {
    opened,
    release() {
      opened()
      moved?.putBack()
      if (leased) lease.release()
      leased = false
    },
  }
}
