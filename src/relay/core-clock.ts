// Decides when core is told the time: when something is due, and before anything happens where its clock is behind.
import type { Input } from '../core/session/state.js'
import type { Timed, Timetable } from './timetable.js'

/** How far core's clock may be behind when anything but the client's own events happens. */
const MAX_BEHIND_MS = 1000

/** A new state for each of thousands of idle sessions, second by second, would be garbage that V8 leaves for minutes. */
export class CoreClock {
  readonly #timetable: Timetable
  readonly #place: number
  #dueAt: number
  #toldAt: number
  #everyTick = false
  #stopped = false

  constructor(timetable: Timetable, member: Timed, now: number, dueAt: number) {
    this.#timetable = timetable
    this.#place = timetable.add(member, dueAt)
    this.#dueAt = dueAt
    this.#toldAt = now
  }

  /** Core has nothing to do by itself before. */
  setDue(at: number): void {
    this.#dueAt = at
    if (!this.#everyTick) this.#plan(at)
  }

  isDue(now: number): boolean {
    return now >= this.#dueAt
  }

  /** Whether the session is to see every tick, not only when core has something to do. */
  followTicks(on: boolean): void {
    this.#everyTick = on
    this.#plan(on ? 0 : this.#dueAt)
  }

  /** The place of a session that has ended may be another's by now. */
  #plan(at: number): void {
    if (!this.#stopped) this.#timetable.set(this.#place, at)
  }

  isBehind(now: number): boolean {
    return now - this.#toldAt >= MAX_BEHIND_MS
  }

  told(now: number, clientActiveAt: number): Input {
    this.#toldAt = now
    return { is: 'tick', now, clientActiveAt: Math.min(now, clientActiveAt) }
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#timetable.remove(this.#place)
  }
}
