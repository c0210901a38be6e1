// Events in preview spelling, both directions: their own names, GA's names with another payload, and those that are the same.
import type { Received, Sent } from './event-map.js'
import type { GaClientEvents } from './ga-client.js'
import type { GaServerEvents } from './ga-server.js'
import type {
  PreviewItem,
  PreviewNewItem,
  PreviewResponse,
  PreviewResponseRequest,
  PreviewSession,
  PreviewSessionUpdate,
  PreviewTranscriptionSession,
  PreviewTranscriptionUpdate,
} from './preview-session.js'
import type { TranscriptionUsage } from './response.js'

/** What a client sends that opened its socket with `OpenAI-Beta: realtime=v1`, on `/openai/realtime`, or with `dialect=preview`. */
export type PreviewClientEvents = Pick<GaClientEvents, SameFromClient> & Sent<ClientRows>
export type PreviewClientEvent = PreviewClientEvents[keyof PreviewClientEvents]

/** What such a client receives. Late ones come only to clients that have used a setting of their time. */
export type PreviewServerEvents = Pick<GaServerEvents, SameFromServer> & Renamed & Received<ServerRows>
export type PreviewServerEvent = PreviewServerEvents[keyof PreviewServerEvents]

type SameFromClient =
  | 'response.cancel'
  | 'conversation.item.retrieve'
  | 'conversation.item.delete'
  | 'conversation.item.truncate'
  | 'input_audio_buffer.append'
  | 'input_audio_buffer.commit'
  | 'input_audio_buffer.clear'
  | 'output_audio_buffer.clear'

interface ClientRows {
  'session.update': { session: PreviewSessionUpdate }
  'transcription_session.update': { session: PreviewTranscriptionUpdate }
  'response.create': { response?: PreviewResponseRequest }
  'conversation.item.create': { previous_item_id?: string | null; item: PreviewNewItem }
}

type SameFromServer =
  | 'error'
  | 'conversation.created'
  | 'conversation.item.deleted'
  | 'conversation.item.truncated'
  | 'conversation.item.input_audio_transcription.delta'
  | 'conversation.item.input_audio_transcription.segment'
  | 'conversation.item.input_audio_transcription.failed'
  | 'input_audio_buffer.committed'
  | 'input_audio_buffer.cleared'
  | 'input_audio_buffer.speech_started'
  | 'input_audio_buffer.speech_stopped'
  | 'output_audio_buffer.started'
  | 'output_audio_buffer.stopped'
  | 'output_audio_buffer.cleared'
  | 'response.content_part.added'
  | 'response.content_part.done'
  | 'response.function_call_arguments.delta'
  | 'response.function_call_arguments.done'
  | 'rate_limits.updated'

/** Preview's name, and the event of GA that has the same fields. */
interface GaNames {
  'response.text.delta': 'response.output_text.delta'
  'response.text.done': 'response.output_text.done'
  'response.audio.delta': 'response.output_audio.delta'
  'response.audio.done': 'response.output_audio.done'
  'response.audio_transcript.delta': 'response.output_audio_transcript.delta'
  'response.audio_transcript.done': 'response.output_audio_transcript.done'
}
type Renamed = Received<{ [T in keyof GaNames]: Omit<GaServerEvents[GaNames[T]], 'type' | 'event_id'> }>

interface ServerRows {
  'session.created': { session: PreviewSession }
  'session.updated': { session: PreviewSession }
  'transcription_session.created': { session: PreviewTranscriptionSession }
  'transcription_session.updated': { session: PreviewTranscriptionSession }
  /** GA has two events for this, `conversation.item.added` and `conversation.item.done`. */
  'conversation.item.created': { previous_item_id?: string | null; item: PreviewItem }
  'conversation.item.retrieved': { item: PreviewItem; previous_item_id?: string | null }
  /** The first previews had no `usage`. */
  'conversation.item.input_audio_transcription.completed': { item_id: string; content_index: number; transcript: string; usage?: TranscriptionUsage }
  'response.created': { response: PreviewResponse }
  'response.done': { response: PreviewResponse }
  'response.output_item.added': { response_id: string; output_index: number; item: PreviewItem }
  'response.output_item.done': { response_id: string; output_index: number; item: PreviewItem }
}
