// Tells a recorder that traces how long after its beginning a response was first heard.
import type { Recorder } from '../ports/notes.js'

export class FirstAudio {
  readonly #recorder: Recorder
  #responseId: string | undefined
  #since = 0

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  /** A response begins. Without a recorder that traces, nothing is waited for. */
  awaited(responseId: string, now: number): void {
    if (!this.#recorder.traces) return
    this.#responseId = responseId
    this.#since = now
  }

  /** True until the first audio of the last response. */
  get isAwaited(): boolean {
    return this.#responseId !== undefined
  }

  heard(now: number): void {
    if (this.#responseId === undefined) return
    this.#recorder.note({ type: 'first_audio', responseId: this.#responseId, afterMs: now - this.#since })
    this.#responseId = undefined
  }
}
