// Azure Voice Live's spelling: preview names with some GA events.
import type { Dialect } from './dialect.js'

export function voiceLive(): Dialect {
  return { name: 'voice-live', audioDeltaType: 'response.audio.delta', toGa: (e) => [e], fromGa: (e) => [e] }
}
