// The heart: one input, the next state, and the actions in order. Never throws, never waits, never looks at a clock.
import { closeWhenDrained, drain, tick } from './budget.js'
import { handleClientEvent } from './client-events.js'
import { openingEvent } from './opening.js'
import { quotaReserved, releaseWhenIdle, tellLeft } from './quota/gate.js'
import { refuse } from './refuse.js'
import { handleServerEvent } from './server-events.js'
import { type Action, close, type Input, note, type SessionState, type Turn } from './state.js'
import { tokenVerified } from './token-refresh.js'
import { toolFinished } from './tools/run.js'

export function step(state: SessionState, input: Input): [SessionState, readonly Action[]] {
  const turn: Turn = { s: state, actions: [] }
  if (state.phase === 'closed') return [state, turn.actions]
  switch (input.is) {
    case 'upstream.opened':
      turn.s = { ...turn.s, privateWords: input.privateWords }
      break
    case 'upstream.event':
      if (state.phase === 'live' || state.phase === 'draining') handleServerEvent(turn, input)
      else openingEvent(turn, input)
      closeWhenDrained(turn)
      break
    case 'upstream.closed':
      upstreamClosed(turn, input.code)
      break
    case 'client.event':
      if (state.phase === 'live' || state.phase === 'draining') handleClientEvent(turn, input.event)
      else note(turn, { note: 'event_dropped', side: 'client', why: 'too_early' })
      break
    case 'frame.refused':
      refuse(turn, { code: input.code, message: input.message }, input.causeEventId, 'unknown')
      break
    case 'tool.finished':
      toolFinished(turn, input)
      closeWhenDrained(turn)
      break
    case 'token.verified':
      tokenVerified(turn, input.outcome)
      break
    case 'quota.left':
      tellLeft(turn, input.usage, input.cause)
      break
    case 'quota.reserved':
      for (const event of quotaReserved(turn, input.answer)) handleClientEvent(turn, event)
      closeWhenDrained(turn)
      break
    case 'tick':
      tick(turn, input.now, input.clientActiveAt)
      break
    case 'drain':
      drain(turn, input.untilMs)
      break
  }
  releaseWhenIdle(turn)
  return [turn.s, turn.actions]
}

/** 1001 is the service's way to end a session at its maximum length (source: dossier 3.9); before live it is a refusal. */
function upstreamClosed(turn: Turn, code: number): void {
  if (turn.s.phase === 'connecting' || turn.s.phase === 'configuring') close(turn, 'upstream_refused', 'closed_before_live')
  else if (code === 1001) close(turn, 'session_over', 'upstream_session_over')
  else close(turn, 'upstream_lost', 'upstream_closed')
}
