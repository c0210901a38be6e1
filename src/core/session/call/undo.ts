// Counts what somebody has done past the relay in a call, undoes it, and ends the call when it is too much.
import { takeTokens } from '../../limits/token-bucket.js'
import { openingUpdate } from '../../policy/session-update.js'
import { close } from '../ending.js'
import { asIfUpstreamAnswered, leaveAnsweringToRelay } from '../quota/gate.js'
import { takeViolation } from '../rates.js'
import { inForceUpdate } from '../replay.js'
import { note, relayId, type Step } from '../state.js'
import { SESSION } from './expected.js'
import type { CallState } from './state.js'

export type ForeignKind = 'session' | 'response' | 'item'

/** Unmodified SDKs send their configuration once they are connected, and some once more for each change of their user's. Forgiven as violations are. */
const UPDATES = { perSecond: 5 / 300, burst: 5 }
/** An upstream that does not confirm for so long is not under control. */
const UNDONE_WITHIN_MS = 10_000

/** False: that was the end of the call. Without a data channel nobody can have done it by any way that is known, so nothing is tolerated. */
export function tolerates(step: Step, kind: ForeignKind): boolean {
  const { call } = step.state
  if (!call) return false
  note(step, { type: 'foreign_event', kind, mode: call.mode })
  if (call.mode === 'shared') return true
  close(step, 'foreign_control', `foreign_${kind}`)
  return false
}

/** True: the call goes on. */
export function countUpdate(step: Step): boolean {
  const { bucket, ok } = takeTokens(step.state.call?.updates, 1, UPDATES, step.now)
  changeCall(step, { updates: bucket })
  if (!ok) close(step, 'foreign_control', 'too_many_foreign_updates')
  return ok
}

/** What an unmodified SDK has no reason for. True: the call goes on. */
export function countViolation(step: Step): boolean {
  const [rates, ok] = takeViolation(step.state.rates, step.state.profile.limits, step.now)
  step.set({ rates })
  if (!ok) close(step, 'foreign_control', 'too_many_foreign_events')
  return ok
}

/** The server's part, and what the attached client had set as last confirmed. */
export function sendLock(step: Step, isFirst: boolean): void {
  const update = isFirst ? openingUpdate(step.state.profile, relayId(step)) : asIfUpstreamAnswered(step, inForceUpdate(step.state))
  step.actions.push({ type: 'send', to: 'upstream', event: leaveAnsweringToRelay(step, update, true) })
}

export function undoItem(step: Step, itemId: string): void {
  isBeingUndone(step, itemId)
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'conversation.item.delete', event_id: relayId(step), item_id: itemId } })
}

export function undoSession(step: Step, isBreach: boolean): void {
  if (isBreach) isBeingUndone(step, SESSION)
  sendLock(step, false)
}

function isBeingUndone(step: Step, what: string): void {
  const { breaches = [] } = step.state.call ?? {}
  changeCall(step, { breaches: [...breaches.filter((one) => one !== what), what], undoneUntil: step.now + UNDONE_WITHIN_MS })
}

/** True: it was being undone. */
export function isUndone(step: Step, what: string): boolean {
  const { breaches = [], undoneUntil } = step.state.call ?? {}
  const left = breaches.filter((one) => one !== what)
  if (left.length === breaches.length) return false
  changeCall(step, { breaches: left, undoneUntil: left.length > 0 ? undoneUntil : undefined })
  return true
}

export function changeCall(step: Step, change: Partial<CallState>): void {
  const { call } = step.state
  if (call) step.set({ call: { ...call, ...change } })
}
