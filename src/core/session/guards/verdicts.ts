// What the verdicts of guards mean, also when none comes in time, and what becomes possible after them.
import type { GuardVerdict } from '../../policy/guards.js'
import { type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { clientAddsItem, handleClientEvent } from '../client-events.js'
import { isOpen, openGate } from '../gate.js'
import { answerTurn, createWithinQuota } from '../quota/gate.js'
import { followUp } from '../responses/follow-up.js'
import { isReady, note, type SessionState, type Step } from '../state.js'
import { begin, resultReady, startCalls } from '../tools/run.js'
import { answered, changeGuards, guardsOf, type Outcome, UNCHECKED } from './ask.js'
import { blockAnswer, blocked, blockTurn, deleteBlocked, refuseTyped, sayLine, turnUndecided } from './blocked.js'
import { withText } from './input.js'
import { gateWaits, inputWaits } from './state.js'
import { MOST_TURNS, turnPassed } from './turns.js'
import { letAllGo, windowPassed } from './words.js'

const WITHHELD = 'The call was withheld: its content is not allowed.'
/** As many as are asked at once. */
const MOST_EARLY = 64

/** While there is no upstream it is kept: what follows of it needs one. */
export function verdictGiven(step: Step, id: number, verdict: GuardVerdict): void {
  const { guards, restore } = step.state
  if (!guards) return
  if (isReady(step.state)) {
    const outcome = answered(step, id, verdict)
    if (outcome) decide(step, outcome)
  } else if (restore && guards.early.length < MOST_EARLY) changeGuards(step, { early: [...guards.early, { id, verdict }] })
}

function decide(step: Step, outcome: Outcome): void {
  const { check, blocked: block, redacted } = outcome
  const { about, side, group } = check
  switch (about.type) {
    case 'words':
      // The sound of an answer cannot be redacted, so that it is blocked.
      if (!block && redacted === undefined) return windowPassed(step, about.responseId, group, about.mark, about.to)
      blockAnswer(step, about.responseId)
      return blocked(step, side, block?.category ?? 'redacted')
    case 'typed':
      return typedDecided(step, about.event, outcome)
    case 'item':
      if (group !== 'observe') itemDecided(step, about.itemId, outcome)
      return
    case 'arguments': {
      const call = step.state.calls.server.get(about.callId)
      if (group === 'observe' || !call?.atWork) return
      if (!block) return begin(step, call, redacted ?? call.arguments)
      blocked(step, side, block.category)
      return resultReady(step, call, WITHHELD, false, 0)
    }
    case 'result': {
      const call = step.state.calls.server.get(about.callId)
      if (group === 'observe' || !call?.atWork) return
      if (block) blocked(step, side, block.category)
      return resultReady(step, call, block ? WITHHELD : (redacted ?? about.output), about.ok && !block, about.durationMs)
    }
  }
}

/** The gate opens for the item, and for what the client has sent after it. */
function typedDecided(step: Step, event: RealtimeEvent, { blocked: block, redacted }: Outcome): void {
  const { waiting, queue } = step.state.gate
  // What was asked before a loss is about what waited then.
  if (waiting?.why !== 'guard' || waiting.request !== event) return
  step.set({ gate: openGate })
  if (block) {
    refuseTyped(step, stringAt(event, 'event_id'))
    blocked(step, 'input', block.category)
  } else clientAddsItem(step, redacted === undefined ? event : withText(event, redacted))
  for (const one of queue) if (isReady(step.state)) handleClientEvent(step, one)
}

/** Spoken words cannot be redacted any more, and typed ones that went upstream neither. */
function itemDecided(step: Step, itemId: string, { check, blocked: block, redacted }: Outcome): void {
  const turn = step.state.guards?.turns.find((one) => one.itemId === itemId)
  if (!turn) return
  if (block || redacted !== undefined) blockTurn(step, turn, block?.category ?? 'redacted')
  else turnPassed(step, turn, [check.group])
}

/** More is held of an answer than may be, and there is no verdict. */
export function outputFull(step: Step, responseId: string): void {
  if (!step.state.guards?.words.some((one) => one.responseId === responseId)) return
  const guards = [...guardsOf(step, 'output', 'wait'), ...guardsOf(step, 'input', 'wait')]
  for (const { name } of guards.slice(0, 1)) note(step, { type: 'guard_failed', guard: name, why: 'gate_full' })
  if (!guards.some(({ whenUnsure }) => whenUnsure === 'block')) {
    for (const turn of step.state.guards.turns) if (turn.responseId === responseId) turnPassed(step, turn, ['wait'])
    return letAllGo(step, responseId)
  }
  blockAnswer(step, responseId)
  blocked(step, 'output', UNCHECKED)
}

/** At each tick. */
export function tickGuards(step: Step): void {
  for (const { id } of step.state.guards?.checks.filter(({ until }) => step.now >= until) ?? []) verdictGiven(step, id, { type: 'none', why: 'timeout' })
  for (const turn of step.state.guards?.turns.filter(({ until }) => step.now >= until) ?? []) turnUndecided(step, turn, 'no_transcript')
}

/** After each input. */
export function keepGuards(step: Step, before: SessionState): void {
  if (!isReady(step.state)) return
  const { early } = step.state.guards ?? {}
  if (early && early.length > 0) {
    changeGuards(step, { early: [] })
    for (const { id, verdict } of early) verdictGiven(step, id, verdict)
  }
  for (const turn of step.state.guards?.turns.slice(0, -MOST_TURNS) ?? []) turnUndecided(step, turn, 'too_many')
  deleteBlocked(step)
  if (inputWaits(before) && !inputWaits(step.state)) {
    startCalls(step)
    followUp(step)
  }
  requestMayGo(step)
  // What waited for the gate, and not at it.
  if (before.gate.waiting?.why === 'guard' && isOpen(step.state.gate)) followUp(step)
  if (step.state.quota.turnUnanswered) answerTurn(step)
  sayLine(step)
}

/** The client's `response.create` that waited for the user's words. If they were blocked, it comes to nothing. */
function requestMayGo(step: Step): void {
  const { gate, guards } = step.state
  const { waiting, queue } = gate
  if (!guards) return
  const request = waiting?.why === 'guard' && typeof waiting.request !== 'string' && waiting.request.type === 'response.create' ? waiting.request : undefined
  if (gateWaits(step.state)) return
  if (guards.turnBlocked) changeGuards(step, { turnBlocked: false })
  if (!request) return
  step.set({ gate: openGate })
  if (guards.turnBlocked) refuseTyped(step, stringAt(request, 'event_id'))
  else createWithinQuota(step, request)
  for (const one of queue) if (isReady(step.state)) handleClientEvent(step, one)
}
