// The input audio buffer: collects appended audio, runs voice detection over it, and returns the committed audio.
import { createVad, FRAME_MS, loudness, type VadSettings } from './vad.js'

/** PCM16 mono at 24 kHz. */
export const BYTES_PER_MS = 48
const FRAME_BYTES = FRAME_MS * BYTES_PER_MS
/** About six minutes. */
const MAX_BYTES = 16 * 1024 * 1024
/** Audio kept during silence, so that an open microphone does not fill the memory. */
const KEPT_SILENCE_BYTES = 30_000 * BYTES_PER_MS

export interface SpeechListener {
  started(atMs: number): void
  /** `audio` is the whole turn, from its start, padding included, to `atMs`. */
  stopped(atMs: number, audio: Buffer): void
}

export interface InputAudio {
  /** Returns false and takes nothing if the buffer is full. Without settings, voice detection is off. */
  append(pcm: Buffer, settings: VadSettings | undefined, listener: SpeechListener): boolean
  /** Returns all buffered audio and empties the buffer. */
  take(): Buffer
  clear(): void
  readonly bufferedMs: number
  /** Milliseconds of audio appended since the start of the session. */
  readonly totalMs: number
  readonly speaking: boolean
}

export function createInputAudio(): InputAudio {
  const vad = createVad()
  let chunks: Buffer[] = []
  let bufferedBytes = 0
  let totalBytes = 0
  let frame: Buffer = Buffer.alloc(0)

  const dropFront = (bytes: number) => {
    let left = bytes
    while (left > 0) {
      const head = chunks[0]
      if (!head) return
      if (head.length > left) {
        chunks[0] = head.subarray(left)
        bufferedBytes -= left
        return
      }
      chunks.shift()
      bufferedBytes -= head.length
      left -= head.length
    }
  }
  const store = (pcm: Buffer) => {
    chunks.push(pcm)
    bufferedBytes += pcm.length
    totalBytes += pcm.length
  }
  const takeAll = () => {
    const all = Buffer.concat(chunks)
    chunks = []
    bufferedBytes = 0
    return all
  }

  return {
    append(pcm, settings, listener) {
      if (bufferedBytes + frame.length + pcm.length > MAX_BYTES) return false
      if (!settings) {
        vad.reset()
        if (frame.length > 0) store(frame)
        frame = Buffer.alloc(0)
        store(pcm)
        return true
      }
      const joined = frame.length > 0 ? Buffer.concat([frame, pcm]) : pcm
      let at = 0
      for (; at + FRAME_BYTES <= joined.length; at += FRAME_BYTES) {
        store(joined.subarray(at, at + FRAME_BYTES))
        vad.push(loudness(joined, at, at + FRAME_BYTES), totalBytes / BYTES_PER_MS, settings, {
          started: (atMs) => {
            const bufferStartMs = (totalBytes - bufferedBytes) / BYTES_PER_MS
            const startMs = Math.max(atMs, bufferStartMs)
            dropFront((startMs - bufferStartMs) * BYTES_PER_MS)
            listener.started(Math.round(startMs))
          },
          stopped: (atMs) => listener.stopped(Math.round(atMs), takeAll()),
        })
        if (!vad.speaking && bufferedBytes > KEPT_SILENCE_BYTES) dropFront(bufferedBytes - KEPT_SILENCE_BYTES)
      }
      frame = Buffer.from(joined.subarray(at))
      return true
    },
    take() {
      if (frame.length > 0) store(frame)
      frame = Buffer.alloc(0)
      vad.reset()
      return takeAll()
    },
    clear() {
      frame = Buffer.alloc(0)
      vad.reset()
      takeAll()
    },
    get bufferedMs() {
      return (bufferedBytes + frame.length) / BYTES_PER_MS
    },
    get totalMs() {
      return (totalBytes + frame.length) / BYTES_PER_MS
    },
    get speaking() {
      return vad.speaking
    },
  }
}
