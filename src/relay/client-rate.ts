// How much a client may still send: messages, bytes and audio, each refilled over time. Above any of them the client is not read on. And when it last sent.
import { TICK_MS, type Timetable } from './timetable.js'

export interface ClientRates {
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
  /** Decoded. */
  readonly audioBytesPerSecond: number
}

/** A burst of this many seconds' worth passes before a client is slowed down. */
const BURST_SECONDS = 5
/** What is left is counted in fractions, as many as there are periods in a second: whole numbers, which V8 keeps in place. */
const PARTS = 1000 / TICK_MS

/** What is received is spent, also beyond what is left: one big message passes, and its debt is paid by waiting. */
export class ClientRate {
  readonly #rates: ClientRates
  readonly #timetable: Pick<Timetable, 'period' | 'endOf'>
  // Zero first, so that V8 keeps them in place even if they are not small.
  #messages = 0
  #bytes = 0
  #audio = 0
  /** As of which the counts are. */
  #period: number
  #activePeriod: number

  /** `own` comes first, if a profile says something. */
  constructor(own: { readonly [K in keyof ClientRates]?: number | undefined }, general: ClientRates, timetable: Pick<Timetable, 'period' | 'endOf'>) {
    this.#rates = {
      messagesPerSecond: own.messagesPerSecond ?? general.messagesPerSecond,
      bytesPerSecond: own.bytesPerSecond ?? general.bytesPerSecond,
      audioBytesPerSecond: own.audioBytesPerSecond ?? general.audioBytesPerSecond,
    }
    this.#messages = most(this.#rates.messagesPerSecond)
    this.#bytes = most(this.#rates.bytesPerSecond)
    this.#audio = most(this.#rates.audioBytesPerSecond)
    this.#timetable = timetable
    this.#period = timetable.period
    this.#activePeriod = timetable.period
  }

  /** When the client last sent something, a tick too late at most. */
  get activeAt(): number {
    return this.#timetable.endOf(this.#activePeriod)
  }

  /** Counts one message; false: not to be read on. */
  message(bytes: number): boolean {
    this.#activePeriod = this.#timetable.period
    if (this.#activePeriod !== this.#period) this.refill()
    this.#messages -= PARTS
    this.#bytes -= bytes * PARTS
    return this.#messages >= 0 && this.#bytes >= 0
  }

  /** Counts decoded bytes of audio in the last message; false: not to be read on. */
  audio(bytes: number): boolean {
    this.#audio -= bytes * PARTS
    return this.#audio >= 0
  }

  /** Lets time pass; true: there is room for more. */
  refill(): boolean {
    const { messagesPerSecond, bytesPerSecond, audioBytesPerSecond } = this.#rates
    const { period } = this.#timetable
    const passed = Math.max(0, period - this.#period)
    this.#period = period
    this.#messages = refilled(this.#messages, messagesPerSecond, passed)
    this.#bytes = refilled(this.#bytes, bytesPerSecond, passed)
    this.#audio = refilled(this.#audio, audioBytesPerSecond, passed)
    return this.#messages > 0 && this.#bytes > 0 && this.#audio > 0
  }
}

function most(perSecond: number): number {
  return perSecond * BURST_SECONDS * PARTS
}

function refilled(left: number, perSecond: number, periods: number): number {
  return Math.min(most(perSecond), left + perSecond * periods)
}
