// Keeps an answer's first audio until the carrier's media socket is there, so that a greeting begins with its first word.

/** Then the newest is dropped. */
const MOST_MS = 60_000

export class Waiting {
  readonly #bytesPerMs: number
  #audio: string[] = []
  #ms = 0
  #chars = 0
  /** Bytes that found no room. What comes after them finds none either. */
  #dropped = 0

  constructor(bytesPerMs: number) {
    this.#bytesPerMs = bytesPerMs
  }

  get chars(): number {
    return this.#chars
  }

  /** `audio` is base64, `bytes` its decoded length. */
  push(audio: string, bytes: number): void {
    const ms = bytes / this.#bytesPerMs
    if (this.#dropped > 0 || this.#ms + ms > MOST_MS) {
      this.#dropped += bytes
      return
    }
    this.#audio.push(audio)
    this.#ms += ms
    this.#chars += audio.length
  }

  /** All of it. `dropped`: bytes behind it. */
  take(): { readonly audio: readonly string[]; readonly dropped: number } {
    const taken = { audio: this.#audio, dropped: this.#dropped }
    this.#audio = []
    this.#ms = 0
    this.#chars = 0
    this.#dropped = 0
    return taken
  }
}
