// Whose audio a delta carries, and how many bytes of it, without decoding its base64 text.
import { type Frame, isObject, type Json, type JsonObject, stringAt } from './events.js'

export interface AudioDelta {
  readonly responseId: string
  readonly itemId: string
  readonly contentIndex: number
  /** Decoded. */
  readonly bytes: number
}

const DELTA = Buffer.from('"delta"', 'latin1')
const QUOTE = 0x22
const EQUALS = 0x3d
const BACKSLASH = 0x5c
const RESPONSE = /"response_id": ?"([^"\\]*)"/
const ITEM = /"item_id": ?"([^"\\]*)"/
const CONTENT = /"content_index": ?(\d+)/

/** Of a frame that is an audio delta of any dialect. Undefined: it is none that a client could play. */
export function audioDeltaOf(frame: Frame): AudioDelta | undefined {
  const at = frame.indexOf(DELTA)
  if (at < 0) return parsed(frame)
  const head = frame.toString('latin1', 0, at)
  const [, responseId] = RESPONSE.exec(head) ?? []
  const [, itemId] = ITEM.exec(head) ?? []
  const [, contentIndex] = CONTENT.exec(head) ?? []
  const start = frame.indexOf(QUOTE, at + DELTA.length)
  const end = start < 0 ? -1 : frame.indexOf(QUOTE, start + 1)
  const escapeAt = frame.indexOf(BACKSLASH, start)
  // Fields in another order, or with escapes: some encoders write a slash with one.
  if (responseId === undefined || itemId === undefined || contentIndex === undefined || end < 0 || (escapeAt >= 0 && escapeAt < end)) return parsed(frame)
  let last = end
  while (last > start + 1 && end - last < 2 && frame[last - 1] === EQUALS) last--
  return { responseId, itemId, contentIndex: Number(contentIndex), bytes: Math.floor(((last - start - 1) * 3) / 4) }
}

/** Of such an event as it was read. */
export function audioDeltaIn(event: JsonObject): AudioDelta | undefined {
  const { delta, content_index: index } = event
  const [responseId, itemId] = [stringAt(event, 'response_id'), stringAt(event, 'item_id')]
  if (typeof delta !== 'string' || itemId === undefined) return undefined
  return { responseId: responseId ?? '', itemId, contentIndex: typeof index === 'number' ? index : 0, bytes: decodedBytes(delta) }
}

/** By arithmetic: padding is no audio. */
function decodedBytes(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0
  return Math.floor(((base64.length - padding) * 3) / 4)
}

function parsed(frame: Frame): AudioDelta | undefined {
  try {
    const event = JSON.parse(frame.toString('utf8')) as Json
    return isObject(event) ? audioDeltaIn(event) : undefined
  } catch {
    return undefined
  }
}
