// Moves a session to a fresh upstream before the present one reaches its longest time: the next leg is ready first, and the move waits for a quiet point.
import { serverPartInForce } from '../../policy/session-update.js'
import { objectAt } from '../../protocol/events.js'
import { isOpen } from '../gate.js'
import type { Input } from '../inputs.js'
import { asIfUpstreamAnswered, leaveAnsweringToRelay } from '../quota/gate.js'
import { replay } from '../replay.js'
import { isFree } from '../responses/floor.js'
import { isReady, note, type SessionState, type Step } from '../state.js'
import { replayTo } from './replaying.js'
import { beginRestore, nextLeg, type Rollover } from './state.js'

const MINUTE = 60_000
/** Between looks for a quiet point, and before the next dial if one failed. */
const LOOK_MS = 1000
const RETRY_MS = MINUTE

export function rolloverDueAt({ rollover }: SessionState): number {
  return rollover?.at ?? Number.POSITIVE_INFINITY
}

/** At every tick. */
export function tickRollover(step: Step): void {
  const { state, now } = step
  const { rollover } = state
  if (!rollover || now < rollover.at || !isReady(state) || state.life !== 'open') return
  if (rollover.phase === 'waiting') {
    const leg = nextLeg(state)
    step.set({ rollover: { at: now + RETRY_MS, leg, phase: 'dialling' } })
    step.actions.push({ type: 'dial', leg, reason: 'rollover' })
  } else if (rollover.phase !== 'prepared') failed(step)
  // The client has set something since: the next leg would run without it.
  else if (rollover.inForce !== state.inForce) failed(step)
  else if (isQuiet(state)) move(step, rollover)
  else step.set({ rollover: { ...rollover, at: now + LOOK_MS } })
}

/** An input of the next leg. */
export function rolloverInput(step: Step, input: Extract<Input, { leg: number }>): void {
  const { rollover, profile } = step.state
  if (!rollover) return
  if (input.type === 'upstream.opened') return
  if (input.type !== 'upstream.event') return failed(step)
  const { event } = input
  const session = objectAt(event, 'session')
  if (event.type === 'error') failed(step)
  else if (event.type === 'session.created' && rollover.phase === 'dialling') {
    step.set({ rollover: { ...rollover, phase: 'configuring', inForce: step.state.inForce } })
    const update = leaveAnsweringToRelay(step, asIfUpstreamAnswered(step, replay(step.state).update), true)
    step.actions.push({ type: 'send', to: 'upstream', leg: input.leg, event: update })
  } else if (event.type === 'session.updated' && rollover.phase === 'configuring') {
    if (!serverPartInForce(session, profile)) return failed(step)
    step.set({ rollover: { ...rollover, phase: 'prepared', at: step.now, session } })
  }
}

/** Nothing is under way that the move would cut. Tools at work do not matter. Audio that waits for a commit by hand is not seen here, so such a session stays. */
function isQuiet({ responses, gate, underWay, quota, detectsTurns, conversation }: SessionState): boolean {
  const { sent, speech, owed, undone } = underWay
  const unheard = conversation.items.findLast((item) => item.role === 'user')?.text === ''
  return (
    detectsTurns &&
    isFree(responses) &&
    isOpen(gate) &&
    !responses.userSpeaks &&
    !quota.turnUnanswered &&
    sent.length === 0 &&
    undone.length === 0 &&
    speech === undefined &&
    owed === undefined &&
    !unheard
  )
}

/** From here on it is a restore whose dial has succeeded already: the old leg is closed, and the next is told the conversation. */
function move(step: Step, { leg, session }: Rollover): void {
  if (leg === undefined) return
  const { limits } = step.state.profile
  const until = step.now + (limits.reconnectMs ?? 0)
  const restore = beginRestore({
    cause: 'rollover',
    ending: { code: 'upstream_lost', why: 'rollover_failed' },
    since: step.now,
    until,
    attempt: 1,
    attemptUntil: until,
    said: [],
  })
  step.set({ upstream: { phase: 'configuring', leg }, rollover: undefined, restore })
  step.actions.push({ type: 'switch', leg })
  replayTo(step, restore, session)
}

/** The session stays where it is, and tries again. */
function failed(step: Step): void {
  note(step, { type: 'event_dropped', side: 'upstream', why: 'rollover_failed' })
  const { rollover } = step.state
  step.set({ rollover: { at: step.now + RETRY_MS, leg: rollover?.leg, phase: 'waiting' } })
}
