// Moves a session to a fresh upstream before the present one reaches its longest time: the next leg is ready first, and the move waits for a quiet point.
import { serverPartInForce } from '../../policy/session-update.js'
import { objectAt } from '../../protocol/events.js'
import { isOpen } from '../gate.js'
import type { Input } from '../inputs.js'
import { itemsOf } from '../kept-items.js'
import { asIfUpstreamAnswered, leaveAnsweringToRelay } from '../quota/gate.js'
import { replay } from '../replay.js'
import { isFree } from '../responses/floor.js'
import { handleServerEvent } from '../server-events.js'
import { isReady, note, recordLimits, type SessionState, type Step } from '../state.js'
import { withAliases } from './aliases.js'
import type { Said } from './cut.js'
import { withWhatWasSaid } from './loss.js'
import { replayTo } from './replaying.js'
import { beginRestore, nextLeg, type Rollover } from './state.js'

/** Between looks for a quiet point. */
const LOOK_MS = 1000
/** Before the next dial if one failed, or less if time is short. */
const RETRY_MS = 60_000
const LEAST_RETRY_MS = 2000
/** Transcripts and limits that are late come within it. */
const FORMER_HEARD_MS = 5000
/** Less open audio than this is no loss. */
const OPEN_MS = 50

export function rolloverDueAt({ rollover }: SessionState): number {
  return rollover?.at ?? Number.POSITIVE_INFINITY
}

/** At every tick. */
export function tickRollover(step: Step, said: readonly Said[] = []): void {
  const { state, now } = step
  const { rollover } = state
  if (!rollover || now < rollover.at || !isReady(state) || state.life !== 'open') return
  if (rollover.phase === 'waiting') {
    const leg = nextLeg(state)
    step.set({ rollover: { ...rollover, at: retryAt(rollover, now), leg, phase: 'dialling' } })
    step.actions.push({ type: 'dial', leg, reason: 'rollover', urgent: now >= rollover.lateAt })
  } else if (rollover.phase !== 'prepared') failed(step, 'too_slow')
  // The client has set something since: the next leg would run without it.
  else if (rollover.inForce !== state.inForce) again(step, now)
  else if (isQuiet(step)) move(step, rollover, 'rollover', said)
  else if (now >= rollover.forcedAt || (now >= rollover.lateAt && isBetweenAnswers(state))) move(step, rollover, 'forced', said)
  else step.set({ rollover: { ...rollover, at: nextLook(rollover, now) } })
}

/** An input of the next leg. */
export function rolloverInput(step: Step, input: Extract<Input, { leg: number }>): void {
  const { rollover, profile } = step.state
  if (!rollover) return
  if (input.type === 'upstream.opened') return
  // At most some sessions move at once.
  if (input.type === 'upstream.failed' && input.why === 'others_move') return again(step, step.now + LOOK_MS)
  if (input.type !== 'upstream.event') return failed(step, input.type === 'upstream.failed' ? input.why : 'closed')
  const { event } = input
  const session = objectAt(event, 'session')
  if (event.type === 'error') failed(step, 'refused')
  else if (event.type === 'session.created' && rollover.phase === 'dialling') {
    step.set({ rollover: { ...rollover, phase: 'configuring', inForce: step.state.inForce } })
    const update = leaveAnsweringToRelay(step, asIfUpstreamAnswered(step, replay(step.state).update), true)
    step.actions.push({ type: 'send', to: 'upstream', leg: input.leg, event: update })
  } else if (event.type === 'session.updated' && rollover.phase === 'configuring') {
    if (!serverPartInForce(session, profile)) return failed(step, 'configuration_not_in_force')
    step.set({ rollover: { ...rollover, phase: 'prepared', at: step.now, session } })
  }
}

export function isFormer({ restored }: SessionState, leg: number, now: number): boolean {
  return restored.former?.leg === leg && now < restored.former.until
}

/** What is late of the leg that was left: words of turns that it heard, and limits. */
export function formerInput(step: Step, input: Extract<Input, { leg: number }>): void {
  const { former } = step.state.restored
  if (!former || input.type !== 'upstream.event') return
  const event = withAliases(input.event, former.aliases)
  if (event.type === 'rate_limits.updated') recordLimits(step, event)
  else if (event.type.startsWith('conversation.item.input_audio_transcription.')) handleServerEvent(step, { event, frame: undefined })
}

/** Nothing is under way that the move would cut. Tools at work do not matter. */
export function isQuiet({ state, heard }: Step): boolean {
  const { responses, underWay, detectsTurns, conversation, voice } = state
  const { sent, speech, owed, undone } = underWay
  // Words that will come are waited for; a session that does not transcribe has none.
  const unheard = voice.transcribes && itemsOf(conversation).findLast((item) => item.role === 'user')?.text === ''
  const waitsForCommit = !detectsTurns && heard.totalMs - voice.openFromMs > OPEN_MS
  return isBetweenAnswers(state) && !waitsForCommit && !responses.userSpeaks && sent.length === 0 && undone.length === 0 && speech === undefined && owed === undefined && !unheard
}

function isBetweenAnswers({ responses, gate, quota }: SessionState): boolean {
  return isFree(responses) && isOpen(gate) && !quota.turnUnanswered
}

function nextLook({ lateAt, forcedAt }: Rollover, now: number): number {
  const next = now + LOOK_MS
  return now < forcedAt ? Math.min(next, now < lateAt ? lateAt : forcedAt) : next
}

/** From here on it is a restore whose dial has succeeded already: the next leg is told the conversation, and what the move has cut is settled. */
function move(step: Step, { leg, session }: Rollover, cause: 'rollover' | 'forced', said: readonly Said[]): void {
  if (leg === undefined) return
  const { profile, upstream, restored } = step.state
  const until = step.now + (profile.limits.reconnectMs ?? 0)
  const ending = { code: 'upstream_lost', why: 'rollover_failed' } as const
  const restore = beginRestore({ cause, ending, since: step.now, until, attempt: 1, attemptUntil: until, said })
  const lingers = isBetweenAnswers(step.state)
  const former = lingers ? { leg: upstream.leg, aliases: restored.aliases, until: step.now + FORMER_HEARD_MS } : undefined
  step.set({ upstream: { phase: 'configuring', leg }, rollover: undefined, restore, restored: { ...restored, former }, conversation: withWhatWasSaid(step.state, said) })
  step.actions.push({ type: 'switch', leg, lingers })
  replayTo(step, restore, session)
}

/** The session stays where it is, and tries again. */
function failed(step: Step, why: string): void {
  note(step, { type: 'rollover_failed', why })
  const { rollover } = step.state
  if (rollover) again(step, retryAt(rollover, step.now))
}

function again(step: Step, at: number): void {
  const { rollover } = step.state
  if (!rollover) return
  step.set({ rollover: { at, leg: rollover.leg, phase: 'waiting', lateAt: rollover.lateAt, forcedAt: rollover.forcedAt } })
  step.actions.push({ type: 'drop' })
}

function retryAt({ forcedAt }: Rollover, now: number): number {
  return now + Math.min(RETRY_MS, Math.max(LEAST_RETRY_MS, (forcedAt - now) / 2))
}
