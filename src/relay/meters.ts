// Counts what passes through one session, how much of it is audio, and how long one frame in 128 takes.
import type { Frame } from '../core/protocol/events.js'
import type { Recorder } from '../ports/notes.js'

export interface Meters {
  upMessages: number
  upBytes: number
  /** Decoded. */
  clientAudioBytes: number
  serverAudioBytes: number
  laneHits: number
  laneMisses: number
}

export function createMeters(): Meters {
  return { upMessages: 0, upBytes: 0, clientAudioBytes: 0, serverAudioBytes: 0, laneHits: 0, laneMisses: 0 }
}

const SAMPLE_MASK = 127

type Take = (frame: Frame, isBinary: boolean) => void

/** `take`, which is done with a frame when it returns. Of a sample it is told how long that took, from the read to the last write. */
export function sampled(direction: 'up' | 'down', { clock, opened }: { clock(): number; readonly opened: { readonly recorder: Recorder } }, take: Take): Take {
  let count = 0
  return (frame, isBinary) => {
    if ((++count & SAMPLE_MASK) !== 0) return take(frame, isBinary)
    const since = clock()
    take(frame, isBinary)
    opened.recorder.note({ type: 'overhead', direction, ms: clock() - since })
  }
}
