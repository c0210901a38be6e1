// Decides when core is told the time: when something is due, and before anything happens where its clock is behind.
import type { Input } from '../core/session/state.js'

/** How far core's clock may be behind when anything but the client's own events happens. */
const MAX_BEHIND_MS = 1000

/** A new state for each of thousands of idle sessions, second by second, would be garbage that V8 leaves for minutes. */
export class CoreClock {
  /** The time at which core has something to do by itself. */
  dueAt: number
  /** Messages of the client's that were counted when it was last found active. */
  #messages = 0
  #clientActiveAt: number
  #toldAt: number

  constructor(now: number, dueAt: number) {
    this.dueAt = dueAt
    this.#toldAt = now
    this.#clientActiveAt = now
  }

  /** At every tick of the process, with the number of messages the client has sent so far. True: core is to be told now. */
  tick(now: number, messages: number): boolean {
    if (messages !== this.#messages) this.#clientActiveAt = now
    this.#messages = messages
    return now >= this.dueAt
  }

  isBehind(now: number): boolean {
    return now - this.#toldAt >= MAX_BEHIND_MS
  }

  told(now: number, messages: number): Input {
    this.tick(now, messages)
    this.#toldAt = now
    return { is: 'tick', now, clientActiveAt: this.#clientActiveAt }
  }
}
