// What is known of one session whose client may come back, and what its return needs of the session.
import type { Input } from '../../core/session/inputs.js'
import type { SessionState } from '../../core/session/state.js'
import type { Heard } from '../../core/session/voice.js'
import type { KeptSession } from '../../ports/keeper.js'
import type { NewSession } from '../../ports/session.js'
import type { Saying } from '../loss-inputs.js'
import type { ResumableLink } from './resumable-link.js'
import { callerDigest, type Proof } from './secrets.js'

/** Of a session, what its return needs. */
export interface ResumedSession extends Saying {
  readonly state: SessionState
  /** Frames of the client that were read and not handled. */
  readonly client: { readonly heldCount: number }
  readonly audio: Heard
  apply(input: Input): boolean
  /** The session's own time, in milliseconds. */
  clock(): number
}

export interface Entry {
  readonly id: string
  readonly opened: NewSession
  readonly link: ResumableLink
  session: ResumedSession | undefined
  /** Of the secrets that open it: the last one given out, and the one before until the last has surely arrived. */
  proofs: readonly Proof[]
  awaySince: number | undefined
  resumes: number
  /** Raised whenever another instance takes the session. */
  readonly epoch: number
  /** How it came here, until its client has been greeted. */
  from: 'memory' | 'moved' | 'snapshot'
}

export function keptOf({ id, epoch, opened, proofs }: Entry): KeptSession {
  return { id, epoch, subject: callerDigest(opened.identity, opened.dialect), proofs: proofs.map(({ digest }) => digest.toString('hex')) }
}
