// What `realtime-relay/events` offers: the types of all events of a session, for browsers and servers. There is nothing here at run time.
import type { GaClientEvents } from './ga-client.js'
import type { GaServerEvents } from './ga-server.js'
import type { RelayClientEvents, RelayServerEvents } from './relay.js'

/** What a GA client sends through the relay, by `type`. The types say what the protocol has; the relay's policy takes less. */
export type ClientEvents = GaClientEvents & RelayClientEvents
/** One of them; `type` tells which. */
export type ClientEvent = ClientEvents[keyof ClientEvents]

/** What a GA client receives through the relay, by `type`. A newer service may send more, so let a client pass over what it does not know. */
export type ServerEvents = GaServerEvents & RelayServerEvents
/** One of them; `type` tells which. */
export type ServerEvent = ServerEvents[keyof ServerEvents]

export type { GaClientEvent, GaClientEvents } from './ga-client.js'
export type { GaServerEvent, GaServerEvents } from './ga-server.js'
export type {
  AssistantMessage,
  ContentPart,
  FunctionCall,
  FunctionCallOutput,
  InputAudioPart,
  InputImagePart,
  InputTextPart,
  Item,
  ItemReference,
  ItemStatus,
  McpItem,
  Message,
  NewItem,
  OutputAudioPart,
  OutputTextPart,
  SystemMessage,
  UserMessage,
} from './items.js'
export type { PreviewClientEvent, PreviewClientEvents, PreviewServerEvent, PreviewServerEvents } from './preview.js'
export type {
  PreviewAudioFormat,
  PreviewItem,
  PreviewNewItem,
  PreviewResponse,
  PreviewResponseRequest,
  PreviewSession,
  PreviewSessionUpdate,
} from './preview-session.js'
export type { QuotaLeft, RelayClientEvent, RelayClientEvents, RelayEvent, RelayEvents, RelayServerEvent, RelayServerEvents } from './relay.js'
export type { ErrorDetails, LogProb, Metadata, Response, ResponseRequest, ResponseStatus, ResponseStatusDetails, TranscriptionUsage, Usage } from './response.js'
export type {
  AudioFormat,
  AudioInput,
  AudioOutput,
  Modality,
  Prompt,
  ReasoningEffort,
  SemanticVad,
  ServerVad,
  Session,
  SessionUpdate,
  Tracing,
  Transcription,
  TranscriptionSession,
  Truncation,
  TurnDetection,
  Voice,
} from './session.js'
export type { FunctionTool, McpTool, Tool, ToolChoice } from './tools.js'
