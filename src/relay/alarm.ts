// Wakes one session when something is due in core, or at every tick while it asks for that.
import type { Timed, Timetable } from './timetable.js'

/** A look at each of thousands of idle sessions, or a new state for them, second by second, would cost more than their idleness is worth. */
export class Alarm {
  readonly #timetable: Timetable
  readonly #place: number
  /** Core has nothing to do by itself before. */
  dueAt: number
  #everyTick = false
  #stopped = false

  constructor(timetable: Timetable, member: Timed, dueAt: number) {
    this.#timetable = timetable
    this.#place = timetable.add(member, dueAt)
    this.dueAt = dueAt
  }

  setDue(at: number): void {
    if (at === this.dueAt) return
    this.dueAt = at
    if (!this.#everyTick) this.#plan(at)
  }

  /** `on`: the session sees every tick. Otherwise it sees ticks only when core has something to do. */
  followTicks(on: boolean): void {
    this.#everyTick = on
    this.#plan(on ? 0 : this.dueAt)
  }

  /** Another session may have the place of one that has ended. */
  #plan(at: number): void {
    if (!this.#stopped) this.#timetable.set(this.#place, at)
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#timetable.remove(this.#place)
  }
}
