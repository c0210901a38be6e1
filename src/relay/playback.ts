// How far a client is with what it was sent, if it plays at once and without a pause: only an estimate, since no client says.
import type { Timed, Timetable } from './timetable.js'

/** Of one session. */
export interface Played {
  /** Bytes of audio that the client was sent, and how many of them are a second. */
  readonly meters: { readonly serverAudioBytes: number }
  readonly ledger: { readonly media: { readonly outputBytesPerSecond: number } }
  clock(): number
}

/** Players keep about this much before they begin. */
const PLAYERS_BUFFER_MS = 100

/** Looks at the clock at each tick while an answer is being sent, and never for a frame. */
export class Playback implements Timed {
  readonly #session: Played
  readonly #timetable: Timetable
  readonly #starved: () => void
  #place: number | undefined
  /** When the audio after the first `#bytes` began to be played; undefined: nothing is played. */
  #since: number | undefined
  #bytes = 0
  /** It has run dry after so many bytes. */
  #dryAt: number | undefined

  /** `starved`: audio came later than the player needed it. */
  constructor(session: Played, timetable: Timetable, starved: () => void) {
    this.#session = session
    this.#timetable = timetable
    this.#starved = starved
  }

  /** The first audio of a response, `bytes` of it, has gone to the client. Behind what is not played yet it waits. */
  begin(bytes: number, now: number): void {
    if (this.aheadMs(now) <= 0) this.#playFrom(this.#session.meters.serverAudioBytes - bytes, now)
    this.#place ??= this.#timetable.add(this, 0)
  }

  /** The response sends no more. What it sent is still being played. */
  end(): void {
    if (this.#place === undefined) return
    this.tick(this.#session.clock())
    this.#timetable.remove(this.#place)
    this.#place = undefined
    this.#dryAt = undefined
  }

  /** Nobody listens any more. */
  stop(): void {
    this.#since = undefined
    this.end()
  }

  /** What was sent and not played. Below 0: for so long there was nothing to play. */
  aheadMs(now: number): number {
    if (this.#since === undefined) return 0
    const { meters, ledger } = this.#session
    return ((meters.serverAudioBytes - this.#bytes) / ledger.media.outputBytesPerSecond) * 1000 - (now - this.#since)
  }

  tick(now: number): void {
    const { serverAudioBytes } = this.#session.meters
    if (this.#dryAt !== undefined && serverAudioBytes > this.#dryAt) {
      // Without more audio it would have been the answer's end, and no pause.
      this.#starved()
      this.#playFrom(this.#dryAt, now)
    }
    if (this.#since !== undefined && this.aheadMs(now) < -PLAYERS_BUFFER_MS) this.#dryAt ??= serverAudioBytes
  }

  #playFrom(bytes: number, now: number): void {
    this.#bytes = bytes
    this.#since = now
    this.#dryAt = undefined
  }
}
