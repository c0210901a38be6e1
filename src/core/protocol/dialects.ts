// Makes the dialect of one link.
import type { Dialect, DialectName } from './dialect.js'
import { previewDialect } from './preview/dialect.js'

const ga: Dialect = {
  name: 'ga',
  audioDeltaType: 'response.output_audio.delta',
  toGa: (event) => [event],
  fromGa: (event) => [event],
}

export function dialectFor(name: DialectName): Dialect {
  // Voice Live spells the events it shares with the Realtime API as preview does. Its own types (avatar, visemes, timestamps) keep their names.
  // Policy has no row for those, so it drops and counts them.
  return name === 'ga' ? ga : previewDialect(name)
}
