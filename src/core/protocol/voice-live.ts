// Azure Voice Live's spelling: preview names with some GA events and values of its own.
import type { Dialect } from './dialect.js'
import { previewDialect } from './preview.js'

/** Its own event types (avatar, visemes, timestamps) keep their names, so policy, which does not know them, drops and counts them. */
export function voiceLive(): Dialect {
  return previewDialect('voice-live')
}
