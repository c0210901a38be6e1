// Lists what exists in only one of the two dialects. The translation leaves it out, and the table in the README is generated from it.

export interface NoCounterpart {
  /** The dialect that has it. */
  readonly from: 'preview' | 'ga'
  readonly where: 'event' | 'session' | 'response.create' | 'response' | 'item' | 'item type' | 'content' | 'tool' | 'tool choice' | 'turn detection' | 'transcription' | 'voice'
  readonly name: string
  readonly becomes: string
}

const LEFT_OUT = 'left out'
const DROPPED = 'dropped and counted'
/** Event types of late previews. A client of the first preview (rt-client) closes its socket on any of them. */
const LATE = 'sent once the client has used a setting that came with these events, e.g. a transcription model other than whisper-1'

/** Sources: OpenAI OpenAPI schema of March 2025 (preview) and of 2026 (GA); Azure OpenAI, preview API migration guide. See `core/protocol/README.md`. */
export const NO_COUNTERPART: readonly NoCounterpart[] = [
  { from: 'preview', where: 'event', name: 'transcription_session.update', becomes: 'refused: only realtime sessions are available' },
  { from: 'preview', where: 'session', name: 'temperature', becomes: LEFT_OUT },
  { from: 'preview', where: 'response.create', name: 'temperature', becomes: LEFT_OUT },
  { from: 'preview', where: 'response.create', name: 'commit', becomes: LEFT_OUT },
  { from: 'preview', where: 'response.create', name: 'cancel_previous', becomes: LEFT_OUT },
  { from: 'preview', where: 'response.create', name: 'append_input_items', becomes: LEFT_OUT },
  { from: 'preview', where: 'response', name: 'temperature', becomes: LEFT_OUT },
  { from: 'preview', where: 'turn detection', name: 'type "none"', becomes: 'null' },

  { from: 'ga', where: 'session', name: 'type', becomes: LEFT_OUT },
  { from: 'ga', where: 'session', name: 'truncation', becomes: LEFT_OUT },
  { from: 'ga', where: 'session', name: 'reasoning', becomes: LEFT_OUT },
  { from: 'ga', where: 'session', name: 'parallel_tool_calls', becomes: LEFT_OUT },
  { from: 'ga', where: 'response.create', name: 'reasoning', becomes: LEFT_OUT },
  { from: 'ga', where: 'response.create', name: 'parallel_tool_calls', becomes: LEFT_OUT },
  { from: 'ga', where: 'item', name: 'phase', becomes: LEFT_OUT },
  { from: 'ga', where: 'item type', name: 'mcp_list_tools', becomes: DROPPED },
  { from: 'ga', where: 'item type', name: 'mcp_call', becomes: DROPPED },
  { from: 'ga', where: 'item type', name: 'mcp_approval_request', becomes: DROPPED },
  { from: 'ga', where: 'item type', name: 'mcp_approval_response', becomes: DROPPED },
  { from: 'ga', where: 'content', name: 'input_image', becomes: 'left out towards a client; towards a preview upstream sent as it is, so that its refusal reaches the client' },
  { from: 'ga', where: 'tool', name: 'mcp', becomes: LEFT_OUT },
  { from: 'ga', where: 'tool choice', name: 'mcp', becomes: LEFT_OUT },
  { from: 'ga', where: 'turn detection', name: 'idle_timeout_ms', becomes: 'left out, except towards Voice Live' },
  { from: 'ga', where: 'transcription', name: 'languages', becomes: LEFT_OUT },
  { from: 'ga', where: 'transcription', name: 'keywords', becomes: LEFT_OUT },
  { from: 'ga', where: 'transcription', name: 'delay', becomes: LEFT_OUT },
  { from: 'ga', where: 'voice', name: 'an object', becomes: 'left out, except towards Voice Live' },
  { from: 'ga', where: 'event', name: 'conversation.item.done', becomes: 'dropped: conversation.item.created and response.output_item.done carry the item' },
  { from: 'ga', where: 'event', name: 'input_audio_buffer.timeout_triggered', becomes: DROPPED },
  { from: 'ga', where: 'event', name: 'input_audio_buffer.dtmf_event_received', becomes: DROPPED },
  { from: 'ga', where: 'event', name: 'mcp_list_tools.in_progress', becomes: DROPPED },
  { from: 'ga', where: 'event', name: 'mcp_list_tools.completed', becomes: DROPPED },
  { from: 'ga', where: 'event', name: 'mcp_list_tools.failed', becomes: DROPPED },
  { from: 'ga', where: 'event', name: 'response.mcp_call_arguments.delta', becomes: DROPPED },
  { from: 'ga', where: 'event', name: 'response.mcp_call_arguments.done', becomes: DROPPED },
  { from: 'ga', where: 'event', name: 'response.mcp_call.in_progress', becomes: DROPPED },
  { from: 'ga', where: 'event', name: 'response.mcp_call.completed', becomes: DROPPED },
  { from: 'ga', where: 'event', name: 'response.mcp_call.failed', becomes: DROPPED },
  { from: 'ga', where: 'event', name: 'conversation.created', becomes: LATE },
  { from: 'ga', where: 'event', name: 'conversation.item.input_audio_transcription.delta', becomes: LATE },
  { from: 'ga', where: 'event', name: 'conversation.item.input_audio_transcription.segment', becomes: LATE },
]

/** The names of one kind that only `from` has. */
export function gapNames(from: NoCounterpart['from'], where: NoCounterpart['where']): ReadonlySet<string> {
  return new Set(NO_COUNTERPART.filter((gap) => gap.from === from && gap.where === where).map((gap) => gap.name))
}

/** Event types that are sent only to clients known to use a late preview. */
export const LATE_TYPES: ReadonlySet<string> = new Set(NO_COUNTERPART.filter((gap) => gap.becomes === LATE).map((gap) => gap.name))
