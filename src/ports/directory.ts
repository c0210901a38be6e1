// The part of the ports that is about the live sessions of all relays: what operators see and end. Types only.
import type { DialectName } from '../core/protocol/dialect.js'

/** A live session as operators see it: no secret, no prompt, nothing that was said. */
export interface SessionRecord {
  readonly id: string
  readonly subject: string
  readonly tenant: string | undefined
  readonly profile: string
  readonly dialect: DialectName
  /** Name under which limits are recorded. */
  readonly deployment: string
  /** Which process it lives in. */
  readonly relay: string
  /** Epoch milliseconds when its upstream was reached. */
  readonly since: number
}

export type EndTarget = { readonly sessionId: string } | { readonly subject: string }

export interface EndOutcome {
  /** Sessions that ended, of those that answered. */
  readonly ended: number
  /** Relays known to live, this one included, and how many of them said within a second that they have done it. */
  readonly asked: number
  readonly answered: number
  /** Every relay has done it. */
  readonly everywhere: boolean
}

export interface SessionPage {
  /** By relay, then oldest first. */
  readonly sessions: readonly SessionRecord[]
  /** Where the next page begins; undefined after the last. */
  readonly next: string | undefined
}

/** The live sessions of all relays that share a store. */
export interface SessionDirectory {
  /** Shows a session of this process until the function it returns is called. Neither blocks nor throws; what a dead relay showed goes with its leases. */
  show(session: Omit<SessionRecord, 'relay'>): () => void
  /** At most `limit` sessions after `cursor`. Rejects with a `RangeError` where the cursor is none of ours, and otherwise when the store cannot be asked. */
  page(limit: number, cursor?: string): Promise<SessionPage>
  /** Ends sessions on every relay, within a second or so. Never rejects. */
  end(target: EndTarget): Promise<EndOutcome>
  /** How this process ends its own; returns how many. The last one set counts. */
  onEnd(callback: (target: EndTarget) => number): void
}
