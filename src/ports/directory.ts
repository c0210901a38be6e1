// The live sessions of all instances of a relay: what operators see and end. Types only.
import type { CallMode } from '../core/policy/enforcement.js'
import type { DialectName } from '../core/protocol/dialect.js'

/** What a session has been through on the upstream's side. */
export interface UpstreamHistory {
  /** Connections, the present one included. */
  readonly legs: number
  readonly losses: number
  /** Losses after which it went on. */
  readonly restores: number
  readonly rollovers: number
}

/** A live session as operators see it: no secret, no prompt, nothing that was said. */
export interface SessionRecord {
  readonly id: string
  readonly subject: string
  readonly tenant: string | undefined
  readonly profile: string
  readonly dialect: DialectName
  /** Of a WebRTC call its mode. */
  readonly call?: CallMode | undefined
  /** Name under which limits are recorded. */
  readonly deployment: string
  /** The relay process it lives in. */
  readonly instance: string
  /** Epoch milliseconds when its first upstream was reached. */
  readonly since: number
  /** Absent: an older relay runs it, and does not say. */
  readonly history?: UpstreamHistory | undefined
}

export type EndTarget = { readonly sessionId: string } | { readonly subject: string }

export interface EndOutcome {
  /** Sessions that ended on the instances that answered. */
  readonly ended: number
  /** Live instances, this one included. */
  readonly asked: number
  /** Instances that ended theirs and said so within a second. */
  readonly answered: number
  /** Every instance answered. */
  readonly everywhere: boolean
}

export interface SessionPage {
  /** By instance, then oldest first. */
  readonly sessions: readonly SessionRecord[]
  /** Where the next page begins; undefined after the last. */
  readonly next: string | undefined
}

/** The live sessions of all instances that share a store. */
export interface SessionDirectory {
  /** The name of this instance. */
  readonly instance?: string
  /**
   * Lists a session of this instance until the returned function is called. Neither blocks nor throws.
   * If the instance dies, its sessions disappear when its leases expire.
   */
  register(session: Omit<SessionRecord, 'instance'>): () => void
  /** At most `limit` sessions after `cursor`. Rejects with a `RangeError` if the cursor is malformed, and otherwise if the store is unreachable. */
  page(limit: number, cursor?: string): Promise<SessionPage>
  /** Ends sessions on every instance, within about a second. Never rejects. */
  end(target: EndTarget): Promise<EndOutcome>
  /** Sets how this instance ends its own sessions. The callback returns how many it ended. A later callback replaces it. */
  onEnd(callback: (target: EndTarget) => number): void
}
