// What a session knows about responses: the active one, tool results without an answer, and whose `response.create` is under way.
import type { Frame, JsonObject, RealtimeEvent } from '../../protocol/events.js'

/** An event of the upstream. `frame`: its own bytes, if the client may read them as they are. */
export interface UpstreamEvent {
  readonly event: RealtimeEvent
  readonly frame: Frame | undefined
}

export interface ActiveResponse {
  readonly id: string
  /** What its `response.create` asked for, so that a follow-up answers in the same way and under the same metadata. */
  readonly request: JsonObject | undefined
  /** `response.created`, kept back until something visible comes: a response that only calls server-run tools is never shown. */
  readonly deferred: UpstreamEvent | undefined
  /** Every tool result we owe an answer for was in the conversation before it began. */
  readonly coversOutputs: boolean
  /** It goes on where an answer broke off with its upstream: the client asked for none, and may ask for another meanwhile. */
  readonly goesOn?: boolean | undefined
  /** Results of background tools that were: once it is done, nothing more is owed for them. */
  readonly coversLate: readonly string[]
}

/** A completed response whose server-run calls want a follow-up. */
export interface Unanswered {
  readonly request: JsonObject | undefined
  /** It also called tools of the client, which will ask for a response of its own. */
  readonly mixed: boolean
  /** Not a response but the late result of a background tool: it waits while the user speaks. */
  readonly late?: boolean
}

export interface OwnRequest {
  readonly eventId: string
  readonly request: JsonObject | undefined
  /** Ids of the responses, or of late results, that it answers. */
  readonly covers: readonly string[]
  /** The client waits for it, since it has seen no end of what came before. */
  readonly awaited: boolean
}

/** A response that only called server-run tools, as the upstream sent it. */
export interface HiddenResponse {
  readonly created: UpstreamEvent
  readonly done: UpstreamEvent
}

export interface Responses {
  readonly active: ActiveResponse | undefined
  readonly unanswered: ReadonlyMap<string, Unanswered>
  /** Our own `response.create` on its way, not yet followed by a response or an error. */
  readonly ourRequest: OwnRequest | undefined
  /** A response that began before our create can have been read was taken for its answer. If it is refused after all, this is unanswered again. */
  readonly uncertainAnswer: { readonly eventId: string; readonly unanswered: readonly (readonly [string, Unanswered])[] } | undefined
  /** The client's `response.create` on its way, not yet followed by a response or an error. */
  readonly clientRequest: { readonly eventId: string | undefined; readonly request: JsonObject | undefined; readonly goesOn?: boolean } | undefined
  /** The client's `response.create` that waits: until the server-run calls of a mixed response are answered, or for the end of a follow-up that the client does not know of. */
  readonly deferredRequest: RealtimeEvent | undefined
  /** Drop the client's next `response.create`: our follow-up to a mixed response has asked for that answer. */
  readonly dropNextRequest: boolean
  /** Shown only if its follow-up fails. */
  readonly hiddenResponse: HiddenResponse | undefined
  /** The line said while a tool takes long. `id`: once it has begun. `until`: nothing waits for it after that time. */
  readonly filler: { readonly eventId: string; readonly id: string | undefined; readonly until: number; readonly cancelled: boolean } | undefined
  /** The response whose tools the last one was said for. */
  readonly filledFor: string | undefined
  /** Voice detection hears the user. */
  readonly userSpeaks: boolean
  /** When the user's turn was over to which no response has begun. The service answers within `ANSWER_BEGINS_MS`, or not at all. */
  readonly turnSince: number | undefined
  /** Follow-ups sent since the user's last turn. */
  readonly rounds: number
}

/** Between the end of a turn and `response.created`; recorded: some milliseconds. */
export const ANSWER_BEGINS_MS = 2000

const STATUSES = new Set(['completed', 'cancelled', 'incomplete', 'failed'])

/** One of a fixed set, for what is counted. */
export function statusLabel(status: string | undefined): string {
  return status !== undefined && STATUSES.has(status) ? status : 'unknown'
}

export const noResponses: Responses = {
  active: undefined,
  unanswered: new Map(),
  ourRequest: undefined,
  uncertainAnswer: undefined,
  clientRequest: undefined,
  deferredRequest: undefined,
  dropNextRequest: false,
  hiddenResponse: undefined,
  filler: undefined,
  filledFor: undefined,
  userSpeaks: false,
  turnSince: undefined,
  rounds: 0,
}

/** With every field written out, for the reason that `stateWith` gives. */
export function responsesWith(r: Responses, changes: Partial<Responses>): Responses {
  const copy: Responses = {
    active: r.active,
    unanswered: r.unanswered,
    ourRequest: r.ourRequest,
    uncertainAnswer: r.uncertainAnswer,
    clientRequest: r.clientRequest,
    deferredRequest: r.deferredRequest,
    dropNextRequest: r.dropNextRequest,
    hiddenResponse: r.hiddenResponse,
    filler: r.filler,
    filledFor: r.filledFor,
    userSpeaks: r.userSpeaks,
    turnSince: r.turnSince,
    rounds: r.rounds,
  }
  return Object.assign(copy, changes)
}
