// Malformed frames, which no correct server sends.
import type { Garbage } from './faults.js'

export function garbageFrame(kind: Garbage, eventId: string): string | Buffer {
  switch (kind) {
    case 'bad_json':
      return '{"type":"response.output_text.delta","delta":'
    case 'binary':
      return Buffer.from([0x7b, 0x22, 0xff, 0x00, 0x7d])
    case 'unknown_type':
      return JSON.stringify({ type: 'response.never_heard_of.delta', event_id: eventId, delta: 'garbage' })
    case 'not_an_object':
      return '[1,"two",null]'
    case 'no_type':
      return JSON.stringify({ event_id: eventId, kind: 'no type here' })
  }
}
