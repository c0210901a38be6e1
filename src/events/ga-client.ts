// What a client sends in GA spelling. Source: OpenAI's published description, `RealtimeClientEvent`; the relay's policy says what it takes of it.
import type { Sent } from './event-map.js'
import type { NewItem } from './items.js'
import type { ResponseRequest } from './response.js'
import type { SessionUpdate, TranscriptionSessionUpdate } from './session.js'

export type GaClientEvents = Sent<Rows>
export type GaClientEvent = GaClientEvents[keyof GaClientEvents]

interface Rows {
  /** Answered by `session.updated`, or by one `error`, and then nothing of it is in force. */
  'session.update': { session: SessionUpdate | TranscriptionSessionUpdate }

  /** One response runs at a time. */
  'response.create': { response?: ResponseRequest }
  /** Without `response_id`: the one that runs. */
  'response.cancel': { response_id?: string }

  /** `previous_item_id`: goes behind that item; `root`: becomes the first; absent: the last. */
  'conversation.item.create': { previous_item_id?: string | null; item: NewItem }
  /** Answered by the item with its sound. */
  'conversation.item.retrieve': { item_id: string }
  'conversation.item.delete': { item_id: string }
  /** What was not heard of an answer: its part of that index ends at so many milliseconds of its own sound. */
  'conversation.item.truncate': { item_id: string; content_index: number; audio_end_ms: number }

  /** Base64 in the format of the session's input, at most 15 MiB of sound. */
  'input_audio_buffer.append': { audio: string }
  /** Ends a turn by hand. Asks for no answer. */
  'input_audio_buffer.commit': unknown
  'input_audio_buffer.clear': unknown

  /** In a call by WebRTC, or if the relay keeps track of what was heard: what still waits to be played is dropped. */
  'output_audio_buffer.clear': unknown
}
