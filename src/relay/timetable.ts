// When each session next has something to do: one timer's ticks for all, and an array to look it up in, so that an idle session costs a tick eight bytes.

/** How exact everything is that happens by itself. */
export const TICK_MS = 250

export interface Timed {
  tick(now: number): void
}

/** Looking at the sessions themselves costs a dozen cache lines each, four times a second: with a thousand of them, more than their idleness is worth. */
export class Timetable {
  readonly #startedAt: number
  #due = new Float64Array(64).fill(Number.POSITIVE_INFINITY)
  readonly #members: (Timed | undefined)[] = []
  readonly #free: number[] = []
  #period = 0

  constructor(now: number) {
    this.#startedAt = now
  }

  /** Periods of `TICK_MS` that have passed, as of the last tick. Moves at ticks only, so that looking at it is free. */
  get period(): number {
    return this.#period
  }

  endOf(period: number): number {
    return this.#startedAt + (period + 1) * TICK_MS
  }

  /** The member's place, for `set` and `remove`. */
  add(member: Timed, dueAt: number): number {
    const place = this.#free.pop() ?? this.#members.length
    if (place === this.#due.length) {
      const larger = new Float64Array(place * 2).fill(Number.POSITIVE_INFINITY)
      larger.set(this.#due)
      this.#due = larger
    }
    this.#members[place] = member
    this.#due[place] = dueAt
    return place
  }

  /** `dueAt` 0: at every tick, until set again. */
  set(place: number, dueAt: number): void {
    this.#due[place] = dueAt
  }

  remove(place: number): void {
    this.#members[place] = undefined
    this.#due[place] = Number.POSITIVE_INFINITY
    this.#free.push(place)
  }

  tick(now: number): void {
    this.#period = Math.floor((now - this.#startedAt) / TICK_MS)
    for (let place = 0; place < this.#members.length; place++) if ((this.#due[place] as number) <= now) this.#members[place]?.tick(now)
  }
}
