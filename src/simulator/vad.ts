// Finds where speech starts and stops in PCM16 by its energy.

export interface VadSettings {
  /** Root mean square, 0 to 1, above which 20 ms count as speech. */
  readonly level: number
  readonly prefixMs: number
  readonly silenceMs: number
}

export interface VadListener {
  /** Milliseconds since the first sample ever given, the padding included. */
  started(atMs: number): void
  /** The silence that ended it included. */
  stopped(atMs: number): void
}

export const FRAME_MS = 20
/** A click is shorter than this. */
const MIN_SPEECH_MS = 60

export interface Vad {
  readonly speaking: boolean
  /** One frame of 20 ms that ends `endMs` after the first sample. */
  push(rms: number, endMs: number, settings: VadSettings, listener: VadListener): void
  reset(): void
}

export function createVad(): Vad {
  let speaking = false
  let loudMs = 0
  let quietMs = 0
  return {
    get speaking() {
      return speaking
    },
    push(rms, endMs, settings, listener) {
      if (!speaking) {
        loudMs = rms >= settings.level ? loudMs + FRAME_MS : 0
        if (loudMs < MIN_SPEECH_MS) return
        speaking = true
        quietMs = 0
        listener.started(Math.max(0, endMs - loudMs - settings.prefixMs))
        return
      }
      // A lower bar to go on than to start, so that a word's soft end does not cut it.
      quietMs = rms >= settings.level * 0.6 ? 0 : quietMs + FRAME_MS
      if (quietMs < Math.max(settings.silenceMs, FRAME_MS)) return
      speaking = false
      loudMs = 0
      listener.stopped(endMs)
    },
    reset() {
      speaking = false
      loudMs = 0
      quietMs = 0
    },
  }
}

/** Root mean square of PCM16 little-endian samples from byte `from` to `to`, 0 to 1. */
export function loudness(pcm: Buffer, from: number, to: number): number {
  let sum = 0
  let count = 0
  for (let at = from; at + 1 < to; at += 2) {
    const sample = pcm.readInt16LE(at)
    sum += sample * sample
    count++
  }
  return count === 0 ? 0 : Math.sqrt(sum / count) / 32_768
}
