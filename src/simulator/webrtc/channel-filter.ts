// What `webrtcfilter=on` lets through to the browser. Nothing limits what the browser sends.

/** Source: Microsoft's page on the Realtime API over WebRTC. */
const SHOWN = new Set([
  ...['input_audio_buffer.speech_started', 'input_audio_buffer.speech_stopped', 'output_audio_buffer.started', 'output_audio_buffer.stopped'],
  ...['conversation.item.input_audio_transcription.completed', 'conversation.item.added', 'conversation.item.created'],
  ...['response.output_text.delta', 'response.output_text.done', 'response.output_audio_transcript.delta', 'response.output_audio_transcript.done'],
])

export function isShown(type: string): boolean {
  return SHOWN.has(type)
}
