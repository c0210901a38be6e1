// Counts what passes through one session, and how much of it is audio.

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
