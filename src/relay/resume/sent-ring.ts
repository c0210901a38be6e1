// The last messages to one client, numbered, so that those that it missed can be sent again byte for byte. Bounded in bytes.
import type { Frame } from '../../core/protocol/events.js'

/** What all rings of a process hold together, in bytes. */
export interface RingBudget {
  readonly mostBytes: number
  used: number
}

export class SentRing {
  readonly #mostBytes: number
  readonly #budget: RingBudget
  #messages: (Buffer | string)[] = []
  #bytes = 0
  /** The number of the first message kept. The first of all has the number 0. */
  #first = 0

  /** `first`: the number of the first message that will be kept. */
  constructor(mostBytes: number, budget: RingBudget, first = 0) {
    this.#mostBytes = mostBytes
    this.#first = first
    this.#budget = budget
  }

  /** Messages sent so far. */
  get sent(): number {
    return this.#first + this.#messages.length
  }

  push(data: Frame | string): void {
    // A frame is a view of the read that it came in, which would stay in memory with it.
    this.#messages.push(typeof data === 'string' ? data : Buffer.from(data))
    this.#grow(data.length)
    let dropped = 0
    while (dropped < this.#messages.length && (this.#bytes > this.#mostBytes || this.#budget.used > this.#budget.mostBytes)) {
      this.#grow(-(this.#messages[dropped] as Buffer | string).length)
      dropped++
    }
    this.#dropFirst(dropped)
  }

  /** The client has this many messages: they are forgotten. */
  acknowledge(received: number): void {
    const count = Math.min(received, this.sent) - this.#first
    if (count <= 0) return
    for (const message of this.#messages.slice(0, count)) this.#grow(-message.length)
    this.#dropFirst(count)
  }

  /** The messages after the first `received`. Undefined: some of them are not kept any more, or were never sent. */
  after(received: number): readonly (Buffer | string)[] | undefined {
    if (received < this.#first || received > this.sent) return undefined
    return this.#messages.slice(received - this.#first)
  }

  /** The number of the first of the last messages that have at most so many bytes together. */
  firstWithin(bytes: number): number {
    let [left, number] = [bytes, this.sent]
    for (const message of this.#messages.toReversed()) {
      left -= message.length
      if (left < 0) break
      number--
    }
    return number
  }

  /** Nothing is kept any more. */
  clear(): void {
    this.#grow(-this.#bytes)
    this.#dropFirst(this.#messages.length)
  }

  #dropFirst(count: number): void {
    if (count === 0) return
    this.#messages = this.#messages.slice(count)
    this.#first += count
  }

  #grow(bytes: number): void {
    this.#bytes += bytes
    this.#budget.used += bytes
  }
}
