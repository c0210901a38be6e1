// A response in GA spelling: how it is asked for, what became of it, and what it cost.
import type { Item, ItemReference, NewItem } from './items.js'
import type { AudioFormat, Modality, Prompt, ReasoningEffort, Voice } from './session.js'
import type { Tool, ToolChoice } from './tools.js'

/** At most 16 pairs; keys of at most 64, values of at most 512 characters. Comes back with the response. */
export type Metadata = { [key: string]: string }

/** What differs from the session, for one response. The relay takes `metadata`, and what `CLIENT_MAY_SET` opens. */
export interface ResponseRequest {
  output_modalities?: Modality[]
  instructions?: string
  audio?: { output?: { format?: AudioFormat; voice?: Voice } }
  tools?: Tool[]
  tool_choice?: ToolChoice
  parallel_tool_calls?: boolean
  reasoning?: { effort?: ReasoningEffort }
  /** 1 to 4096; `inf`: as many as the model has. */
  max_output_tokens?: number | 'inf'
  /** `none`: beside the conversation, which the relay refuses. */
  conversation?: 'auto' | 'none'
  metadata?: Metadata | null
  prompt?: Prompt | null
  /** Instead of the conversation. The relay refuses it. */
  input?: (NewItem | ItemReference)[]
}

export type ResponseStatus = 'in_progress' | 'completed' | 'cancelled' | 'failed' | 'incomplete'

export interface ResponseStatusDetails {
  type: 'completed' | 'cancelled' | 'failed' | 'incomplete'
  reason?: 'turn_detected' | 'client_cancelled' | 'max_output_tokens' | 'content_filter'
  error?: { type?: string; code?: string | null; message?: string | null } | null
}

/** Tokens. Cached ones are counted among the input's. */
export interface Usage {
  total_tokens?: number
  input_tokens?: number
  output_tokens?: number
  input_token_details?: {
    text_tokens?: number
    audio_tokens?: number
    image_tokens?: number
    cached_tokens?: number
    cached_tokens_details?: { text_tokens?: number; audio_tokens?: number; image_tokens?: number }
  }
  /** `reasoning_tokens` was seen in recorded sessions of Voice Live. */
  output_token_details?: { text_tokens?: number; audio_tokens?: number; reasoning_tokens?: number }
}

export interface Response {
  object: 'realtime.response'
  id: string
  status: ResponseStatus
  /** Null while it runs, and if it was completed. */
  status_details: ResponseStatusDetails | null
  /** Empty in `response.created`. */
  output: Item[]
  /** Null for a response beside the conversation. */
  conversation_id?: string | null
  output_modalities?: Modality[]
  max_output_tokens?: number | 'inf'
  audio?: { output?: { format?: AudioFormat; voice?: Voice } }
  /** Null until it is over, and if the relay had to end it. */
  usage: Usage | null
  metadata?: Metadata | null
}

/** What the transcription of a turn cost: tokens or seconds of sound, as its model is billed. */
export type TranscriptionUsage =
  | { type: 'tokens'; total_tokens: number; input_tokens: number; output_tokens: number; input_token_details?: { text_tokens?: number; audio_tokens?: number } }
  | { type: 'duration'; seconds: number }

export interface LogProb {
  token: string
  logprob: number
  bytes: number[]
}

/** What an `error` says. Through the relay `code` is one of its refusals, or one of the service's that is harmless to show. */
export interface ErrorDetails {
  type: string
  code?: string | null
  message: string
  /** The path of the field that is wrong, as the client spelled it. */
  param?: string | null
  /** Of the client's event that is meant. */
  event_id?: string | null
}
