// Opens the door that a dialect belongs to.
import type { DialectName } from '../core/protocol/dialect.js'
import type { Door, DoorOptions } from './door.js'
import { createGaDoor } from './ga-door.js'
import { createPreviewDoor } from './preview-door.js'
import { createVoiceLiveDoor } from './voice-live-door.js'

export function openDoor(dialect: DialectName, options: DoorOptions): Door {
  if (dialect === 'preview') return createPreviewDoor()
  return dialect === 'voice-live' ? createVoiceLiveDoor() : createGaDoor(options)
}
