// The GA door of Azure and of OpenAI: events as the session makes them, with padding on deltas of text. OpenAI's refuses the beta shape.
import { isObject, type RealtimeEvent } from '../core/protocol/events.js'
import { CALL_TYPES, SUPPORTED_TYPES } from './client-events.js'
import type { Door, DoorOptions } from './door.js'
import { BETA_SHAPE_DISABLED } from './error-events.js'
import { createChance } from './ids.js'

/** Source: recordings. Deltas of audio have no padding. */
const PADDED = new Set([
  'response.output_text.delta',
  'response.output_audio_transcript.delta',
  'response.function_call_arguments.delta',
  'conversation.item.input_audio_transcription.delta',
])
/** Delta and padding together are a multiple of this, so that the length of a frame does not tell the length of a word. */
const BLOCK = 16
/** What the padding is cut from. */
const LETTERS = createChance(1).letters(1024)
/** Fields of a session update that only the beta had. */
const BETA_FIELDS = [
  ...['modalities', 'voice', 'input_audio_format', 'output_audio_format', 'input_audio_transcription', 'turn_detection', 'temperature', 'max_response_output_tokens'],
  'input_audio_noise_reduction',
]

export function createGaDoor({ style, obfuscation, call }: DoorOptions): Door {
  return {
    supported: call ? CALL_TYPES : SUPPORTED_TYPES,
    read(event) {
      if (style === 'openai' && isBetaShaped(event)) return { problem: BETA_SHAPE_DISABLED, close: { code: 4000, reason: `invalid_request_error.${BETA_SHAPE_DISABLED.code}` } }
      return [event]
    },
    write(event) {
      if (!obfuscation || !PADDED.has(event.type) || typeof event.delta !== 'string') return [event]
      return [{ ...event, obfuscation: padding(event.delta) }]
    },
  }
}

/** The same delta gets the same padding, so that two runs of one conversation can be compared. */
function padding(delta: string): string {
  let hash = 7
  for (let i = 0; i < delta.length; i++) hash = (hash * 31 + delta.charCodeAt(i)) >>> 0
  const at = hash % (LETTERS.length - BLOCK)
  return LETTERS.slice(at, at + BLOCK - (delta.length % BLOCK))
}

/** An update without a type and with a field of the beta. One that only lacks its type is told so. */
function isBetaShaped(event: RealtimeEvent): boolean {
  const { session } = event
  return event.type === 'session.update' && isObject(session) && !Object.hasOwn(session, 'type') && BETA_FIELDS.some((field) => Object.hasOwn(session, field))
}
