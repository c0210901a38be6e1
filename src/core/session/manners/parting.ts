// The built-in tools, and how a session parts: nobody is cut off in a goodbye, and a caller who speaks before the end is answered.
import { close } from '../ending.js'
import { followUp } from '../responses/follow-up.js'
import { resultsCanWait } from '../responses/machine.js'
import { relayId, type Step } from '../state.js'
import { changeResponses } from '../to-client.js'
import { handOver } from '../tools/answer.js'
import { changeServerCall, type ServerCall } from '../tools/ledger.js'
import { HANG_UP, targetOf } from './built-in.js'
import { changeManners } from './change.js'
import { beginHearing, wasHeard } from './hearing.js'
import type { Parting } from './state.js'

/** A response that called a built-in tool and goes on. */
const ANSWER_MS = 60_000
/** From the request to say goodbye to its end. */
const GOODBYE_MS = 15_000
/** The relay bounds a transfer in time, and says so; this is for an answer that never comes. */
const TRANSFER_MS = 30_000

const SAY_GOODBYE = 'Say goodbye in a few words now. The call ends after that, unless the user speaks before.'
const SPOKEN = 'The user spoke before the end, so nothing was done. Answer what was said. Call the tool again if it is still right.'
export const STOPPED = 'Nothing was done: the answer was stopped.'
const ENDING = 'The call is ending already.'
const TRANSFERRING = 'The user is being transferred already.'
const INSTEAD = 'The user is transferred instead.'
const FAILED = 'The transfer failed, and the user is still here. Say so, and offer other help.'
const UNKNOWN = 'There is nobody of that name to transfer to. The names are those in the tool’s parameters.'

/** The model called one of them: it is answered here, now or when it is done. */
export function builtInCalled(step: Step, { callId, responseId, name, arguments: args }: ServerCall): void {
  const { parting } = step.state.manners ?? {}
  if (name === HANG_UP) {
    if (parting?.how === 'transfer') return handOver(step, callId, TRANSFERRING)
    if (parting && !(parting.how === 'hang_up' && parting.callId === undefined)) return handOver(step, callId, ENDING)
    return begin(step, { how: 'hang_up', callId, responseId, target: undefined, told: parting?.told === true })
  }
  const target = targetOf(step.state.profile, args)
  if (target === undefined) return handOver(step, callId, UNKNOWN)
  if (parting?.how === 'transfer') return handOver(step, callId, TRANSFERRING)
  if (parting && parting.how !== 'hang_up') return handOver(step, callId, ENDING)
  if (parting?.callId !== undefined) handOver(step, parting.callId, INSTEAD)
  begin(step, { how: 'transfer', callId, responseId, target, told: false })
}

function begin(step: Step, what: Pick<Parting, 'how' | 'callId' | 'responseId' | 'target' | 'told'>): void {
  // No tool is at work, so that nothing is announced or said while it is waited for.
  step.set({ calls: changeServerCall(step.state.calls, what.callId ?? '', { status: 'running', startedAt: step.now }) })
  const until = step.now + ANSWER_MS
  changeManners(step, { parting: { ...what, phase: 'answering', lookAt: until, until, measured: false }, wanted: undefined })
}

/** A response is over. `spoke`: the user was told something in it. `finished`: it was not stopped. */
export function partingResponseOver(step: Step, id: string, { finished, spoke }: { readonly finished: boolean; readonly spoke: boolean }): void {
  const { parting } = step.state.manners ?? {}
  if (!parting) return
  const isCaller = parting.responseId === id
  if (parting.phase === 'answering' && isCaller) {
    if (!finished) callOff(step, STOPPED)
    else if (spoke || parting.told || parting.how === 'transfer') beginHearing(step)
    else {
      if (parting.callId !== undefined) handOver(step, parting.callId, SAY_GOODBYE)
      const until = step.now + GOODBYE_MS
      changeManners(step, { parting: { ...parting, callId: undefined, phase: 'goodbye', told: true, lookAt: until, until } })
    }
  } else if (parting.phase === 'goodbye' && parting.how === 'hang_up' && !isCaller) beginHearing(step)
}

/** The session ends with this goodbye, which is wanted now. */
export function partWith(step: Step, how: 'silence' | 'maximum_length', until: number): void {
  const wanted = how === 'silence' ? 'silence_goodbye' : 'ending_goodbye'
  const parting: Parting = { how, callId: undefined, responseId: undefined, target: undefined, phase: 'goodbye', told: true, lookAt: until, until, measured: false }
  changeManners(step, { parting, wanted })
}

/** The user is there, or the answer was stopped: the session goes on. Not once its time is over, and not once the carrier has been asked. */
export function callOff(step: Step, words = SPOKEN): void {
  const { parting } = step.state.manners ?? {}
  if (!parting || parting.how === 'maximum_length' || parting.phase === 'asked') return
  changeManners(step, { parting: undefined, wanted: undefined })
  if (parting.callId === undefined) return
  // The answer to what the user says has it in view.
  changeResponses(step, resultsCanWait(step.state.responses, parting.responseId))
  handOver(step, parting.callId, words)
}

/** At each tick. */
export function tickParting(step: Step, unheardMs: number): void {
  const { parting } = step.state.manners ?? {}
  if (!parting) return
  if (parting.phase === 'hearing') {
    if (wasHeard(step, parting, unheardMs)) part(step, parting)
  } else if (step.now >= parting.until) {
    if (parting.phase === 'asked' && parting.callId !== undefined) transferred(step, parting.callId, false)
    else if (parting.how === 'transfer') callOff(step, FAILED)
    else part(step, parting)
  }
}

function part(step: Step, parting: Parting): void {
  const { how, callId, target } = parting
  if (how !== 'transfer') return close(step, 'session_over', how === 'hang_up' ? 'hung_up' : how)
  if (callId === undefined || target === undefined) return
  const until = step.now + TRANSFER_MS
  changeManners(step, { parting: { ...parting, phase: 'asked', lookAt: until, until } })
  step.actions.push({ type: 'phone.transfer', callId, name: target })
}

/** The carrier has answered. */
export function transferred(step: Step, callId: string, ok: boolean): void {
  const { parting } = step.state.manners ?? {}
  if (parting?.phase !== 'asked' || parting.callId !== callId) return
  if (ok) return close(step, 'session_over', 'transferred')
  changeManners(step, { parting: undefined })
  handOver(step, callId, FAILED)
  followUp(step)
}

/** There is no time for the end of what is being said. */
export function cutShort(step: Step): void {
  const { active } = step.state.responses
  if (active) step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.cancel', event_id: relayId(step), response_id: active.id } })
}
