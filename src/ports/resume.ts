// How a client comes back to its session: what it brings, and what it gets.
import type { DialectName } from '../core/protocol/dialect.js'
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

export interface ResumeClaims {
  /** Undefined for every reason alike: an unknown or used token, another caller's, another dialect, a session that is over. */
  claim(request: ResumeRequest, identity: Identity, dialect: DialectName): ResumeClaim | undefined
  /** Ends the session of this user whose client has been away for longest. False: there is none. */
  endOldestAway(subject: string): boolean
}
