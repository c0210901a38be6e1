// Brings a new leg to where the lost one was: configured as the first, then told the conversation. Nothing of it reaches the client.
import { serverPartInForce } from '../../policy/session-update.js'
import { codeLabel } from '../../policy/upstream-codes.js'
import { type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { hideItem } from '../items.js'
import { asIfUpstreamAnswered, leaveAnsweringToRelay } from '../quota/gate.js'
import { replay } from '../replay.js'
import type { UpstreamEvent } from '../responses/state.js'
import { confirm } from '../server-events.js'
import { note, planRollover, recordLimits, type Step } from '../state.js'
import { echoSeen } from './echo.js'
import { attemptFailed } from './loss.js'
import { cutNotes, settleCut } from './settle.js'
import type { Restore } from './state.js'

export function restoringEvent(step: Step, { event }: UpstreamEvent): void {
  const { upstream, restore } = step.state
  if (!restore || upstream.phase === 'lost') return
  if (event.type === 'error') return errorWhileRestoring(step, restore, event)
  switch (upstream.phase) {
    case 'dialling':
      if (event.type === 'session.created') configure(step)
      return
    case 'configuring':
      if (event.type === 'session.updated') tell(step, restore, event)
      return
    default:
      if (!echoSeen(step, event)) recordLimits(step, event)
      if (event.type === 'conversation.item.added') taken(step, stringAt(objectAt(event, 'item'), 'id'))
  }
}

function configure(step: Step): void {
  const { update } = replay(step.state)
  step.set({ upstream: { ...step.state.upstream, phase: 'configuring' } })
  // What is in force upstream has the answering of turns switched off under a quota; the client's wish is what counts.
  step.actions.push({ type: 'send', to: 'upstream', event: leaveAnsweringToRelay(step, asIfUpstreamAnswered(step, update), true) })
}

function tell(step: Step, restore: Restore, event: RealtimeEvent): void {
  const session = objectAt(event, 'session')
  if (!session || !serverPartInForce(session, step.state.profile)) return attemptFailed(step, 'configuration_not_in_force')
  replayTo(step, restore, session)
}

/** `session`: as the new leg runs it. */
export function replayTo(step: Step, restore: Restore, session: JsonObject | undefined): void {
  confirm(step, session)
  const { items, renamed } = replay(step.state, cutNotes(step))
  const idOf = (create: RealtimeEvent) => stringAt(objectAt(create, 'item'), 'id') ?? ''
  const awaited = new Map(items.map((create) => [stringAt(create, 'event_id') ?? '', idOf(create)]))
  const { sessionId } = step.state
  const newId = stringAt(session, 'id')
  const aliases = newId === undefined || sessionId === undefined || newId === sessionId ? renamed : new Map(renamed).set(newId, sessionId)
  const replayed = new Set(items.map((create) => renamed.get(idOf(create)) ?? idOf(create)))
  step.set({
    upstream: { ...step.state.upstream, phase: 'replaying' },
    restored: { ...step.state.restored, aliases, replayed },
    restore: { ...restore, awaited },
  })
  for (const create of items) {
    const id = idOf(create)
    // Notes of ours: the client must not see them, nor a link to them.
    if (!renamed.has(id) && !step.state.conversation.items.some((kept) => kept.id === id)) step.set({ items: hideItem(step.state.items, id, null) })
    step.actions.push({ type: 'send', to: 'upstream', event: create })
  }
  planRollover(step, session)
  if (awaited.size === 0) settleCut(step)
}

/** An item that the service refuses is left out; any other error is the end of this attempt. */
function errorWhileRestoring(step: Step, restore: Restore, event: RealtimeEvent): void {
  const error = objectAt(event, 'error')
  const code = stringAt(error, 'code') ?? 'none'
  note(step, { type: 'upstream_error', code: codeLabel(code) })
  const overload = recordLimits(step, event)
  const refused = restore.awaited.get(stringAt(error, 'event_id') ?? '')
  if (step.state.upstream.phase !== 'replaying' || refused === undefined) return attemptFailed(step, overload ? 'rate_limited' : 'refused')
  note(step, { type: 'event_dropped', side: 'upstream', why: 'item_not_replayed' })
  taken(step, refused)
}

/** Live when the last one is in. */
function taken(step: Step, itemId: string | undefined): void {
  const { restore } = step.state
  if (!restore) return
  const awaited = new Map([...restore.awaited].filter(([, id]) => id !== itemId))
  if (awaited.size === restore.awaited.size) return
  step.set({ restore: { ...restore, awaited } })
  if (awaited.size === 0) settleCut(step)
}
