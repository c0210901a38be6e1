// How much of what a telephone was sent its caller has heard: by a clock, and by the carrier's marks if it has any.

/** A carrier that returns none is not asked for more. */
const MOST_MARKS = 256

/** Bytes are decoded audio, counted from the call's beginning. A carrier plays at once and without a pause what it has. */
export class Played {
  readonly #bytesPerMs: number
  readonly #hasMarks: boolean
  /** What the session sent, of that what the carrier was given, and of that what is played or thrown away. */
  #sent = 0
  #given = 0
  #done = 0
  /** Since when the carrier plays what was given after `#done`. Undefined: it has nothing to play. */
  #since: number | undefined
  /** Those that wait to come back, oldest first, and how much was given when each was set. */
  #marks: { readonly name: string; readonly at: number }[] = []
  #markedTo = 0
  #count = 0

  constructor(bytesPerMs: number, hasMarks: boolean) {
    this.#bytesPerMs = bytesPerMs
    this.#hasMarks = hasMarks
  }

  sent(bytes: number): void {
    this.#sent += bytes
  }

  given(bytes: number, now: number): void {
    if (bytes > 0 && this.doneBytes(now) === this.#given) this.#since = now
    this.#given += bytes
  }

  /** The name of a mark to be set behind what was given. Undefined: there is one, or too many wait. */
  mark(): string | undefined {
    if (!this.#hasMarks || this.#markedTo === this.#given || this.#marks.length >= MOST_MARKS) return undefined
    const name = `m${++this.#count}`
    this.#marks.push({ name, at: this.#given })
    this.#markedTo = this.#given
    return name
  }

  /** A mark came back. One that was set before `clear` says nothing. */
  returned(name: string, now: number): void {
    const index = this.#marks.findIndex((mark) => mark.name === name)
    const mark = this.#marks[index]
    if (!mark) return
    this.#done = mark.at
    this.#since = mark.at < this.#given ? now : undefined
    // Those before it are played as well.
    this.#marks.splice(0, index + 1)
  }

  /** Marks come at the ends of pieces, which may be hundreds of milliseconds long: between two of them a clock says how far it is, and never beyond the next. */
  doneBytes(now: number): number {
    if (this.#since === undefined) return this.#done
    const end = this.#hasMarks ? (this.#marks[0]?.at ?? this.#done + 1) - 1 : this.#given
    const played = this.#done + Math.floor(Math.max(0, now - this.#since) * this.#bytesPerMs)
    if (played < end) return played
    if (this.#hasMarks) return end
    this.#done = end
    this.#since = undefined
    return end
  }

  /** All that was sent is thrown away, what the carrier was not given as well. */
  clear(): void {
    this.#given = this.#sent
    this.lost()
  }

  /** The carrier will not play what it was given. */
  lost(): void {
    this.#done = this.#given
    this.#markedTo = this.#given
    this.#since = undefined
    this.#marks = []
  }
}
