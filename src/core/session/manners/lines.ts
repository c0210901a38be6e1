// When a line of the profile may be said, and what its end or its refusal means. An answer to the user always goes first.

import { BUSY } from '../../policy/upstream-codes.js'
import { isOpen } from '../gate.js'
import { answerTurn, askForLine } from '../quota/gate.js'
import { isFree, mayStart } from '../responses/floor.js'
import { followUp } from '../responses/follow-up.js'
import { ourRequestRefused } from '../responses/machine.js'
import { ANSWER_BEGINS_MS } from '../responses/state.js'
import { isReady, type SessionState, type Step } from '../state.js'
import { changeResponses } from '../to-client.js'
import { changeManners } from './change.js'
import { beginHearing } from './hearing.js'
import type { Line } from './state.js'

/** False: not now. `forced`: also while the user speaks. */
export function say(step: Step, what: Line, forced = false): boolean {
  if (!step.state.manners || !maySay(step, what, forced)) return false
  changeManners(step, { line: { what, eventId: undefined }, wanted: undefined })
  askForLine(step)
  return true
}

/** At each input: the line that waits is said as soon as it may be. */
export function sayWanted(step: Step, forced: boolean): void {
  const { wanted } = step.state.manners ?? {}
  if (wanted !== undefined) say(step, wanted, forced)
}

function maySay({ state, now }: Step, what: Line, forced: boolean): boolean {
  const { turnSince, unanswered, deferredRequest, userSpeaks } = state.responses
  const isLast = what === 'ending_goodbye'
  if (!mayStart(state, isLast ? 'last' : 'line')) return false
  if (forced) return true
  // The upstream may be about to answer.
  if (userSpeaks || (turnSince !== undefined && now - turnSince < ANSWER_BEGINS_MS)) return false
  return isLast || (unanswered.size === 0 && deferredRequest === undefined && !state.quota.turnUnanswered)
}

/** When a line that waits for an answer that did not begin may be said. */
export function wantedDueAt({ manners, responses }: SessionState): number {
  const { turnSince } = responses
  return manners?.wanted === undefined || turnSince === undefined ? Number.POSITIVE_INFINITY : turnSince + ANSWER_BEGINS_MS
}

/** After each input: nothing of the line is under way any more. */
export function noteLineOver(step: Step): void {
  const { manners, responses, gate } = step.state
  if (!manners?.line || !isReady(step.state) || !isFree(responses) || !isOpen(gate)) return
  lineOver(step)
}

function lineOver(step: Step): void {
  const { line, parting } = step.state.manners ?? {}
  changeManners(step, { line: undefined })
  if (line && isGoodbye(line.what) && parting?.phase === 'goodbye') beginHearing(step)
}

/** True: the error is about our line. Another response runs, so that the user is being answered; only the last goodbye is tried once more. */
export function lineRefused(step: Step, cause: string | undefined, code: string): boolean {
  const { manners, responses } = step.state
  const line = manners?.line
  const isBusy = code === BUSY
  if (!line?.eventId || responses.ourRequest?.eventId !== line.eventId) return false
  if (cause !== line.eventId && !(cause === undefined && isBusy && !responses.clientRequest)) return false
  changeResponses(step, ourRequestRefused(responses))
  if (isBusy && line.what === 'ending_goodbye' && responses.active) changeManners(step, { line: undefined, wanted: line.what })
  else lineOver(step)
  followUp(step)
  answerTurn(step)
  return true
}

function isGoodbye(what: Line): boolean {
  return what === 'silence_goodbye' || what === 'ending_goodbye'
}
