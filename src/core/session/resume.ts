// A client that may come back: it asks for that, is gone for a while, and is there again, or not in time.
import { type RealtimeEvent, stringAt } from '../protocol/events.js'
import { close } from './ending.js'
import { overRate, refuse } from './refuse.js'
import { followUp } from './responses/follow-up.js'
import type { ClientBack } from './resume-state.js'
import { showItems } from './shown-items.js'
import { publicEventId, type Step } from './state.js'
import { termFrom } from './token-term.js'
import { startCalls } from './tools/run.js'

const ENABLE = 'relay.resume.enable'

/** Once in a session; the token is renewed whenever it was used. */
export function resumeRequested(step: Step, event: RealtimeEvent): void {
  const eventId = stringAt(event, 'event_id')
  const tooMuch = overRate(step, ENABLE)
  if (tooMuch) return refuse(step, tooMuch, eventId, ENABLE)
  if (!step.state.profile.limits.resumeMs || step.state.call) return refuse(step, { code: 'bad_event', message: 'Sessions cannot be resumed here.' }, eventId, ENABLE)
  if (step.state.resume.isOffered) return refuse(step, { code: 'bad_event', message: 'This session can be resumed already.' }, eventId, ENABLE)
  step.set({ resume: { ...step.state.resume, isOffered: true } })
  step.actions.push({ type: 'resume.offer' })
}

/** Answers `resume.offer`. The client counts what it hears after this event. */
export function resumeOffered(step: Step, token: string): void {
  const seconds = Math.floor((step.state.profile.limits.resumeMs ?? 0) / 1000)
  step.actions.push({ type: 'send', to: 'client', event: { type: 'relay.resume.ready', event_id: publicEventId(step), token, seconds } })
}

/** The client has so many messages for good. */
export function messagesReceived(step: Step, event: RealtimeEvent): void {
  const { received } = event
  if (typeof received === 'number' && Number.isSafeInteger(received) && received >= 0) step.actions.push({ type: 'resume.ack', received })
  else refuse(step, { code: 'bad_event', param: 'received', message: "'received' must be a whole number." }, stringAt(event, 'event_id'), 'relay.ack')
}

/** What runs may finish, and nothing new begins: no tool, and no answer that nobody would hear. */
export function clientGone(step: Step): void {
  if (step.state.life === 'closed') return
  step.set({ resume: { ...step.state.resume, awayUntil: step.now + (step.state.profile.limits.resumeMs ?? 0) } })
}

export function clientBack(step: Step, { recovered, expiresAt, exp, tokenId }: ClientBack): void {
  step.set({ resume: { ...step.state.resume, awayUntil: undefined }, token: termFrom(step.now, expiresAt, exp), lastActive: step.now })
  step.actions.push({ type: 'token.use', tokenId })
  if (!recovered) showItems(step)
  startCalls(step)
  followUp(step)
}

/** At every tick that is due. */
export function endIfNotBack(step: Step): void {
  const { awayUntil } = step.state.resume
  if (awayUntil !== undefined && step.now >= awayUntil) close(step, 'client_left', 'not_resumed')
}
