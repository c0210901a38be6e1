// What a client receives in GA spelling. Source: OpenAI's published description, `RealtimeServerEvent`, and recorded sessions for fields that it lacks.
import type { Received } from './event-map.js'
import type { ContentPart, Item } from './items.js'
import type { ErrorDetails, LogProb, Response, TranscriptionUsage } from './response.js'
import type { Session, TranscriptionSession } from './session.js'

export type GaServerEvents = Received<Rows> & NoId
export type GaServerEvent = GaServerEvents[keyof GaServerEvents]

/** Where in a response: its part of that index, of its item of that index. Indices begin at 0, and hidden items leave gaps. */
interface Place {
  response_id: string
  item_id: string
  output_index: number
  content_index: number
}
type ItemPlace = Omit<Place, 'content_index'>

interface Delta {
  delta: string
  /** Characters without meaning that hide the length of `delta` on the wire. */
  obfuscation?: string | null
}

/** Null: the item is the first, or what is before it is not the client's. */
interface ItemEvent {
  previous_item_id?: string | null
  item: Item
}

interface Rows {
  /** The session goes on, unless a close follows. */
  error: { error: ErrorDetails }

  /** The first event. */
  'session.created': { session: Session | TranscriptionSession }
  'session.updated': { session: Session | TranscriptionSession }

  /** No recorded session of GA has this. */
  'conversation.created': { conversation: { id?: string; object?: 'realtime.conversation' } }
  /** Preview's; in GA it is published, and no recorded session has it. */
  'conversation.item.created': ItemEvent
  /** Its content may still be empty. */
  'conversation.item.added': ItemEvent
  'conversation.item.done': ItemEvent
  'conversation.item.retrieved': { item: Item }
  'conversation.item.deleted': { item_id: string }
  'conversation.item.truncated': { item_id: string; content_index: number; audio_end_ms: number }

  'conversation.item.input_audio_transcription.delta': { item_id: string; content_index?: number; delta?: string; obfuscation?: string; logprobs?: LogProb[] | null }
  'conversation.item.input_audio_transcription.completed': {
    item_id: string
    content_index: number
    transcript: string
    /** As the model heard, most likely first. */
    languages?: { code: string }[]
    logprobs?: LogProb[] | null
    usage: TranscriptionUsage
  }
  /** Models that tell speakers apart; `start` and `end` in seconds. */
  'conversation.item.input_audio_transcription.segment': { item_id: string; content_index: number; id: string; text: string; speaker: string; start: number; end: number }
  'conversation.item.input_audio_transcription.failed': { item_id: string; content_index: number; error: Partial<ErrorDetails> }

  'input_audio_buffer.committed': { previous_item_id?: string | null; item_id: string }
  'input_audio_buffer.cleared': unknown
  /** Milliseconds of all sound that was sent, less the padding before the first word. */
  'input_audio_buffer.speech_started': { audio_start_ms: number; item_id: string }
  /** Milliseconds of all sound that was sent, silence included. */
  'input_audio_buffer.speech_stopped': { audio_end_ms: number; item_id: string }
  /** Nobody has spoken for `idle_timeout_ms`, between these milliseconds of all sound that was sent. */
  'input_audio_buffer.timeout_triggered': { audio_start_ms: number; audio_end_ms: number; item_id: string }

  /** These three come in calls by WebRTC and SIP alone, whose sound the service plays. */
  'output_audio_buffer.started': { response_id: string }
  'output_audio_buffer.stopped': { response_id: string }
  'output_audio_buffer.cleared': { response_id: string }

  'response.created': { response: Response }
  /** Comes whatever became of the response. */
  'response.done': { response: Response }
  'response.output_item.added': { response_id: string; output_index: number; item: Item }
  'response.output_item.done': { response_id: string; output_index: number; item: Item }
  /** `content` repeats `part`. Not in the schema; seen in recorded sessions. */
  'response.content_part.added': Place & { part: ContentPart; content?: ContentPart }
  'response.content_part.done': Place & { part: ContentPart; content?: ContentPart }

  'response.output_text.delta': Place & Delta & { logprobs?: LogProb[] | null }
  'response.output_text.done': Place & { text: string; logprobs?: LogProb[] | null }
  /** `delta` is base64, in the format of the session's output. */
  'response.output_audio.delta': Place & Delta
  'response.output_audio.done': Place
  'response.output_audio_transcript.delta': Place & Delta
  'response.output_audio_transcript.done': Place & { transcript: string }

  'response.function_call_arguments.delta': ItemPlace & Delta & { call_id: string }
  /** `arguments` is JSON text. */
  'response.function_call_arguments.done': ItemPlace & { call_id: string; name?: string; arguments: string }

  /** Tools that the service runs by itself; a client of the relay receives none of these eight. */
  'mcp_list_tools.in_progress': { item_id: string }
  'mcp_list_tools.completed': { item_id: string }
  'mcp_list_tools.failed': { item_id: string }
  'response.mcp_call_arguments.delta': ItemPlace & Delta
  'response.mcp_call_arguments.done': ItemPlace & { arguments: string }
  'response.mcp_call.in_progress': { item_id: string; output_index: number }
  'response.mcp_call.completed': { item_id: string; output_index: number }
  'response.mcp_call.failed': { item_id: string; output_index: number }

  /** Of the whole deployment, which all users share, so the relay sends it only if its profile says so. `reset_seconds` from now. */
  'rate_limits.updated': { rate_limits: { name?: 'requests' | 'tokens'; limit?: number; remaining?: number; reset_seconds?: number }[] }
}

interface NoId {
  /** A key on the telephone, by SIP alone; `received_at` in seconds since 1970. The relay keeps it from clients. */
  'input_audio_buffer.dtmf_event_received': { type: 'input_audio_buffer.dtmf_event_received'; event_id?: string; event: string; received_at: number }
}
