// The heart: one input and its time, the next state, and the actions in order. Never throws, never waits, never looks at a clock.
import type { Action } from './actions.js'
import { closeWhenDrained, drain, noteEndOfWork, tick } from './budget.js'
import { outgoingOfCall } from './call/outgoing.js'
import { clientJoined, configuringCall } from './call/sideband.js'
import { handleClientEvent } from './client-events.js'
import { close, closeNow, settle } from './ending.js'
import { keepGuards, outputFull, verdictGiven } from './guards/verdicts.js'
import type { Input } from './inputs.js'
import { keyPressed } from './manners/keys.js'
import { keepManners } from './manners/manners.js'
import { transferred } from './manners/parting.js'
import { tellMoments } from './moments.js'
import { moveAway, moveWhenQuiet } from './move/leaving.js'
import { openingEvent } from './opening.js'
import { followPlaying } from './playing/interrupting.js'
import { nothingPlaying, type Playing } from './playing/playing.js'
import { quotaReserved, releaseWhenIdle, tellLeft } from './quota/gate.js'
import { refuse } from './refuse.js'
import { isFree } from './responses/floor.js'
import { dialBegins, dialWaits, keepEarly, keepReserved } from './restore/loss.js'
import { outgoing } from './restore/outgoing.js'
import { restoringEvent } from './restore/replaying.js'
import { formerInput, isFormer, rolloverInput } from './restore/rollover.js'
import { watchWhileAwaited } from './restore/silence.js'
import { clientBack, clientGone, resumeOffered } from './resume.js'
import { handleServerEvent, remember } from './server-events.js'
import { isReady, note, type SessionState, Step } from './state.js'
import { tokenVerified } from './token-refresh.js'
import { toolFinished } from './tools/run.js'
import { clientAttached, dialFailed, upstreamClosed, upstreamOpened, upstreamStuck } from './upstream.js'
import { type Heard, heardNothing } from './voice.js'

/**
 * `now`: the time of the input in milliseconds on the session's clock, not before that of the input before. `heard`: the client's audio by then.
 * `playing`: what it plays. The same state: nothing changed.
 */
export function step(state: SessionState, input: Input, now: number, heard: Heard = heardNothing, playing: Playing = nothingPlaying): [SessionState, readonly Action[]] {
  if (state.life === 'closed' || isStale(state, input, now)) return [state, []]
  const step = new Step(state, now, heard, playing)
  handle(step, input)
  if (state.profile.interruption) followPlaying(step, state, input)
  if (step.state.guards) keepGuards(step, state)
  if (step.state.manners) keepManners(step, state, input)
  if (step.state.resume.isOffered) keepForOthers(step, state, input)
  if (step.state.quota.holds) releaseWhenIdle(step)
  if (state.responses !== step.state.responses || state.calls !== step.state.calls) noteEndOfWork(step, state)
  if (state.responses !== step.state.responses || state.upstream !== step.state.upstream || state.underWay !== step.state.underWay) watchWhileAwaited(step)
  tellMoments(step, state, input)
  const sent = outgoing(step)
  const actions = step.state.call ? outgoingOfCall(step, sent) : sent
  return [step.state, actions]
}

/** A turn that is over is worth keeping, and may be the moment to leave. */
function keepForOthers(step: Step, before: SessionState, input: Input): void {
  const { resume, conversation, responses } = step.state
  if (resume.leaving) moveWhenQuiet(step, (input.type === 'tick' && input.said) || [])
  const isNews = conversation !== before.conversation || responses.active !== before.responses.active
  if (isNews && isFree(responses) && isReady(step.state)) step.actions.push({ type: 'resume.keep' })
}

/** What still matters once the client has gone. */
const FOR_PARKED: ReadonlySet<Input['type']> = new Set(['upstream.event', 'upstream.closed', 'tick', 'end'])

/** A socket that the session has left says nothing to it any more. */
function isStale(state: SessionState, input: Input, now: number): boolean {
  return 'leg' in input && input.leg !== state.upstream.leg && input.leg !== nextOf(state) && !isFormer(state, input.leg, now)
}

/** The leg that a session is about to move to. */
function nextOf({ rollover }: SessionState): number | undefined {
  return rollover?.phase === 'waiting' ? undefined : rollover?.leg
}

function handle(step: Step, input: Input): void {
  if (step.state.life === 'parked' && !FOR_PARKED.has(input.type)) return
  if ('leg' in input && isFormer(step.state, input.leg, step.now)) return formerInput(step, input)
  if ('leg' in input && input.leg !== step.state.upstream.leg) return rolloverInput(step, input)
  switch (input.type) {
    case 'client.attached':
      return clientAttached(step)
    case 'client.event':
      if (isReady(step.state)) handleClientEvent(step, input.event)
      else if (step.state.restore) keepEarly(step, input.event)
      else note(step, { type: 'event_dropped', side: 'client', why: 'too_early' })
      return
    case 'client.closed':
      return close(step, 'client_left', 'client_left')
    case 'client.gone':
      return clientGone(step)
    case 'client.joined':
      return clientJoined(step)
    case 'client.back':
      return clientBack(step, input)
    case 'move':
      return moveAway(step, 'superseded', input.said)
    case 'resume.offered':
      return resumeOffered(step, input.token)
    case 'frame.refused':
      return refuse(step, { code: input.code, message: input.message }, input.causeEventId, 'unknown')
    case 'upstream.opened':
      return upstreamOpened(step, input.privateWords)
    case 'dial.waits':
      return dialWaits(step)
    case 'dial.begins':
      return dialBegins(step)
    case 'upstream.failed':
      return dialFailed(step, input)
    case 'upstream.event':
      if (step.state.life === 'parked') return settle(step, input.event)
      if (step.state.call && !isReady(step.state)) configuringCall(step, input)
      else if (step.state.restore) return restoringEvent(step, input)
      else if (isReady(step.state)) handleServerEvent(step, input)
      else openingEvent(step, input)
      return closeWhenDrained(step)
    case 'upstream.passed':
      return remember(step, input.event)
    case 'upstream.closed':
      return upstreamClosed(step, input.code, input.said)
    case 'stalled':
      if (input.side === 'client' && step.state.resume.isOffered) {
        step.actions.push({ type: 'client.drop' })
        return
      }
      return input.side === 'client' ? close(step, 'slow_client', 'no_progress') : upstreamStuck(step, 'stalled', input.said)
    case 'tool.finished':
      toolFinished(step, input)
      return closeWhenDrained(step)
    case 'token.verified':
      return tokenVerified(step, input.outcome)
    case 'quota.left':
      return tellLeft(step, input.usage, input.cause)
    case 'quota.reserved':
      // Nothing can be asked for yet: the answer is looked at once it can.
      if (step.state.restore) return keepReserved(step, input.answer)
      for (const event of quotaReserved(step, input.answer)) handleClientEvent(step, event)
      return closeWhenDrained(step)
    case 'guard.verdict':
      verdictGiven(step, input.id, input.verdict)
      return closeWhenDrained(step)
    case 'output.full':
      return outputFull(step, input.responseId)
    case 'key':
      return keyPressed(step, input.key)
    case 'phone.transferred':
      transferred(step, input.callId, input.ok)
      return closeWhenDrained(step)
    case 'tick':
      return tick(step, input)
    case 'drain':
      return drain(step, input.untilMs, input.moves === true)
    case 'end':
      if (input.code === 'draining' && step.state.resume.leaving) return moveAway(step, 'draining', [])
      return input.code === 'draining' ? closeNow(step, input.code, input.why) : close(step, input.code, input.why)
  }
}
