// Knows how long after its beginning the last response was first heard, for operators and for a recorder that traces.
import type { Recorder } from '../ports/notes.js'

export class FirstAudio {
  readonly #recorder: Recorder
  #responseId: string | undefined
  #since = 0
  /** Milliseconds, of the last response that was heard. */
  lastMs: number | undefined

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  /** A response begins. */
  awaited(responseId: string, now: number): void {
    this.#responseId = responseId
    this.#since = now
  }

  /** True until the first audio of the last response. */
  get isAwaited(): boolean {
    return this.#responseId !== undefined
  }

  heard(now: number): void {
    if (this.#responseId === undefined) return
    this.lastMs = now - this.#since
    if (this.#recorder.traces) this.#recorder.note({ type: 'first_audio', responseId: this.#responseId, afterMs: this.lastMs })
    this.#responseId = undefined
  }
}
