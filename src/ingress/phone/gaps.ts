// Decides how much silence stands for what a carrier did not send: voice detection counts audio, so without it a turn never ends.
import type { MediaFraming } from '../../ports/phone.js'

export type Format = MediaFraming['format']

/** Decoded bytes of a millisecond. */
export const BYTES_PER_MS = { pcm: 48, pcmu: 8 } as const

/** Of the carrier's clock: less is its way to count. */
const TOLERANCE_MS = 60
/** So far behind, its clock was set back, or what comes was held up on its way. */
const BACK_MS = 1_500
/** Without a frame for so long there is silence. */
const QUIET_MS = 750
/** Of one gap, of one quiet time, and of all within a time as long: a clock that jumps makes no flood. */
const MOST_MS = 10_000
/** So many bytes of either format are whole groups of base64. */
const STEP_MS = 3

/** Of one media socket. Times are the relay's own, but for `atMs`. */
export class Gaps {
  /** Where the next frame should begin, on the carrier's clock. */
  #nextAt: number | undefined
  #coveredTo: number
  #quietMs = 0
  #left = MOST_MS
  #refilledAt: number

  constructor(now: number) {
    this.#coveredTo = now
    this.#refilledAt = now
  }

  /** A frame has come. Milliseconds of silence that belong before it. */
  heard(atMs: number | undefined, ms: number, now: number): number {
    this.#coveredTo = now
    this.#quietMs = 0
    if (atMs === undefined) {
      if (this.#nextAt !== undefined) this.#nextAt += ms
      return 0
    }
    const gap = atMs - (this.#nextAt ?? atMs)
    // A clock that tells only seconds stands still meanwhile, so what came moves it on.
    this.#nextAt = gap > TOLERANCE_MS || gap < -BACK_MS || this.#nextAt === undefined ? atMs + ms : this.#nextAt + ms
    return gap > TOLERANCE_MS ? this.#take(gap, now) : 0
  }

  /** Nothing may have come for a while. Milliseconds of silence that stand for it. */
  quiet(now: number): number {
    const missing = now - this.#coveredTo
    if (this.#quietMs === 0 && missing < QUIET_MS) return 0
    const ms = this.#take(Math.min(missing, MOST_MS - this.#quietMs), now)
    if (ms === 0) return 0
    this.#coveredTo += ms
    this.#quietMs += ms
    if (this.#nextAt !== undefined) this.#nextAt += ms
    return ms
  }

  #take(wanted: number, now: number): number {
    this.#left = Math.min(MOST_MS, this.#left + Math.max(0, now - this.#refilledAt))
    this.#refilledAt = now
    const ms = Math.floor(Math.min(wanted, MOST_MS, this.#left) / STEP_MS) * STEP_MS
    this.#left -= Math.max(0, ms)
    return Math.max(0, ms)
  }
}

/** Silence in base64. `ms` is what `Gaps` gave. */
export function silence(format: Format, ms: number): string {
  const groups = (ms * BYTES_PER_MS[format]) / 3
  // Zeros, and in mu-law ones.
  return (format === 'pcm' ? 'AAAA' : '////').repeat(groups)
}

export interface Watched {
  look(now: number): void
}

export interface GapWatch {
  add(one: Watched): void
  remove(one: Watched): void
}

const LOOK_MS = 250

/** One timer for all calls; none if there is no call. */
export function createGapWatch(now: () => number, everyMs = LOOK_MS): GapWatch {
  const watched = new Set<Watched>()
  let timer: NodeJS.Timeout | undefined
  let lookedAt = 0
  const look = () => {
    const before = lookedAt
    lookedAt = now()
    // A process that was held up has frames to read which came in time: silence would tear what the caller said.
    if (lookedAt - before > 2 * everyMs) return
    for (const each of watched) each.look(lookedAt)
  }
  return {
    add(one) {
      watched.add(one)
      if (timer) return
      lookedAt = now()
      timer = setInterval(look, everyMs).unref()
    },
    remove(one) {
      watched.delete(one)
      if (watched.size > 0) return
      clearInterval(timer)
      timer = undefined
    },
  }
}
