// When the events of a turn come: as far apart as in a published frame log of the service, or evenly.

/**
 * Milliseconds after the event before it. Read from the frame logs of two OpenAI sessions of 2026-09-18, timed at the WebSocket layer: gauravzqa/llmgw at
 * 7610534, `capabilities/captures-ws.md`, probes 7 and 8. No log of Azure's with times is known. Audio deltas, which those lack, are taken to come like text.
 */
const AFTER_MS: Readonly<Record<string, number>> = {
  // Less than anybody speaks: of as many sessions at rest there would be less to measure.
  'input_audio_buffer.speech_stopped': 500,
  'conversation.item.added': 0.6,
  'conversation.item.done': 1.7,
  // In the log 928 ms after its item, while the answer is under way. Here nothing else goes on meanwhile.
  'conversation.item.input_audio_transcription.delta': 4.5,
  'conversation.item.input_audio_transcription.completed': 199,
  'response.created': 9.2,
  'response.output_item.added': 195,
  'response.content_part.added': 0.1,
  'response.output_text.done': 0.2,
  'response.output_audio.done': 0.2,
  'response.function_call_arguments.done': 0.2,
  'response.output_audio_transcript.done': 0,
  'response.content_part.done': 0,
  'response.output_item.done': 1.2,
  'response.done': 3.7,
  'rate_limits.updated': 43,
}
/** After another one. The first comes with what opens its part. */
const DELTA_MS = 9

/** When each event comes, in milliseconds from the first, for events in this order. What the log does not have comes at once. */
export function loggedTimes(types: readonly string[]): number[] {
  let at = 0
  return types.map((type, index) => {
    const isNextDelta = type.endsWith('.delta') && types[index - 1]?.endsWith('.delta')
    if (index > 0) at += AFTER_MS[type] ?? (isNextDelta ? DELTA_MS : 0)
    return at
  })
}

export function evenTimes(count: number, turnMs: number): number[] {
  return Array.from({ length: count }, (_, index) => (index * turnMs) / count)
}
