// Preview spelling to GA and back.
import type { Dialect } from './dialect.js'

export function preview(): Dialect {
  return { name: 'preview', audioDeltaType: 'response.audio.delta', toGa: (e) => [e], fromGa: (e) => [e] }
}
