// Translates event types between preview and GA.

/** Pairs of preview name and GA name. `conversation.item.created` is not here: it becomes two events (`order.ts`). */
const RENAMED: readonly (readonly [string, string])[] = [
  ['response.text.delta', 'response.output_text.delta'],
  ['response.text.done', 'response.output_text.done'],
  ['response.audio.delta', 'response.output_audio.delta'],
  ['response.audio.done', 'response.output_audio.done'],
  ['response.audio_transcript.delta', 'response.output_audio_transcript.delta'],
  ['response.audio_transcript.done', 'response.output_audio_transcript.done'],
]

const TO_GA = new Map(RENAMED)
const TO_PREVIEW = new Map(RENAMED.map(([preview, ga]) => [ga, preview]))
TO_PREVIEW.set('conversation.item.added', 'conversation.item.created')
TO_GA.set('transcription_session.created', 'session.created')
TO_GA.set('transcription_session.updated', 'session.updated')

/** All types that may be sent to a preview side. A strict client closes its socket on any other. */
export const PREVIEW_TYPES: ReadonlySet<string> = new Set([
  ...RENAMED.map(([preview]) => preview),
  ...['session.update', 'response.create', 'response.cancel'],
  ...['input_audio_buffer.append', 'input_audio_buffer.clear', 'input_audio_buffer.commit', 'output_audio_buffer.clear'],
  ...['conversation.item.create', 'conversation.item.delete', 'conversation.item.retrieve', 'conversation.item.truncate'],
  ...['error', 'session.created', 'session.updated', 'rate_limits.updated'],
  ...['conversation.created', 'conversation.item.created', 'conversation.item.deleted', 'conversation.item.retrieved', 'conversation.item.truncated'],
  ...['delta', 'completed', 'failed', 'segment'].map((end) => `conversation.item.input_audio_transcription.${end}`),
  ...['committed', 'cleared', 'speech_started', 'speech_stopped'].map((end) => `input_audio_buffer.${end}`),
  ...['started', 'stopped', 'cleared'].map((end) => `output_audio_buffer.${end}`),
  ...['response.created', 'response.done', 'response.output_item.added', 'response.output_item.done', 'response.content_part.added', 'response.content_part.done'],
  ...['response.function_call_arguments.delta', 'response.function_call_arguments.done'],
])

/** A type without a row keeps its name, and policy decides about it. */
export function gaName(type: string): string {
  return TO_GA.get(type) ?? type
}

/**
 * Undefined if preview has no such event. The relay's own `relay.*` events keep their name; only clients that asked for them get any.
 * Preview marks a transcription session in the event's type, GA inside the session.
 */
export function previewName(type: string, isTranscription: boolean): string | undefined {
  if (isTranscription && /^session\.(update|created|updated)$/.test(type)) return `transcription_${type}`
  const name = TO_PREVIEW.get(type) ?? type
  return PREVIEW_TYPES.has(name) || name.startsWith('relay.') ? name : undefined
}
