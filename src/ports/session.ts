// What ingress hands to the relay once everything before the 101 has been decided.
import type { SessionProfile } from '../core/policy/profile.js'
import type { DialectName } from '../core/protocol/dialect.js'
import type { Identity } from './caller.js'
import type { SessionCall } from './calls.js'
import type { GuardSet } from './guards.js'
import type { Link } from './link.js'
import type { Recorder } from './notes.js'
import type { SessionPhone } from './phone.js'
import type { MovedSession } from './resume.js'
import type { ToolSet } from './tools.js'

/** What ingress hands to the relay once everything before the 101 has been decided. */
export interface NewSession {
  readonly client: Link
  readonly dialect: DialectName
  readonly sessionId: string
  readonly identity: Identity
  readonly profile: SessionProfile
  readonly tools: ToolSet
  /** Those that the profile names. */
  readonly guards?: GuardSet | undefined
  /** Model name the client asked for; echoed to it, never sent upstream. */
  readonly requestedModel: string | undefined
  /** When its upgrade was asked for, in epoch milliseconds. */
  readonly arrivedAt?: number
  /** The client's `traceparent` (W3C Trace Context). */
  readonly trace?: string | undefined
  /** It was on another instance before. */
  readonly continues?: MovedSession | undefined
  /** Its media do not pass here. Absent: everything of the session does. */
  readonly call?: SessionCall | undefined
  /** Its caller is on the telephone. */
  readonly phone?: SessionPhone | undefined
  readonly recorder: Recorder
  readonly onEnd: () => void
}

/** Throws a `RefusalError` if the caller may not come in any more; the session then does not exist and `onEnd` is not called. */
export type OpenSession = (session: NewSession) => void
