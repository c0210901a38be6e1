// The response machine: every change of what a session knows about responses, by name. The rest of core calls these and nothing else.
//
//   floor      a request goes out      response.created      response.done          the request is refused
//   free       asked                   upstream              free                   free
//   asked      asked (the client's     upstream              asked                  free, or the request waits
//              second replaces)
//   upstream   upstream                upstream (the newer)  free, if it was        upstream
//                                                            the active one
//   filler     asked (the line is      upstream              filler, or free if     free, if it was the line's
//              cancelled first)                              it was the line's
//
// Invariants, which test/core/session/interleavings.test.ts checks on every order of events it can make:
// - the relay has at most one request on its way, and none while a response is active, as far as it can know;
// - when nothing is on its way any more, no request, no hidden response, no filler and no unanswered response is left;
// - a response is shown once, with one beginning and one end, or never; a call is started once and answered once.
import type { JsonObject, RealtimeEvent } from '../../protocol/events.js'
import { type ActiveResponse, type HiddenResponse, type Responses, responsesWith, type Unanswered } from './state.js'

const NONE: readonly string[] = []

export function clientAsked(r: Responses, eventId: string | undefined, request: JsonObject | undefined): Responses {
  return responsesWith(r, { clientRequest: { eventId, request } })
}

/** The client's request came to nothing. */
export function clientRequestOver(r: Responses): Responses {
  return responsesWith(r, { clientRequest: undefined })
}

/** The client's request waits until `followUp` lets it go. */
export function clientRequestDeferred(r: Responses, event: RealtimeEvent): Responses {
  return responsesWith(r, { deferredRequest: event })
}

export function deferredRequestOver(r: Responses): Responses {
  return responsesWith(r, { deferredRequest: undefined })
}

/** The client's next request has been answered by ours already: this was it, or there will be none. */
export function nextRequestWanted(r: Responses): Responses {
  return r.dropNextRequest ? responsesWith(r, { dropNextRequest: false }) : r
}

/** The client said something new, or asked for an answer: tool rounds count from here, and its next request is one of its own. */
export function itemTaken(r: Responses): Responses {
  return r.rounds === 0 && !r.dropNextRequest ? r : responsesWith(r, { rounds: 0, dropNextRequest: false })
}

/** The user took a turn: tool rounds count from here. */
export function turnTaken(r: Responses, now: number): Responses {
  return responsesWith(r, { rounds: 0, turnSince: now })
}

/** The user has spoken: an answer may come. */
export function speechOver(r: Responses, now: number): Responses {
  return responsesWith(r, { userSpeaks: false, turnSince: now })
}

export function speechHeard(r: Responses, userSpeaks: boolean): Responses {
  return r.userSpeaks === userSpeaks ? r : responsesWith(r, { userSpeaks })
}

/** We ask for the answer to a spoken turn. It owes no tool result an answer. */
export function askedForTurn(r: Responses, eventId: string): Responses {
  return responsesWith(r, { ourRequest: { eventId, request: undefined, covers: [], awaited: true } })
}

/** We ask for a line of the profile. The client waits for nothing, so that a request of its own is kept until the line is over. */
export function askedForLine(r: Responses, eventId: string, request: JsonObject): Responses {
  return responsesWith(r, { ourRequest: { eventId, request, covers: [], awaited: false } })
}

/** We ask for the answer to all tool results. A mixed response's client is about to ask for the same answer: that request is dropped. */
export function askedForResults(r: Responses, eventId: string, request: JsonObject | undefined): Responses {
  const mixed = [...r.unanswered.values()].some((one) => one.mixed)
  const awaited = r.hiddenResponse !== undefined || r.deferredRequest !== undefined
  return responsesWith(r, {
    ourRequest: { eventId, request, covers: [...r.unanswered.keys()], awaited },
    deferredRequest: undefined,
    dropNextRequest: mixed && !r.deferredRequest,
    rounds: r.rounds + 1,
  })
}

/** The follow-up's own `response.created` takes the place of the one that was never shown. */
export function began(r: Responses, active: Omit<ActiveResponse, 'request'>): Responses {
  const request = r.ourRequest ? r.ourRequest.request : r.clientRequest?.request
  const { goesOn } = r.clientRequest ?? {}
  return responsesWith(r, {
    turnSince: undefined,
    active: { id: active.id, request, deferred: active.deferred, coversOutputs: active.coversOutputs, goesOn, coversLate: active.coversLate },
    clientRequest: undefined,
    hiddenResponse: r.ourRequest ? undefined : r.hiddenResponse,
  })
}

/** The response that had the floor was lost with its upstream: it, or the rest of it, is asked for once more. */
export function askedAgain(r: Responses, eventId: string, request: JsonObject | undefined): Responses {
  if (r.ourRequest) return responsesWith(r, { active: undefined, ourRequest: { ...r.ourRequest, eventId } })
  return responsesWith(r, { active: undefined, clientRequest: { eventId, request, goesOn: true } })
}

/** `response.created` has gone to the client. */
export function shown(r: Responses): Responses {
  return r.active ? responsesWith(r, { active: { ...r.active, deferred: undefined } }) : r
}

/** A response ended. `wantsFollowUp`: it called server-run tools whose results want an answer. */
export function ended(r: Responses, id: string, wantsFollowUp: { readonly mixed: boolean } | undefined): Responses {
  const { active, ourRequest } = r
  const isActive = isActiveOne(r, id)
  // It may have been another's answer that began before our request was read: if that is refused after all, its results are unanswered again.
  const uncertain = isActive && ourRequest && active && !active.coversOutputs
  const uncertainAnswer = uncertain ? { eventId: ourRequest.eventId, unanswered: [...r.unanswered].filter(([one]) => ourRequest.covers.includes(one)) } : r.uncertainAnswer
  const unanswered = isActive || wantsFollowUp ? unansweredAfter(r, id, isActive, wantsFollowUp) : r.unanswered
  return isActive
    ? responsesWith(r, { active: undefined, ourRequest: undefined, dropNextRequest: false, unanswered, uncertainAnswer })
    : responsesWith(r, { unanswered, uncertainAnswer })
}

function unansweredAfter(
  { unanswered, active, ourRequest }: Responses,
  id: string,
  isActive: boolean,
  wantsFollowUp: { readonly mixed: boolean } | undefined,
): Responses['unanswered'] {
  const covers = (isActive ? ourRequest?.covers : undefined) ?? NONE
  const coversLate = (isActive ? active?.coversLate : undefined) ?? NONE
  if (covers.length === 0 && coversLate.length === 0 && !wantsFollowUp) return unanswered
  const after = new Map(unanswered)
  for (const one of covers) after.delete(one)
  for (const one of coversLate) after.delete(one)
  if (wantsFollowUp) after.set(id, { request: active?.request, mixed: wantsFollowUp.mixed })
  return after
}

/** Whether `response.done` with this id ends the response that has the floor; an upstream may leave out `response.created`. */
export function isActiveOne({ active }: Responses, id: string): boolean {
  return active === undefined || active.id === id
}

export function responseHidden(r: Responses, hiddenResponse: HiddenResponse): Responses {
  return responsesWith(r, { hiddenResponse })
}

/** The hidden response is shown, or will never be. */
export function hiddenResponseOver(r: Responses): Responses {
  return responsesWith(r, { hiddenResponse: undefined })
}

/** While another response is active, what our request was for stays unanswered. */
export function ourRequestRefused(r: Responses): Responses {
  return responsesWith(r, { ourRequest: undefined })
}

/** The results get no answer of their own: there was an error, too many rounds, or another answer has them in view. */
export function resultsGivenUp(r: Responses): Responses {
  return responsesWith(r, { unanswered: new Map(), hiddenResponse: undefined, dropNextRequest: false })
}

/** The client cancelled: nothing is answered, and nothing waits. `responseId`: only this response is not answered. */
export function toolsCancelled(r: Responses, responseId?: string): Responses {
  if (responseId === undefined) return responsesWith(r, { unanswered: new Map(), deferredRequest: undefined })
  return responsesWith(r, { unanswered: new Map([...r.unanswered].filter(([id]) => id !== responseId)) })
}

export function lateResultUnanswered(r: Responses, itemId: string): Responses {
  const late: Unanswered = { request: undefined, mixed: false, late: true }
  return responsesWith(r, { unanswered: new Map(r.unanswered).set(itemId, late) })
}

/** The results of this response want no answer of their own while the user speaks: the answer to that has them in view. */
export function resultsCanWait(r: Responses, responseId: string | undefined): Responses {
  const one = responseId === undefined ? undefined : r.unanswered.get(responseId)
  if (responseId === undefined || !one) return r
  return responsesWith(r, { unanswered: new Map(r.unanswered).set(responseId, { ...one, late: true }) })
}

/** Our request was refused after all. `again`: what it was for is unanswered again. */
export function uncertainAnswerRefused(r: Responses, again: boolean): Responses {
  const unanswered = again && r.uncertainAnswer ? new Map([...r.uncertainAnswer.unanswered, ...r.unanswered]) : r.unanswered
  return responsesWith(r, { unanswered, uncertainAnswer: undefined })
}

/** We ask for the line that is said while the tools of a response take long. `until`: nothing waits for it after. */
export function fillerAsked(r: Responses, eventId: string, until: number, responseId: string): Responses {
  return responsesWith(r, { filler: { eventId, id: undefined, until, cancelled: false }, filledFor: responseId })
}

export function fillerBegan(r: Responses, id: string): Responses {
  return r.filler ? responsesWith(r, { filler: { ...r.filler, id } }) : r
}

export function fillerCancelled(r: Responses): Responses {
  return r.filler ? responsesWith(r, { filler: { ...r.filler, cancelled: true } }) : r
}

export function fillerOver(r: Responses): Responses {
  return responsesWith(r, { filler: undefined })
}
