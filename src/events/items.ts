// The items of a conversation in GA spelling, as a client sends them and as they are in it.

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

export interface InputTextPart {
  type: 'input_text'
  text: string
}

export interface InputAudioPart {
  type: 'input_audio'
  /** Base64, in the format of the session's input. Received only after `conversation.item.retrieve`. */
  audio?: string | null
  /** Null until transcription has said it, and for good if the session has none. */
  transcript?: string | null
}

export interface InputImagePart {
  type: 'input_image'
  /** A `data:` URL of a PNG or JPEG. */
  image_url?: string
  detail?: 'auto' | 'low' | 'high'
}

export interface OutputTextPart {
  type: 'output_text'
  text: string
}

export interface OutputAudioPart {
  type: 'output_audio'
  /** Base64, in the format of the session's output. Received only after `conversation.item.retrieve`. */
  audio?: string | null
  transcript?: string | null
}

interface AnyItem {
  /** Chosen by whoever creates the item, or else by the service. At most 32 characters. */
  id?: string
  /** Absent in GA's own events, present in those that were preview's. */
  object?: 'realtime.item'
  status?: ItemStatus
}

export interface SystemMessage extends AnyItem {
  type: 'message'
  role: 'system'
  content: InputTextPart[]
}

export interface UserMessage extends AnyItem {
  type: 'message'
  role: 'user'
  content: (InputTextPart | InputAudioPart | InputImagePart)[]
}

export interface AssistantMessage extends AnyItem {
  type: 'message'
  role: 'assistant'
  content: (OutputTextPart | OutputAudioPart)[]
  /** Of models that think aloud: whether this is about the answer, or is it. Not in the schema; seen in recorded sessions. */
  phase?: 'commentary' | 'final_answer'
}

export interface FunctionCall extends AnyItem {
  type: 'function_call'
  name: string
  /** What its result has to name. */
  call_id?: string
  /** JSON text; empty while the model still writes it. */
  arguments: string
}

export interface FunctionCallOutput extends AnyItem {
  type: 'function_call_output'
  call_id: string
  /** What the model reads, JSON or any other text. */
  output: string
}

export interface McpListTools {
  type: 'mcp_list_tools'
  id?: string
  server_label: string
  tools: { name: string; description?: string | null; input_schema: unknown; annotations?: unknown }[]
}

export interface McpCall {
  type: 'mcp_call'
  id: string
  server_label: string
  name: string
  arguments: string
  approval_request_id?: string | null
  output?: string | null
  error?: { type: 'protocol_error' | 'http_error'; code: number; message: string } | { type: 'tool_execution_error'; message: string } | null
}

export interface McpApprovalRequest {
  type: 'mcp_approval_request'
  id: string
  server_label: string
  name: string
  arguments: string
}

export interface McpApprovalResponse {
  type: 'mcp_approval_response'
  id: string
  approval_request_id: string
  approve: boolean
  reason?: string | null
}

/** Of tools that the service runs by itself. The relay configures none, drops these from what a client receives, and refuses them from a client. */
export type McpItem = McpListTools | McpCall | McpApprovalRequest | McpApprovalResponse

export type Message = SystemMessage | UserMessage | AssistantMessage

/** An item that a client sends. The relay takes user messages, and results of the client's own calls; more if its configuration says so. */
export type NewItem = Message | FunctionCall | FunctionCallOutput | McpItem

/** An item of the conversation. A client of the relay sees messages of user and assistant, and its own calls with their results. */
export type Item = (Message | (FunctionCall & { call_id: string }) | FunctionCallOutput | McpItem) & { id: string }

/** Stands for an item of the conversation in the input of a response. */
export interface ItemReference {
  type: 'item_reference'
  id: string
}

/** A part while it is being made. Its names are those of preview, in both dialects. */
export type ContentPart = { type: 'text'; text?: string } | { type: 'audio'; audio?: string; transcript?: string }
