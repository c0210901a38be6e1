// Finds where speech starts and stops in PCM16 by its energy.

export interface VadSettings {
  /** Root mean square, 0 to 1, above which a frame of 32 ms counts as speech. */
  readonly level: number
  readonly prefixMs: number
  readonly silenceMs: number
}

export interface VadListener {
  /** Milliseconds since the very first sample, with the padding before the speech. */
  started(atMs: number): void
  /** Includes the silence that ended the speech. */
  stopped(atMs: number): void
}

/** Every recorded time is a multiple of 32 ms, with the padding added to those of starts. */
export const FRAME_MS = 32
/** Shorter sounds are clicks. */
const MIN_SPEECH_MS = 96

export interface Vad {
  readonly speaking: boolean
  /** Takes one frame of 32 ms that ends `endMs` after the first sample. */
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
        // The first loud frame counts as heard at its end.
        listener.started(Math.max(0, endMs - loudMs + FRAME_MS - settings.prefixMs))
        return
      }
      // Going on takes less energy than starting, so that the soft end of a word is not cut off.
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
