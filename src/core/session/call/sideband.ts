// The sideband of a call: how it is configured first, what its loss means, and how the session goes on over the next one. The conversation is the upstream's.

import { enforcementOf } from '../../policy/enforcement.js'
import { outputCap } from '../../policy/profile.js'
import { codeLabel } from '../../policy/upstream-codes.js'
import { objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { handleClientEvent } from '../client-events.js'
import { close, closeNow } from '../ending.js'
import { answerTurn, asIfUpstreamAnswered, quotaReserved } from '../quota/gate.js'
import { followUp } from '../responses/follow-up.js'
import type { UpstreamEvent } from '../responses/state.js'
import type { Said } from '../restore/cut.js'
import { attemptFailed, dial, lost, wouldRestore } from '../restore/loss.js'
import { beginRestore, type Restore, remembering } from '../restore/state.js'
import { tidy } from '../restore/under-way.js'
import { confirm, handleServerEvent } from '../server-events.js'
import { isReady, note, publicEventId, recordLimits, relayId, type Step } from '../state.js'
import { sendToClient } from '../to-client.js'
import { withoutUpdates } from './expected.js'
import { isLocked, pastForeign, UNSURE_MS } from './foreign.js'
import { changeCall, sendLock } from './undo.js'

/** Events that come before the lock is seen in force. Deltas are not among them. */
const MOST_EARLY = 64

/** The upstream greets nobody: the server's part goes at once. */
export function sidebandOpened(step: Step): void {
  const { call, upstream, restore } = step.state
  if (!call) return
  step.set({ upstream: { ...upstream, phase: 'configuring' }, call: withoutUpdates(call), early: [] })
  sendLock(step, restore === undefined)
}

/** Until the server's part is seen in force. */
export function configuringCall(step: Step, received: UpstreamEvent): void {
  const { call, restore, upstream, early } = step.state
  const { event } = received
  if (!call || upstream.phase !== 'configuring') return
  if (event.type === 'error') return configuringRefused(step, event)
  if (event.type === 'session.updated') {
    if (call.mode === 'media-only' && !isLocked(step, event)) return notInForce(step)
    if (pastForeign(step, received)) inForce(step, restore)
  } else if (!event.type.endsWith('.delta') && early.length < MOST_EARLY) step.set({ early: [...early, received] })
  else if (!event.type.endsWith('.delta')) note(step, { type: 'event_dropped', side: 'upstream', why: 'too_early' })
}

/** A client has come, over a socket of its own. */
export function clientJoined(step: Step): void {
  if (isReady(step.state)) showSession(step)
}

/** A clean end is mostly that of the call, and one more dial tells. */
export function sidebandClosed(step: Step, code: number, said: readonly Said[]): void {
  const { life, upstream, restore, restored, profile } = step.state
  const isClean = code === 1000 || code === 1001
  if (restore) return attachFailed(step, 'closed')
  if (upstream.phase !== 'ready') return close(step, 'upstream_refused', 'closed_before_live')
  // Whoever takes the call over finds out what has become of it.
  if (life === 'draining') return closeNow(step, 'draining', 'sideband_lost')
  if (!isClean) return lost(step, 'closed', said, { code: 'upstream_lost', why: 'upstream_closed' })
  if (!wouldRestore(step.state, step.now)) return callOver(step)
  const until = step.now + (profile.limits.reconnectMs ?? 0)
  step.set({ restored: remembering(restored, step.now) })
  dial(step, beginRestore({ cause: 'closed', ending: OVER, since: step.now, until, attempt: 0, attemptUntil: 0, said: [] }))
}

const OVER = { code: 'session_over', why: 'call_over' } as const

/** The dial, or the sideband that it gave, came to nothing. */
export function attachFailed(step: Step, why: string, isUnknown = false, retryAfterMs = 0): void {
  if (isUnknown || step.state.restore?.ending === OVER) callOver(step)
  else attemptFailed(step, why, retryAfterMs)
}

/** The upstream does not know the call any more. */
export function callOver(step: Step): void {
  closeNow(step, OVER.code, OVER.why)
}

/** At every tick. */
export function tickCall(step: Step): void {
  const { call } = step.state
  if (!call || !isReady(step.state)) return
  if (call.undoneUntil !== undefined && step.now >= call.undoneUntil) return close(step, 'foreign_control', 'not_undone')
  if (call.unsure && step.now >= call.unsure.until) endUnsure(step, call.unsure.responseId)
  if (call.busyUntil === undefined || step.now < call.busyUntil) return
  changeCall(step, { busyUntil: undefined })
  followUp(step)
  answerTurn(step)
}

function inForce(step: Step, restore: Restore | undefined): void {
  const { early, upstream, openedAt } = step.state
  const { phase: _, ...leg } = upstream
  const session = step.state.call?.session
  step.set({ upstream: { ...leg, phase: 'ready' }, early: [] })
  confirm(step, session)
  if (restore) return attachedAgain(step, restore, early)
  step.set({ lastActive: step.now })
  if (step.state.call?.adopted) changeCall(step, { unsure: { until: step.now + UNSURE_MS, responseId: undefined } })
  note(step, { type: 'configured', durationMs: step.now - openedAt })
  step.actions.push({ type: 'call.live' })
  showSession(step)
  for (const one of early) handleServerEvent(step, one)
}

/** The client sees one `session.created`, with the configuration that is really in force. */
function showSession(step: Step): void {
  const { call, profile } = step.state
  if (!call?.session) return
  const event: RealtimeEvent = { type: 'session.created', event_id: publicEventId(step), session: call.session }
  sendToClient(step, { event: asIfUpstreamAnswered(step, event), frame: undefined })
  if (!profile.relayEvents) return
  step.actions.push({ type: 'send', to: 'client', event: { type: 'relay.session', event_id: publicEventId(step), enforcement: enforcementOf(call.mode) } })
}

/**
 * Nothing is replayed. Of what was sent and not answered it is not known whether it arrived. Items have an id each, so a second one is refused unseen; an answer
 * that was asked for is asked for again, and refused if it runs. One that was given whole meanwhile is given twice.
 */
function attachedAgain(step: Step, restore: Restore, early: readonly UpstreamEvent[]): void {
  const { underWay, relayIdPrefix, profile, responses } = step.state
  step.set({ restore: undefined, underWay: tidy(underWay, { ...underWay, sent: [] }) })
  changeCall(step, { plays: false, breaches: [], undoneUntil: undefined, unsure: { until: step.now + UNSURE_MS, responseId: responses.active?.id } })
  const gapMs = step.now - restore.since
  note(step, { type: 'restored', cause: restore.cause, durationMs: gapMs, attempts: restore.attempt, cut: 'none' })
  if (profile.relayEvents)
    step.actions.push({
      type: 'send',
      to: 'client',
      event: { type: 'relay.resumed', event_id: publicEventId(step), cause: 'upstream', gap_ms: Math.round(gapMs), cut: 'none' },
    })
  for (const event of underWay.sent) {
    const isOurs = event.type === 'response.create' || String(event.event_id).startsWith(relayIdPrefix)
    if (event.type !== 'response.cancel') step.actions.push({ type: 'send', to: 'upstream', event: isOurs ? event : { ...event, event_id: relayId(step) } })
  }
  for (const one of early) handleServerEvent(step, one)
  for (const answer of restore.reserved) for (const event of quotaReserved(step, answer)) handleClientEvent(step, event)
  for (const event of restore.early) handleClientEvent(step, event)
  followUp(step)
  answerTurn(step)
}

/**
 * The answer that was under way at the loss has not ended since, so it ended meanwhile: what it used, and what was left of it to say, is unknown. Its use is
 * estimated. If it still runs, its end is booked once more.
 */
function endUnsure(step: Step, id: string | undefined): void {
  const { responses, quota, profile } = step.state
  changeCall(step, { unsure: undefined })
  if (id === undefined) return
  step.actions.push({ type: 'record.estimate', input: quota.lastInput, output: outputCap(profile, responses.active?.request) })
  if (responses.active?.id !== id) return
  const response = { id, object: 'realtime.response', status: 'incomplete', status_details: { type: 'incomplete' }, output: [], usage: null }
  handleServerEvent(step, { event: { type: 'response.done', event_id: publicEventId(step), response }, frame: undefined })
}

function notInForce(step: Step): void {
  if (step.state.restore) attachFailed(step, 'configuration_not_in_force')
  else close(step, 'upstream_refused', 'configuration_not_in_force')
}

function configuringRefused(step: Step, event: RealtimeEvent): void {
  note(step, { type: 'upstream_error', code: codeLabel(stringAt(objectAt(event, 'error'), 'code') ?? 'none') })
  const overload = recordLimits(step, event)
  if (step.state.restore) attachFailed(step, overload ? 'rate_limited' : 'refused')
  else close(step, overload ? 'rate_limited' : 'upstream_refused', 'configuration_refused')
}
