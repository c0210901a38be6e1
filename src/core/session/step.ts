// The heart: one input and its time, the next state, and the actions in order. Never throws, never waits, never looks at a clock.
import { closeWhenDrained, drain, noteEndOfWork, tick } from './budget.js'
import { handleClientEvent } from './client-events.js'
import { openingEvent } from './opening.js'
import { quotaReserved, releaseWhenIdle, tellLeft } from './quota/gate.js'
import { refuse } from './refuse.js'
import { handleServerEvent } from './server-events.js'
import { type Action, close, type Input, note, type SessionState, type Step } from './state.js'
import { tokenVerified } from './token-refresh.js'
import { toolFinished } from './tools/run.js'

/** `now`: the time of the input in milliseconds on the session's clock, not before that of the input before. The same state: nothing changed. */
export function step(state: SessionState, input: Input, now: number): [SessionState, readonly Action[]] {
  const step: Step = { state, now, actions: [] }
  if (state.phase === 'closed') return [state, step.actions]
  switch (input.type) {
    case 'upstream.opened':
      step.state = { ...step.state, privateWords: input.privateWords }
      break
    case 'upstream.event':
      if (state.phase === 'live' || state.phase === 'draining') handleServerEvent(step, input)
      else openingEvent(step, input)
      closeWhenDrained(step)
      break
    case 'upstream.closed':
      upstreamClosed(step, input.code)
      break
    case 'client.event':
      if (state.phase === 'live' || state.phase === 'draining') handleClientEvent(step, input.event)
      else note(step, { type: 'event_dropped', side: 'client', why: 'too_early' })
      break
    case 'frame.refused':
      refuse(step, { code: input.code, message: input.message }, input.causeEventId, 'unknown')
      break
    case 'tool.finished':
      toolFinished(step, input)
      closeWhenDrained(step)
      break
    case 'token.verified':
      tokenVerified(step, input.outcome)
      break
    case 'quota.left':
      tellLeft(step, input.usage, input.cause)
      break
    case 'quota.reserved':
      for (const event of quotaReserved(step, input.answer)) handleClientEvent(step, event)
      closeWhenDrained(step)
      break
    case 'tick':
      tick(step, input.clientActiveAt)
      break
    case 'drain':
      drain(step, input.untilMs)
      break
  }
  releaseWhenIdle(step)
  noteEndOfWork(step, state)
  return [step.state, step.actions]
}

/** 1001 is the service's way to end a session at its maximum length (source: dossier 3.9); before live it is a refusal. */
function upstreamClosed(step: Step, code: number): void {
  if (step.state.phase === 'connecting' || step.state.phase === 'configuring') close(step, 'upstream_refused', 'closed_before_live')
  else if (code === 1001) close(step, 'session_over', 'upstream_session_over')
  else close(step, 'upstream_lost', 'upstream_closed')
}
