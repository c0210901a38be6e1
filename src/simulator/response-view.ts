// The response object as it appears in events, and the settings behind it.
import type { Json, JsonObject } from '../core/protocol/events.js'
import type { Item, StoredItem } from './conversation.js'
import type { AudioFormat, Tool } from './session-config.js'

export interface ResponseSettings {
  readonly conversationId: string | null
  readonly modality: 'text' | 'audio'
  readonly instructions: string
  readonly tools: readonly Tool[]
  readonly toolChoice: string | JsonObject
  readonly parallel: boolean
  readonly maxTokens: number | 'inf'
  readonly format: AudioFormat
  readonly voice: string | JsonObject
  readonly speed: number
  /** Null: the model is not asked to reason, so its usage does not count reasoning. */
  readonly reasoning: Json
  readonly metadata: Json
  readonly items: readonly StoredItem[]
}

export type ResponseStatus = 'in_progress' | 'completed' | 'cancelled' | 'incomplete' | 'failed'

export function responseView(id: string, settings: ResponseSettings, state: { status: ResponseStatus; details: Json; output: readonly Item[]; usage: Json }): JsonObject {
  return {
    object: 'realtime.response',
    id,
    status: state.status,
    status_details: state.details,
    output: [...state.output],
    conversation_id: settings.conversationId,
    output_modalities: [settings.modality],
    max_output_tokens: settings.maxTokens,
    audio: { output: { format: settings.format, voice: settings.voice } },
    usage: state.usage,
    metadata: settings.metadata,
  }
}
