// Brings a session from its first upstream event to live: our configuration goes first and must be seen in force.

import { refusedByLimit } from '../limits/refusal.js'
import { openingUpdate, serverPartInForce } from '../policy/session-update.js'
import { objectAt, stringAt } from '../protocol/events.js'
import { codeLabel } from './error-codes.js'
import { mediaOf } from './media.js'
import { ownTurns, shownTurns } from './quota/gate.js'
import type { Shown } from './responses/state.js'
import { handleServerEvent } from './server-events.js'
import { show } from './show.js'
import { close, MAX_EARLY, note, relayId, type Turn } from './state.js'

export function openingEvent(turn: Turn, shown: Shown): void {
  const { event } = shown
  if (event.type === 'error') {
    refusedByUpstream(turn, shown)
    return
  }
  if (turn.s.phase === 'connecting' && event.type === 'session.created') {
    const eventId = relayId(turn)
    turn.s = { ...turn.s, phase: 'configuring', sessionCreated: event, openingUpdateId: eventId }
    turn.actions.push({ do: 'send', to: 'upstream', event: ownTurns(turn, openingUpdate(turn.s.profile, eventId), true) })
    return
  }
  if (turn.s.phase === 'configuring' && event.type === 'session.updated') {
    goLive(turn, shown)
    return
  }
  if (turn.s.early.length < MAX_EARLY) turn.s = { ...turn.s, early: [...turn.s.early, shown] }
  else note(turn, { note: 'event_dropped', side: 'upstream', why: 'too_early' })
}

/** The client sees one `session.created`, with the configuration that is really in force. */
function goLive(turn: Turn, shown: Shown): void {
  const session = objectAt(shown.event, 'session')
  if (!session || !serverPartInForce(session, turn.s.profile)) {
    close(turn, 'upstream_refused', 'configuration_not_in_force')
    return
  }
  const { early, sessionCreated } = turn.s
  turn.s = { ...turn.s, phase: 'live', early: [], sessionCreated: undefined, lastActive: turn.s.now }
  note(turn, { note: 'configured', durationMs: turn.s.now - turn.s.openedAt })
  turn.actions.push({ do: 'media', media: mediaOf(session) })
  show(turn, { event: shownTurns(turn, { ...sessionCreated, type: 'session.created', session }), frame: undefined })
  for (const one of early) handleServerEvent(turn, one)
  turn.actions.push({ do: 'release.client' })
}

/** Before the session is live any error is final: OpenAI answers bad credentials with 101, `error`, close (source: dossier 3.1). */
function refusedByUpstream(turn: Turn, shown: Shown): void {
  const error = objectAt(shown.event, 'error')
  note(turn, { note: 'upstream_error', code: codeLabel(stringAt(error, 'code') ?? 'none') })
  const overload = refusedByLimit(error) !== undefined
  if (overload) turn.actions.push({ do: 'record.limits', event: shown.event })
  close(turn, overload ? 'rate_limited' : 'upstream_refused', turn.s.phase === 'configuring' ? 'configuration_refused' : 'refused_after_101')
}
