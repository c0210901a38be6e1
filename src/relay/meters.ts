// Counts what passes through one session, and how much of it is audio.
import type { Frame } from '../core/protocol/events.js'

export interface Meters {
  upMessages: number
  downMessages: number
  upBytes: number
  downBytes: number
  clientAudioBytes: number
  serverAudioBytes: number
  laneHits: number
  laneMisses: number
  /** Where the audio of the last delta was: the next one has it in the same place, and a search costs more than a look. */
  deltaAt: number
}

export function newMeters(): Meters {
  return { upMessages: 0, downMessages: 0, upBytes: 0, downBytes: 0, clientAudioBytes: 0, serverAudioBytes: 0, laneHits: 0, laneMisses: 0, deltaAt: -1 }
}

const DELTA = Buffer.from('"delta"', 'latin1')

/** Decoded length of an audio delta's audio, by arithmetic: the base64 text is the frame's last member in every upstream seen, so a few bytes too many at most. */
export function audioDeltaBytes(frame: Frame, meters: Meters): number {
  if (!isDelta(frame, meters.deltaAt)) meters.deltaAt = frame.indexOf(DELTA)
  // After the name come `:"`, at the end `"}`.
  return meters.deltaAt < 0 ? 0 : Math.max(0, Math.floor(((frame.length - meters.deltaAt - DELTA.length - 4) * 3) / 4))
}

function isDelta(frame: Frame, at: number): boolean {
  if (at < 0 || at + DELTA.length > frame.length) return false
  for (let i = 0; i < DELTA.length; i++) if (frame[at + i] !== DELTA[i]) return false
  return true
}
