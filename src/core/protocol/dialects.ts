// Picks the dialect of one link: GA is what core speaks, anything else is translated at the edge.
import type { Dialect, DialectName } from './dialect.js'
import { previewDialect } from './preview/dialect.js'

const ga: Dialect = {
  name: 'ga',
  audioDeltaType: 'response.output_audio.delta',
  toGa: (event) => [event],
  fromGa: (event) => [event],
}

/** A dialect for one link. */
export function dialectFor(name: DialectName): Dialect {
  // Voice Live spells what it shares with the Realtime API as preview does. Its own types (avatar, visemes, timestamps) keep their names: policy has no row for them, so it drops and counts them.
  return name === 'ga' ? ga : previewDialect(name)
}
