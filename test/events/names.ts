// The names of all typed events as values: the compiler refuses one that is missing here, and one too many.
import type { GaClientEvents, GaServerEvents, PreviewClientEvents, PreviewServerEvents, RelayClientEvents, RelayServerEvents } from '../../src/events/events.js'

/** In the order of nothing: an object, so that `satisfies` sees both what is missing and what is too much. */
export const GA_CLIENT = named({
  'conversation.item.create': 0,
  'conversation.item.delete': 0,
  'conversation.item.retrieve': 0,
  'conversation.item.truncate': 0,
  'input_audio_buffer.append': 0,
  'input_audio_buffer.clear': 0,
  'input_audio_buffer.commit': 0,
  'output_audio_buffer.clear': 0,
  'response.cancel': 0,
  'response.create': 0,
  'session.update': 0,
} satisfies Record<keyof GaClientEvents, 0>)

const SAME = {
  'conversation.created': 0,
  'conversation.item.created': 0,
  'conversation.item.deleted': 0,
  'conversation.item.input_audio_transcription.completed': 0,
  'conversation.item.input_audio_transcription.delta': 0,
  'conversation.item.input_audio_transcription.failed': 0,
  'conversation.item.input_audio_transcription.segment': 0,
  'conversation.item.retrieved': 0,
  'conversation.item.truncated': 0,
  error: 0,
  'input_audio_buffer.cleared': 0,
  'input_audio_buffer.committed': 0,
  'input_audio_buffer.speech_started': 0,
  'input_audio_buffer.speech_stopped': 0,
  'output_audio_buffer.cleared': 0,
  'output_audio_buffer.started': 0,
  'output_audio_buffer.stopped': 0,
  'rate_limits.updated': 0,
  'response.content_part.added': 0,
  'response.content_part.done': 0,
  'response.created': 0,
  'response.done': 0,
  'response.function_call_arguments.delta': 0,
  'response.function_call_arguments.done': 0,
  'response.output_item.added': 0,
  'response.output_item.done': 0,
  'session.created': 0,
  'session.updated': 0,
} as const

export const GA_SERVER = named({
  ...SAME,
  'conversation.item.added': 0,
  'conversation.item.done': 0,
  'input_audio_buffer.dtmf_event_received': 0,
  'input_audio_buffer.timeout_triggered': 0,
  'mcp_list_tools.completed': 0,
  'mcp_list_tools.failed': 0,
  'mcp_list_tools.in_progress': 0,
  'response.mcp_call.completed': 0,
  'response.mcp_call.failed': 0,
  'response.mcp_call.in_progress': 0,
  'response.mcp_call_arguments.delta': 0,
  'response.mcp_call_arguments.done': 0,
  'response.output_audio.delta': 0,
  'response.output_audio.done': 0,
  'response.output_audio_transcript.delta': 0,
  'response.output_audio_transcript.done': 0,
  'response.output_text.delta': 0,
  'response.output_text.done': 0,
} satisfies Record<keyof GaServerEvents, 0>)

export const PREVIEW_CLIENT = named({
  'conversation.item.create': 0,
  'conversation.item.delete': 0,
  'conversation.item.retrieve': 0,
  'conversation.item.truncate': 0,
  'input_audio_buffer.append': 0,
  'input_audio_buffer.clear': 0,
  'input_audio_buffer.commit': 0,
  'output_audio_buffer.clear': 0,
  'response.cancel': 0,
  'response.create': 0,
  'session.update': 0,
  'transcription_session.update': 0,
} satisfies Record<keyof PreviewClientEvents, 0>)

export const PREVIEW_SERVER = named({
  ...SAME,
  'response.audio.delta': 0,
  'response.audio.done': 0,
  'response.audio_transcript.delta': 0,
  'response.audio_transcript.done': 0,
  'response.text.delta': 0,
  'response.text.done': 0,
  'transcription_session.created': 0,
  'transcription_session.updated': 0,
} satisfies Record<keyof PreviewServerEvents, 0>)

export const RELAY_CLIENT = named({
  'relay.ack': 0,
  'relay.quota.get': 0,
  'relay.recording.consent': 0,
  'relay.resume.enable': 0,
  'relay.token.refresh': 0,
  'relay.tool.approval': 0,
} satisfies Record<keyof RelayClientEvents, 0>)

export const RELAY_SERVER = named({
  'relay.blocked': 0,
  'relay.draining': 0,
  'relay.interrupted': 0,
  'relay.quota': 0,
  'relay.recording': 0,
  'relay.resume.ready': 0,
  'relay.resumed': 0,
  'relay.session': 0,
  'relay.token.expiring': 0,
  'relay.token.refreshed': 0,
  'relay.tool.approval_request': 0,
  'relay.tool.finished': 0,
  'relay.tool.started': 0,
} satisfies Record<keyof RelayServerEvents, 0>)

function named(table: Readonly<Record<string, 0>>): readonly string[] {
  return Object.keys(table).sort()
}
