// What the server owns for this caller: instructions, tools, session fields, what the client may set, limits.
import type { JsonObject } from '../protocol/events.js'
import type { GuardPolicy } from './guards.js'
import type { QuotaPolicy } from './quota.js'

/** A function tool as the model sees it; how it is run is not part of it. */
export interface ToolDefinition {
  readonly type: 'function'
  readonly name: string
  readonly description?: string
  readonly parameters?: JsonObject
}

/** Who answers a call: the relay (hidden from the client) or the client itself. */
export type ToolOwner = 'server' | 'client'

/** How a call is treated besides being run. */
export interface ToolHandling {
  /** What becomes of a running call when its response is cancelled; absent: `abort`. Its output is handed to the model either way. */
  readonly onCancel?: 'abort' | 'finish' | undefined
  /** The model reads at once that the tool runs, and its result later. Cancelling a response does not stop it. */
  readonly background?: boolean | undefined
  /** Nothing is kept from its start until the answer that follows it was spoken. */
  readonly pauseRecording?: boolean | undefined
  /** Runs only after a client that asked for the relay's events has approved the call. */
  readonly approval?: 'client' | undefined
}

export interface SessionTool extends ToolHandling {
  readonly definition: ToolDefinition
  readonly owner: ToolOwner
  /** Brought along by the client in this session. */
  readonly registered?: boolean
}

export interface SessionLimits {
  /** Longest session, in milliseconds from the upgrade. */
  readonly maxSessionMs: number
  /** Longest time without a client event, a response or a running tool, in milliseconds. */
  readonly idleTimeoutMs: number
  /** Time from the upgrade to a session configured as the server wants, in milliseconds. */
  readonly configureTimeoutMs: number
  /** How long a session is restored after its upstream was lost, in milliseconds. 0 or absent: it ends. */
  readonly reconnectMs?: number | undefined
  /** How long an upstream keeps a session if it does not say so, in milliseconds. 0 or absent: it is not left before its end. */
  readonly upstreamSessionMs?: number | undefined
  /** Tool rounds (a response that calls server-run tools, then our follow-up) in a row without a new turn of the user. */
  readonly toolMaxRounds: number
  /** Server-run calls at work at once in one session. */
  readonly toolMaxConcurrent: number
  /** Server-run calls per minute over time; sixteen, or a quarter of them, at once. */
  readonly toolCallsPerMinute: number
  /** How long a client may take to approve a call, in milliseconds. */
  readonly toolApprovalMs: number
  /** Refused client events after which the session is closed as `bad_event`. */
  readonly maxViolations: number
  /** The client's own `response.create` and `session.update` per minute over time; bursts of ten and twenty pass. */
  readonly responsesPerMinute: number
  readonly sessionUpdatesPerMinute: number
  /** Items the client may create, deleted ones included. */
  readonly maxItems: number
  /** Where a profile says otherwise than the relay's settings. Audio counts decoded. */
  readonly messagesPerSecond?: number | undefined
  readonly bytesPerSecond?: number | undefined
  readonly audioBytesPerSecond?: number | undefined
  /** How long the session waits for its client to come back. Absent or 0: it does not. */
  readonly resumeMs?: number
}

export interface Interruption {
  /** `protect`: an answer is finished, whatever the user says meanwhile. */
  readonly bargeIn: 'allow' | 'protect'
  /** Milliseconds of an answer's playback within which nothing interrupts it. */
  readonly protectMs?: number | undefined
  /** Speech that is shorter does not interrupt. */
  readonly minSpeechMs?: number | undefined
  /** `relay`: on an interruption the relay truncates each item at what was heard. `client`: the client does. */
  readonly truncate: 'client' | 'relay'
}

/** Lines are instructions for what the model says. */
export interface Manners {
  /** Said first, as soon as the upstream is ready. */
  readonly greeting?: string | undefined
  /** After so long with neither side speaking: the question, so often; then the goodbye, and the end. */
  readonly silence?: { readonly afterMs: number; readonly question: string; readonly times: number; readonly goodbye: string } | undefined
  /** Said so long before the longest time of the session, and the goodbye at its end. */
  readonly ending?: { readonly warnMs: number; readonly warning: string; readonly goodbye: string } | undefined
  /** The model may end the call: the built-in tool `hang_up`. */
  readonly hangUp?: boolean | undefined
  /** Names of where the model may transfer the caller: the built-in tool `transfer_call`. Their targets are known to the relay alone. */
  readonly transferTo?: readonly string[] | undefined
  /** What becomes of keys. `tools`: server-run tools get them; `model`: it reads them too. Absent: nobody does. */
  readonly keys?: 'tools' | 'model' | undefined
}

/** `audio`: and the transcript. `awaited`: nothing is kept before the client consents; `given`: it has, or need not. */
export interface RecordPolicy {
  readonly keeps: 'transcript' | 'audio'
  readonly consent: 'awaited' | 'given'
}

/** Fixed for the life of a session, except for tools that the client registers. */
export interface SessionProfile {
  readonly name: string
  readonly instructions: string
  readonly tools: readonly SessionTool[]
  /** GA session fields the server sets (without `instructions` and `tools`). */
  readonly session: JsonObject
  /** Dotted GA session paths that a client may override, each a key of the settable table. */
  readonly clientMaySet: ReadonlySet<string>
  /** By path, the only values a client may set, as `spelled` spells them. A path without an entry takes any. */
  readonly clientMaySetValues?: Readonly<Record<string, readonly string[]>> | undefined
  readonly clientMaySeedHistory: boolean
  /** Whether the client may register tools of its own. */
  readonly clientTools?: boolean
  readonly forwardRateLimits: boolean
  /** Whether this client asked for `relay.*` events. */
  readonly relayEvents: boolean
  readonly limits: SessionLimits
  /** Milliseconds that a server-run tool runs before it is announced and `toolFiller` is said; a tick of the relay more at most. Absent: announced at once. */
  readonly toolNoticeMs?: number | undefined
  /** Instructions for a line the model says then. Absent: it says nothing. */
  readonly toolFiller?: string | undefined
  /** What becomes of an answer that a lost upstream cut off. Absent: `continue`. */
  readonly onCutAnswer?: 'leave' | 'continue' | undefined
  /** Absent: this caller may use what it likes. */
  readonly quota?: QuotaPolicy | undefined
  /** What becomes of an answer when the user speaks into it. Absent: voice detection interrupts it, and nothing is truncated by the relay. */
  readonly interruption?: Interruption | undefined
  /** How the relay behaves in a conversation by voice, such as a telephone call. Absent: it only relays. */
  readonly manners?: Manners | undefined
  /** Absent: nobody checks what is said. */
  readonly guards?: GuardPolicy | undefined
  /** What is kept of the session. Absent: nothing. */
  readonly record?: RecordPolicy | undefined
  /** Zones of upstreams that the conversation may go to. Absent: any. */
  readonly zones?: readonly string[] | undefined
}

/** All lines that the relay has the model say, beside the instructions. */
export function linesOf({ manners, guards, toolFiller }: Pick<SessionProfile, 'manners' | 'guards' | 'toolFiller'>): readonly string[] {
  const { greeting, silence, ending } = manners ?? {}
  return [greeting, silence?.question, silence?.goodbye, ending?.warning, ending?.goodbye, guards?.blockedLine, toolFiller].filter((line) => line !== undefined)
}

/** Of one response (source: OpenAI's API reference, `max_output_tokens`, 1 to 4096 or `inf`). */
const MOST_OUTPUT_TOKENS = 4096

/** The most tokens a response may speak or write; a session's own cap counts if the client cannot lift it. */
export function outputCap({ session, clientMaySet }: SessionProfile, request: JsonObject | undefined): number {
  const cap = request?.max_output_tokens ?? (clientMaySet.has('max_output_tokens') ? undefined : session.max_output_tokens)
  return typeof cap === 'number' && cap > 0 ? Math.min(cap, MOST_OUTPUT_TOKENS) : MOST_OUTPUT_TOKENS
}
