// Decides whether an upgrade request becomes a session: every check, in order, in one function.
import { randomUUID } from 'node:crypto'
import type { Config } from '../config/config.js'
import type { SessionProfile } from '../core/policy/profile.js'
import type { DialectName } from '../core/protocol/dialect.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { Authenticator, Identity } from '../ports/caller.js'
import type { MovedSession, ResumeClaim, ResumeClaims, ResumeRequest } from '../ports/resume.js'
import type { Lease, Store } from '../ports/store.js'
import type { ToolSet } from '../ports/tools.js'
import { addressGroup } from './address.js'
import type { Deadline } from './deadline.js'
import { chooseDialect } from './dialect-choice.js'
import { checkIntent, type Handshake } from './handshake.js'
import { checkOrigin } from './origin.js'
import { chooseSubprotocol } from './subprotocol.js'

export interface AdmissionDeps {
  readonly config: Pick<Config, 'allowedOrigins' | 'clientDialect' | 'limits'>
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
  /** Open sessions of this process. */
  readonly sessionCount: () => number
}

export interface Caller {
  /** In its normal form. */
  readonly address: string
  readonly ownOrigins: () => readonly string[]
}

export interface Admitted {
  readonly sessionId: string
  readonly identity: Identity
  readonly profile: SessionProfile
  readonly tools: ToolSet
  readonly dialect: DialectName
  readonly requestedModel: string | undefined
  readonly trace: string | undefined
  readonly place: Place
  /** It was on another instance before. */
  readonly continues: MovedSession | undefined
}

/** A client that comes back to its session, which has its place already. */
export interface Resumed {
  readonly resumed: ResumeClaim
  readonly dialect: DialectName
}

/** Counts one caller against the session limits of this process and of its subject. Both calls may be repeated. */
export interface Place {
  /** The session is open, so `sessionCount` includes it from now on. */
  opened(): void
  /** Frees the place in the process and the subject's lease. */
  release(): void
}

/** Retry hints in seconds, for refusals that the store does not time. */
const RETRY = { draining: 1, overloaded: 5, tooManySessions: 5 }

/** Callers being admitted now. Counting them keeps a crowd from exceeding `MAX_SESSIONS`. */
export interface OpeningCount {
  value: number
}

/** Resolves to what a session needs. Rejects with a `RefusalError` or the deadline's `ClientGone`; the place is then free again. */
export async function admit(handshake: Handshake, caller: Caller, opening: OpeningCount, deadline: Deadline, deps: AdmissionDeps): Promise<Admitted | Resumed> {
  const { config, store } = deps
  const { headers, query, offered, trace } = handshake
  if (deps.draining()) throw new RefusalError('draining', 'draining', RETRY.draining)
  // A client that comes back takes no new room.
  if (!(handshake.resume && deps.resume) && deps.overloaded?.()) throw new RefusalError('overloaded', 'memory', RETRY.overloaded)
  checkOrigin(headers.origin, config.allowedOrigins, caller.ownOrigins)
  chooseSubprotocol(offered)
  checkIntent(query)
  const dialect = chooseDialect({ target: handshake.target, query, betaHeader: headers['openai-beta'], offered }, config.clientDialect)
  await takeConnect(`connect:address:${encodeURIComponent(addressGroup(caller.address))}`)
  const identity = await deadline.within(deps.authenticator.authenticate({ headers, query }))
  if (await deadline.within(store.revocations.isRevoked(identity))) throw new RefusalError('unauthenticated', 'revoked')
  await takeConnect(`connect:subject:${encodeURIComponent(identity.subject)}`)
  const known = handshake.resume && (await comeBack(handshake.resume, identity))
  if (known && 'attach' in known) return { resumed: known, dialect }
  const requestedModel = known ? known.requestedModel : handshake.requestedModel
  const sessionId = randomUUID()
  const place = await takePlace(identity, sessionId, known)
  try {
    const profile = await deadline.within(deps.profileFor(identity, requestedModel))
    const tools = await deadline.within(deps.toolsFor(profile))
    // The checks above may have taken seconds. The relay looks at revocations once more when it opens the session.
    if (store.revocations.isKnown(identity)) throw new RefusalError('unauthenticated', 'revoked')
    if (deps.draining()) throw new RefusalError('draining', 'draining', RETRY.draining)
    return { sessionId, identity, profile, tools, dialect, requestedModel, trace, place, continues: known }
  } catch (error) {
    place.release()
    throw error
  }

  /** Its session is here, or comes here. */
  async function comeBack(request: ResumeRequest, identity: Identity): Promise<ResumeClaim | MovedSession> {
    const { resume } = deps
    const here = await deadline.within(resume?.claim(request, identity, dialect))
    // Otherwise it stays where it is.
    if (!here && resume?.fetch) checkRoom()
    const found = here ?? (await deadline.within(resume?.fetch?.(request, identity, dialect), (late) => late && 'putBack' in late && late.putBack()))
    if (!found) throw new RefusalError('resume_unknown', 'no_such_session')
    return found
  }

  async function takeConnect(key: string): Promise<void> {
    const perSecond = config.limits.connectsPerSecond
    const taken = await deadline.within(store.rates.take(key, 1, { perSecond, burst: Math.max(2, Math.ceil(2 * perSecond)) }))
    if (!taken.ok) throw new RefusalError('rate_limited', 'connect_rate', Math.max(1, Math.ceil(taken.retryAfterMs / 1000)))
  }

  function checkRoom(others = opening.value): void {
    if (deps.sessionCount() + others >= config.limits.maxSessions) throw new RefusalError('too_many_sessions', 'process_full', RETRY.tooManySessions)
  }

  /** `moved`: the place that it had elsewhere may be counted still. */
  async function takePlace(identity: Identity, id: string, moved: MovedSession | undefined): Promise<Place> {
    opening.value++
    try {
      checkRoom(opening.value - 1)
      const max = (deps.sessionsAllowed?.(identity) ?? config.limits.maxSessionsPerUser) + (moved ? 1 : 0)
      const takeLease = () => deadline.within(store.leases.lease(identity.subject, id, max), (late) => late?.release())
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
