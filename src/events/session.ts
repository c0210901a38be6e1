// The session in GA spelling: what a client asks for, and what is in force.
import type { Tool, ToolChoice } from './tools.js'

/** `audio/pcm` is 16 bit, little-endian, one channel, and has one rate: 24,000 Hz. The other two are G.711 at 8,000 Hz. */
export type AudioFormat = { type: 'audio/pcm'; rate: 24000 } | { type: 'audio/pcmu' } | { type: 'audio/pcma' }

/** A voice has a name; one made for a customer has an id. */
export type Voice = string | { id: string }

export type Modality = 'text' | 'audio'

/** How hard the model thinks before it speaks. Newer models alone have it. */
export type ReasoningEffort = 'minimal' | 'low' | 'medium' | 'high' | 'xhigh'

export interface Transcription {
  /** OpenAI's name of the model; on Azure a deployment, which the relay puts there. */
  model?: string | null
  /** ISO 639-1, such as `de`. */
  language?: string | null
  languages?: string[] | null
  keywords?: string[] | null
  prompt?: string | null
  /** How long a word may wait for a better guess. */
  delay?: 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | null
}

/** A turn ends after a silence of `silence_duration_ms`. */
export interface ServerVad {
  type: 'server_vad'
  /** 0 to 1: how loud is speech. */
  threshold?: number
  /** Milliseconds of sound before the first word that belong to the turn. */
  prefix_padding_ms?: number
  /** Milliseconds. */
  silence_duration_ms?: number
  /** Milliseconds, 5,000 to 30,000: after so long a silence the model speaks again. Null: it waits. */
  idle_timeout_ms?: number | null
  /** Whether a turn is answered without being asked to. */
  create_response?: boolean
  /** Whether a turn that begins stops the answer. */
  interrupt_response?: boolean
  /** Milliseconds; from an upstream of Voice Live, as is the next. */
  speech_duration_ms?: number | null
  auto_truncate?: boolean
}

/** A turn ends when the sentence sounds finished. */
export interface SemanticVad {
  type: 'semantic_vad'
  eagerness?: 'low' | 'medium' | 'high' | 'auto'
  create_response?: boolean
  interrupt_response?: boolean
}

export type TurnDetection = ServerVad | SemanticVad

export interface AudioInput {
  format?: AudioFormat
  /** Null: what the user says is not written down. */
  transcription?: Transcription | null
  /** For what microphone: near is a headset, far a room. */
  noise_reduction?: { type: 'near_field' | 'far_field' } | null
  /** Null: the client commits turns by hand. */
  turn_detection?: TurnDetection | null
}

export interface AudioOutput {
  format?: AudioFormat
  /** Fixed by the first answer in sound. */
  voice?: Voice
  /** 0.25 to 1.5; 1 is as the voice speaks. */
  speed?: number
}

/** What becomes of the oldest items when the model's context is full. `retention_ratio`: that share of it, 0 to 1, is kept. */
export type Truncation = 'auto' | 'disabled' | { type: 'retention_ratio'; retention_ratio: number; token_limits?: { post_instructions?: number } }

export interface Prompt {
  id: string
  version?: string | null
  variables?: { [name: string]: unknown } | null
}

export type Tracing = 'auto' | { workflow_name?: string; group_id?: string; metadata?: unknown }

/** Fields that are absent stay as they are. Which of them the relay takes from a client, its setting `CLIENT_MAY_SET` says. */
export interface SessionUpdate {
  /** The relay has conversations alone, and fills this in if it is missing. */
  type: 'realtime'
  /** Sound comes with its transcript, so one of the two is all there is to ask for. */
  output_modalities?: Modality[]
  model?: string
  instructions?: string
  audio?: { input?: AudioInput; output?: AudioOutput }
  include?: 'item.input_audio_transcription.logprobs'[] | null
  tools?: Tool[]
  tool_choice?: ToolChoice
  parallel_tool_calls?: boolean
  reasoning?: { effort?: ReasoningEffort }
  /** 1 to 4096 for one answer; `inf`: as many as the model has. */
  max_output_tokens?: number | 'inf'
  truncation?: Truncation
  prompt?: Prompt | null
  tracing?: Tracing | null
}

/** A session that only writes down what it hears. The relay refuses it. */
export interface TranscriptionSessionUpdate {
  type: 'transcription'
  audio?: { input?: AudioInput }
  include?: 'item.input_audio_transcription.logprobs'[] | null
}

/**
 * The session in force. Through the relay it has the client's own part: `instructions` is empty, `model` is what the client asked for, `tools` are
 * those that the client registered, and what the server fixed is absent.
 */
export interface Session extends SessionUpdate {
  object: 'realtime.session'
  id: string
  /** Seconds since 1970. */
  expires_at?: number
}

export interface TranscriptionSession extends TranscriptionSessionUpdate {
  object: string
  id: string
  /** Seconds since 1970. */
  expires_at?: number
}
