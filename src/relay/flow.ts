// Back-pressure between the two links of a session: a side that outruns the other is not read until half of the backlog is gone.
import type { Link } from '../ports/link.js'

/** Reasons for which a link is not read; it is read again when none is left. */
const REASONS = { held: 1, backlog: 2, rate: 4 } as const
export type PauseReason = keyof typeof REASONS

/** Whatever a link is not read for may be over at the next tick. */
export interface FollowsTicks {
  followTicks(on: true): void
}

// Classes, since every session has two of each: as objects with functions of their own they took 3 KB of an idle session's memory.

export class Reader {
  readonly #link: Link
  readonly #clock: FollowsTicks
  #reasons: number

  constructor(link: Link, first: PauseReason, clock: FollowsTicks) {
    this.#link = link
    this.#clock = clock
    this.#reasons = REASONS[first]
  }

  pause(reason: PauseReason): void {
    if (this.#reasons === 0) {
      this.#link.pause()
      this.#clock.followTicks(true)
    }
    this.#reasons |= REASONS[reason]
  }

  resume(reason: PauseReason): void {
    if (this.#reasons === 0) return
    this.#reasons &= ~REASONS[reason]
    if (this.#reasons === 0) this.#link.resume()
  }

  get paused(): boolean {
    return this.#reasons > 0
  }
}

/** Whoever sends on a link, and is fed by another. */
export interface Fed {
  readonly feeding: Reader | undefined
  /** Its buffer is full. */
  blocked(): void
}

/** Watches one outgoing link on behalf of the link that feeds it. */
export class Backlog {
  readonly #out: Link
  readonly #owner: Fed
  readonly #highBytes: number
  #blocked = false
  #lastBuffered = 0
  #lastProgress = 0

  constructor(out: Link, owner: Fed, highBytes: number) {
    this.#out = out
    this.#owner = owner
    this.#highBytes = highBytes
  }

  /** After a send that leaves more than the high mark unsent. */
  check(): void {
    if (this.#blocked) return
    this.#blocked = true
    this.#lastBuffered = Number.POSITIVE_INFINITY
    this.#out.onDrain(() => this.#relieve())
    this.#owner.feeding?.pause('backlog')
    this.#owner.blocked()
  }

  /** On drain and at every tick. Milliseconds without any progress while blocked; 0 when not blocked. */
  stalledMs(now: number): number {
    if (!this.#blocked) return 0
    this.#relieve()
    const buffered = this.#out.bufferedBytes
    if (!this.#blocked || buffered < this.#lastBuffered) {
      this.#lastBuffered = buffered
      this.#lastProgress = now
      return 0
    }
    return now - this.#lastProgress
  }

  #relieve(): void {
    if (!this.#blocked || this.#out.bufferedBytes > this.#highBytes / 2) return
    this.#blocked = false
    this.#out.onDrain(undefined)
    this.#owner.feeding?.resume('backlog')
  }
}
