// Brings a session from its first upstream event to live: our configuration goes first and must be seen in force.

import { openingUpdate, serverPartInForce } from '../policy/session-update.js'
import { codeLabel } from '../policy/upstream-codes.js'
import { objectAt, stringAt } from '../protocol/events.js'
import { close } from './ending.js'
import { asIfUpstreamAnswered, leaveAnsweringToRelay } from './quota/gate.js'
import { tellRecording } from './recording/consent.js'
import type { UpstreamEvent } from './responses/state.js'
import { confirm, handleServerEvent } from './server-events.js'
import { MAX_EARLY, note, planRollover, recordLimits, relayId, type Step } from './state.js'
import { sendToClient } from './to-client.js'

export function openingEvent(step: Step, received: UpstreamEvent): void {
  const { event } = received
  if (event.type === 'error') {
    refusedByUpstream(step, received)
    return
  }
  if (step.state.upstream.phase === 'dialling' && event.type === 'session.created') {
    const eventId = relayId(step)
    step.set({ upstream: { ...step.state.upstream, phase: 'configuring' }, sessionCreated: event })
    step.actions.push({ type: 'send', to: 'upstream', event: leaveAnsweringToRelay(step, openingUpdate(step.state.profile, eventId), true) })
    return
  }
  if (step.state.upstream.phase === 'configuring' && event.type === 'session.updated') {
    goLive(step, received)
    return
  }
  if (step.state.early.length < MAX_EARLY) step.set({ early: [...step.state.early, received] })
  else note(step, { type: 'event_dropped', side: 'upstream', why: 'too_early' })
}

/** The client sees one `session.created`, with the configuration that is really in force. */
function goLive(step: Step, received: UpstreamEvent): void {
  const session = objectAt(received.event, 'session')
  if (!session || !serverPartInForce(session, step.state.profile)) {
    close(step, 'upstream_refused', 'configuration_not_in_force')
    return
  }
  const { early, sessionCreated } = step.state
  step.set({
    upstream: { ...step.state.upstream, phase: 'ready' },
    early: [],
    sessionCreated: undefined,
    sessionId: stringAt(session, 'id'),
    lastActive: step.now,
  })
  note(step, { type: 'configured', durationMs: step.now - step.state.openedAt })
  planRollover(step, session)
  confirm(step, session)
  sendToClient(step, { event: asIfUpstreamAnswered(step, { ...sessionCreated, type: 'session.created', session }), frame: undefined })
  tellRecording(step)
  for (const one of early) handleServerEvent(step, one)
}

/** Before the session is live any error is final: OpenAI answers bad credentials with 101, `error`, close. */
function refusedByUpstream(step: Step, received: UpstreamEvent): void {
  const error = objectAt(received.event, 'error')
  note(step, { type: 'upstream_error', code: codeLabel(stringAt(error, 'code') ?? 'none') })
  const overload = recordLimits(step, received.event)
  close(step, overload ? 'rate_limited' : 'upstream_refused', step.state.upstream.phase === 'configuring' ? 'configuration_refused' : 'refused_after_101')
}
