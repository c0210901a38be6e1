// How much a client may still send: messages, bytes and audio, each refilled over time. Above any of them the client is not read on.
export interface ClientRates {
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
  /** Decoded. */
  readonly audioBytesPerSecond: number
}

/** A burst of this many seconds' worth passes before a client is slowed down. */
const BURST_SECONDS = 5

/** What is received is spent, also beyond what is left: one big message passes, and its debt is paid by waiting. */
export class ClientRate {
  readonly #rates: ClientRates
  #messages: number
  #bytes: number
  #audio: number

  /** `own` comes first, where a profile says something. */
  constructor(own: { readonly [K in keyof ClientRates]?: number | undefined }, general: ClientRates) {
    const rates = {
      messagesPerSecond: own.messagesPerSecond ?? general.messagesPerSecond,
      bytesPerSecond: own.bytesPerSecond ?? general.bytesPerSecond,
      audioBytesPerSecond: own.audioBytesPerSecond ?? general.audioBytesPerSecond,
    }
    this.#rates = rates
    this.#messages = rates.messagesPerSecond * BURST_SECONDS
    this.#bytes = rates.bytesPerSecond * BURST_SECONDS
    this.#audio = rates.audioBytesPerSecond * BURST_SECONDS
  }

  /** Counts one message; false: not to be read on. */
  message(bytes: number): boolean {
    this.#messages--
    this.#bytes -= bytes
    return this.#messages >= 0 && this.#bytes >= 0
  }

  /** Counts decoded bytes of audio; false: not to be read on. */
  audio(bytes: number): boolean {
    this.#audio -= bytes
    return this.#audio >= 0
  }

  /** Lets time pass; true: there is room for more. */
  refill(seconds: number): boolean {
    const { messagesPerSecond, bytesPerSecond, audioBytesPerSecond } = this.#rates
    this.#messages = refilled(this.#messages, messagesPerSecond, seconds)
    this.#bytes = refilled(this.#bytes, bytesPerSecond, seconds)
    this.#audio = refilled(this.#audio, audioBytesPerSecond, seconds)
    return this.#messages > 0 && this.#bytes > 0 && this.#audio > 0
  }
}

function refilled(left: number, perSecond: number, seconds: number): number {
  return Math.min(perSecond * BURST_SECONDS, left + perSecond * seconds)
}
