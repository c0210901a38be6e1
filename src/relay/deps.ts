// What the relay is built from.
import type { Authenticator } from '../ports/caller.js'
import type { SessionDirectory } from '../ports/directory.js'
import type { Store } from '../ports/store.js'
import type { UpstreamProvider } from '../ports/upstream.js'
import type { AudioSettings } from './audio-ring.js'
import type { ClientRates } from './client-rate.js'
import type { LedgerSettings } from './ledger.js'
import type { MoveSlots, RestoreQueue } from './restore-queue.js'
import type { ResumeDesk, ResumeSettings } from './resume/desk.js'

/** A client that sends more than its rates over time is not read on; bursts of five seconds' worth pass. */
export interface RelaySettings extends ClientRates {
  /** Bytes held for a side whose lane is closed, and the high mark of either outgoing buffer. */
  readonly bufferBytes: number
  /** Frames held for a side whose lane is closed. */
  readonly heldFrames: number
  /** A side whose backlog makes no progress for this long is closed. */
  readonly slowClientMs: number
  /** Lost upstreams that are replaced a second, by all sessions. */
  readonly reconnectsPerSecond: number
  /** Bytes of a client's audio that are kept for the next upstream; all sessions have 64 times as much together. */
  readonly audioRingBytes: number
  /** Absent: a client that is gone does not come back. */
  readonly resume?: ResumeSettings
}

/** What sessions are built from. */
export interface SessionDeps extends RelayDeps {
  readonly resume: ResumeDesk | undefined
  readonly audio: AudioSettings
  readonly restores: RestoreQueue
  readonly moves: MoveSlots
}

export interface RelayDeps {
  readonly provider: UpstreamProvider
  readonly store: Pick<Store, 'limits' | 'usage' | 'quota' | 'revocations'>
  /** Where operators see live sessions. Absent: they see none. */
  readonly directory?: SessionDirectory
  /** For a new token within a session. */
  readonly authenticator: Pick<Authenticator, 'verify'>
  readonly settings: RelaySettings
  readonly ledger?: LedgerSettings
  /** Epoch milliseconds. */
  readonly now: () => number
  /** What sessions live by: near `now` and never set, so that a wall clock that jumps ends none of them. Absent: `now`. */
  readonly steady?: () => number
  /** Ten characters of [a-z0-9], unguessable. */
  readonly randomId: () => string
}
