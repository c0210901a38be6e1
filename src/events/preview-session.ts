// The session and the response in preview spelling, with what Voice Live adds to it: flat fields, where GA has objects inside `audio`.
import type { ItemStatus } from './items.js'
import type { Metadata, ResponseStatus, ResponseStatusDetails, Usage } from './response.js'
import type { Modality, Prompt, SemanticVad, ServerVad, Tracing } from './session.js'
import type { FunctionTool } from './tools.js'

/** `pcm16` is 24,000 Hz, 16 bit, little-endian, one channel; the others are G.711 at 8,000 Hz. */
export type PreviewAudioFormat = 'pcm16' | 'g711_ulaw' | 'g711_alaw'

/** Voice Live says whose a voice is. */
export type PreviewVoice = string | { type: string; name: string }

export type PreviewToolChoice = 'none' | 'auto' | 'required' | { type: 'function'; function: { name: string } } | { type: 'function'; name: string }

export interface PreviewTranscription {
  model?: string
  language?: string | null
  prompt?: string | null
  /** Voice Live's own. */
  custom_speech?: unknown
  /** Voice Live's own. */
  phrase_list?: unknown
}

/** Voice Live's own, which a session shows. */
interface VoiceLiveVad {
  end_of_utterance_detection?: unknown
  appended_text_after_truncation?: string | null
}

/** `none` is of the first preview: turns are committed by hand, which null says since. */
export type PreviewTurnDetection = (ServerVad & VoiceLiveVad) | SemanticVad | { type: 'none' }

interface PreviewInput {
  input_audio_format?: PreviewAudioFormat
  input_audio_transcription?: PreviewTranscription | null
  input_audio_noise_reduction?: { type: 'near_field' | 'far_field' } | null
  turn_detection?: PreviewTurnDetection | null
  include?: string[] | null
}

interface VoiceLiveInput {
  /** Hertz. */
  input_audio_sampling_rate?: number | null
  input_audio_echo_cancellation?: unknown
}

/** Fields that are absent stay as they are. */
export interface PreviewSessionUpdate extends PreviewInput, VoiceLiveInput {
  modalities?: Modality[]
  model?: string
  instructions?: string
  voice?: PreviewVoice
  output_audio_format?: PreviewAudioFormat | null
  tools?: FunctionTool[]
  tool_choice?: PreviewToolChoice
  /** 0.6 to 1.2. GA has none, and the relay leaves it out. */
  temperature?: number
  max_response_output_tokens?: number | 'inf'
  /** 0.25 to 1.5. */
  speed?: number
  prompt?: Prompt | null
  tracing?: Tracing | null
}

export interface PreviewSession extends PreviewSessionUpdate {
  object: 'realtime.session'
  id: string
  /** Seconds since 1970. */
  expires_at?: number
  /** These four are Voice Live's own. */
  animation?: unknown
  avatar?: unknown
  output_audio_timestamp_types?: string[] | null
  truncation_strategy?: unknown
}

/** A session that only writes down what it hears. The relay refuses it. */
export type PreviewTranscriptionUpdate = PreviewInput

export interface PreviewTranscriptionSession extends PreviewInput {
  object: string
  id: string
  expires_at?: number
}

/** Parts are named `text` and `audio`, whoever said them; those of the user as in GA. */
export type PreviewPart =
  | { type: 'input_text'; text: string }
  | { type: 'input_audio'; audio?: string | null; transcript?: string | null }
  | { type: 'text'; text: string }
  | { type: 'audio'; audio?: string | null; transcript?: string | null }

interface AnyPreviewItem {
  id?: string
  object?: 'realtime.item'
  status?: ItemStatus
}

export type PreviewNewItem =
  | (AnyPreviewItem & { type: 'message'; role: 'system' | 'user' | 'assistant'; content: PreviewPart[] })
  | (AnyPreviewItem & { type: 'function_call'; name: string; call_id?: string; arguments: string })
  | (AnyPreviewItem & { type: 'function_call_output'; call_id: string; output: string })

export type PreviewItem = PreviewNewItem & { id: string; object: 'realtime.item' }

export interface PreviewResponseRequest {
  modalities?: Modality[]
  instructions?: string
  voice?: PreviewVoice
  output_audio_format?: PreviewAudioFormat
  tools?: FunctionTool[]
  tool_choice?: PreviewToolChoice
  temperature?: number
  /** Some descriptions of preview have this name, others the next. */
  max_response_output_tokens?: number | 'inf'
  max_output_tokens?: number | 'inf'
  conversation?: 'auto' | 'none'
  metadata?: Metadata | null
  /** The relay refuses it, as it does `conversation: none`. */
  input?: (PreviewNewItem | { type: 'item_reference'; id: string })[]
  /** These three are of the first preview on Azure, and the relay leaves them out. */
  commit?: boolean
  cancel_previous?: boolean
  append_input_items?: PreviewNewItem[]
}

export interface PreviewResponse {
  object: 'realtime.response'
  id: string
  status: ResponseStatus
  status_details: ResponseStatusDetails | null
  output: PreviewItem[]
  conversation_id?: string | null
  modalities?: Modality[]
  voice?: PreviewVoice
  output_audio_format?: PreviewAudioFormat
  temperature?: number | null
  max_output_tokens?: number | 'inf'
  usage: Usage | null
  metadata?: Metadata | null
}
