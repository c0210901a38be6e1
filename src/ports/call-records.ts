// Which WebRTC calls run and which instance has each of them, so that none goes on without a relay; and the tickets that open one. Types only.
import type { PlacedCall } from './calls.js'

export interface CallRecord {
  /** The relay's own id of the call. */
  readonly id: string
  readonly placed: PlacedCall
  /** A digest of the caller. */
  readonly caller: string
  /** Epoch milliseconds when it was placed. */
  readonly since: number
  /** What another instance needs to take the call over, sealed, in base64. Empty: it can only hang up. */
  readonly sealed: string
}

/** An instance keeps its calls by saying so every few seconds. */
export interface CallRecords {
  /** Whether other instances can take calls over. */
  readonly shared: boolean
  /** Once it resolves, the call does not go on for long without this instance. Rejects if nothing is sure. */
  add(record: CallRecord): Promise<void>
  /** Says that this instance still has its calls. Resolves to those that another one has by now. Rejects if the store is unreachable. */
  renew(): Promise<readonly string[]>
  /** Whether the call is this instance's to end: no other has it, and it was not let go. Rejects if the store is unreachable. */
  holds(id: string): Promise<boolean>
  /** The call has no owner from now on, and whoever looks next takes it. Rejects if the store is unreachable. */
  release(id: string): Promise<void>
  /** The call is over. Rejects if the store is unreachable. */
  remove(id: string): Promise<void>
  /** Takes this call if it has no owner. Rejects if the store is unreachable. */
  take(id: string): Promise<CallRecord | undefined>
  /** Asks the call's owner to let it go. False: nobody hears that. Rejects if the store is unreachable. */
  ask(id: string): Promise<boolean>
  /** Another instance wants this one's call. A later callback replaces it. */
  onAsked(callback: (id: string) => void): void
  /** Takes at most so many calls that have no owner. Rejects if the store is unreachable. */
  adopt(most: number): Promise<readonly CallRecord[]>
  /** Any instance's call. Rejects if the store is unreachable. */
  find(id: string): Promise<CallRecord | undefined>
}

/** Small sealed parcels that are taken once, under a name that says nothing. */
export interface CallTickets {
  /** If the store is unreachable, this instance alone has it. */
  keep(name: string, sealed: Buffer, ttlMs: number): Promise<void>
  take(name: string): Promise<Buffer | undefined>
  /** Whether nobody has taken it, and its time is not over. Rejects if the store is unreachable. */
  has(name: string): Promise<boolean>
}

/** What happens once, over all instances. */
export interface Once {
  /** True: nobody asked for this name in so many milliseconds. If the store is unreachable, this instance decides alone, by all that it was ever asked for. */
  isFirst(name: string, ttlMs: number): Promise<boolean>
}
