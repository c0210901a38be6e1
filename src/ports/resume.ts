// How a client comes back to its session: what it brings, and what it gets.
import type { SessionProfile } from '../core/policy/profile.js'
import type { DialectName } from '../core/protocol/dialect.js'
import type { SessionState } from '../core/session/state.js'
import type { Identity } from './caller.js'
import type { Link } from './link.js'

export interface ResumeRequest {
  readonly token: string
  /** Messages that the client has, counted from `relay.resume.ready` on. */
  readonly received: number
}

export interface ResumeClaim {
  readonly sessionId: string
  /** Gives the session this link, with what the client missed. False: the session has ended meanwhile. */
  attach(link: Link): boolean
}

/** A session that was on another instance, and goes on as a new one here. */
export interface MovedSession {
  /** What the client asked for first. */
  readonly requestedModel: string | undefined
  /** What its part elsewhere has booked. */
  readonly booked: Readonly<Record<string, number>>
  /** `traceparent` of its connection there, if it was traced. */
  readonly trace: string | undefined
  /** The state to go on from, on the session's new clock. */
  state(profile: SessionProfile, identity: Identity, now: number): SessionState
  /** The client did not make it. It may try again, here or elsewhere. May be called again, and after the session has gone on. */
  putBack(): void
}

export interface ResumeClaims {
  /** Undefined for every reason alike: an unknown or used token, another caller's, another dialect, a session that is over or not here. */
  claim(request: ResumeRequest, identity: Identity, dialect: DialectName): ResumeClaim | undefined | Promise<ResumeClaim | undefined>
  /** Brings it here, if another instance has it. It may have come here meanwhile. Absent: there is no other. Bounded in time, and never rejects. */
  fetch?(request: ResumeRequest, identity: Identity, dialect: DialectName): Promise<MovedSession | ResumeClaim | undefined>
  /** Ends the session of this user whose client has been away for longest. False: there is none. */
  endOldestAway(subject: string): boolean
}
