// How far a client is with what it was sent, if it plays at once and without a pause: only an estimate, since no client says.
import type { Recorder } from '../ports/notes.js'
import { TICK_MS, type Timed, type Timetable } from './timetable.js'

/** Of one session. */
export interface Played {
  /** Bytes of audio that the client was sent, and how many of them are a second. */
  readonly meters: { readonly serverAudioBytes: number }
  readonly ledger: { readonly media: { readonly outputBytesPerSecond: number } }
  readonly opened: { readonly recorder: Pick<Recorder, 'note'> }
  clock(): number
}

/** Players keep about this much before they begin. */
const PLAYERS_BUFFER_MS = 100

/** Looks at each tick while an answer is being sent whether there is still something to play. Of a frame it keeps only how late the latest was. */
export class Playback implements Timed {
  readonly #session: Played
  readonly #timetable: Timetable
  #place: number | undefined
  /** When the audio after the first `#bytes` began to be played; undefined: nothing is played. */
  #since: number | undefined
  #bytes = 0
  /** It has run dry after so many bytes. */
  #dryAt: number | undefined
  /** Of this response: when its first audio came, and after how many bytes of the session. */
  #firstAt = 0
  #firstBytes = 0
  #latestMs = 0

  constructor(session: Played, timetable: Timetable) {
    this.#session = session
    this.#timetable = timetable
  }

  /** The first audio of a response, `bytes` of it, has gone to the client. Behind what is not played yet it waits. */
  begin(bytes: number, now: number): void {
    const before = this.#session.meters.serverAudioBytes - bytes
    if (this.aheadMs(now) <= 0) this.#playFrom(before, now)
    this.#place ??= this.#timetable.add(this, 0)
    this.#firstAt = now
    this.#firstBytes = before
    this.#latestMs = 0
  }

  /** More audio of it. What comes long before it is played, most of an answer, costs no look at the clock: a tick ago it was not late. */
  goOn(bytes: number): void {
    const dueAt = this.#firstAt + this.#playsMs(this.#session.meters.serverAudioBytes - bytes - this.#firstBytes)
    if (dueAt + this.#latestMs >= this.#timetable.endOf(this.#timetable.period) + TICK_MS) return
    const lateMs = this.#session.clock() - dueAt
    if (lateMs > this.#latestMs) this.#latestMs = lateMs
  }

  /** The response sends no more. What it sent is still being played. */
  end(): void {
    if (this.#place === undefined) return
    this.tick(this.#session.clock())
    this.#timetable.remove(this.#place)
    this.#place = undefined
    this.#dryAt = undefined
    this.#session.opened.recorder.note({ type: 'audio_jitter', ms: this.#latestMs })
  }

  /** Nobody listens any more. */
  stop(): void {
    this.#since = undefined
    this.end()
  }

  /** What was sent and not played. Below 0: for so long there was nothing to play. */
  aheadMs(now: number): number {
    if (this.#since === undefined) return 0
    return this.#playsMs(this.#session.meters.serverAudioBytes - this.#bytes) - (now - this.#since)
  }

  tick(now: number): void {
    const { serverAudioBytes } = this.#session.meters
    if (this.#dryAt !== undefined && serverAudioBytes > this.#dryAt) {
      // Without more audio it would have been the answer's end, and no pause.
      this.#session.opened.recorder.note({ type: 'audio_starved' })
      this.#playFrom(this.#dryAt, now)
    }
    if (this.#since !== undefined && this.aheadMs(now) < -PLAYERS_BUFFER_MS) this.#dryAt ??= serverAudioBytes
  }

  #playsMs(bytes: number): number {
    return (bytes / this.#session.ledger.media.outputBytesPerSecond) * 1000
  }

  #playFrom(bytes: number, now: number): void {
    this.#bytes = bytes
    this.#since = now
    this.#dryAt = undefined
  }
}
