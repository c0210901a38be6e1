// Counts what passes through one session, and how much of it is audio.

export interface Meters {
  upMessages: number
  downMessages: number
  upBytes: number
  downBytes: number
  /** Decoded. */
  clientAudioBytes: number
  serverAudioBytes: number
  laneHits: number
  laneMisses: number
}

export function newMeters(): Meters {
  return { upMessages: 0, downMessages: 0, upBytes: 0, downBytes: 0, clientAudioBytes: 0, serverAudioBytes: 0, laneHits: 0, laneMisses: 0 }
}
