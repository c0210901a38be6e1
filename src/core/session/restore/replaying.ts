// Brings a new leg to where the lost one was: configured as the first, then told the conversation. Nothing of it reaches the client.
import { serverPartInForce } from '../../policy/session-update.js'
import { codeLabel } from '../../policy/upstream-codes.js'
import { type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { hideItem } from '../items.js'
import { itemsOf } from '../kept-items.js'
import { asIfUpstreamAnswered, leaveAnsweringToRelay } from '../quota/gate.js'
import { replay } from '../replay.js'
import type { UpstreamEvent } from '../responses/state.js'
import { confirm } from '../server-events.js'
import { note, planRollover, recordLimits, type Step } from '../state.js'
import { withAliases } from './aliases.js'
import { driftAfter } from './drift.js'
import { alias, echoSeen } from './echo.js'
import { idOfItem, isNews, soundsToTell, withoutDetection } from './hearing.js'
import { attemptFailed } from './loss.js'
import { cutNotes, settleCut } from './settle.js'
import type { Restore } from './state.js'

/** What stands for the two updates around sound in `awaited`. No item has such an id. */
const OFF = 'detection off'
const ON = 'detection on'
const MOST_NEWS = 64

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
      return replayingEvent(step, restore, event)
  }
}

function replayingEvent(step: Step, restore: Restore, event: RealtimeEvent): void {
  if (event.type === 'session.updated')
    return taken(
      step,
      [...restore.awaited.values()].find((id) => id === OFF || id === ON),
    )
  if (event.type === 'input_audio_buffer.committed') nameSound(step, restore, stringAt(event, 'item_id'))
  const known = withAliases(event, step.state.restored.aliases)
  if (!echoSeen(step, known) && !recordLimits(step, event)) keepNews(step, event)
  if (event.type !== 'conversation.item.added') return
  taken(step, idOfItem(event))
  taken(step, idOfItem(known))
}

/** The client knows the turn by the name that the leg before gave it. */
function nameSound(step: Step, restore: Restore, upstreamId: string | undefined): void {
  const [next, ...sounds] = restore.sounds
  if (!next) return
  alias(step, upstreamId, next.id)
  step.set({ restore: { ...restore, sounds } })
}

function keepNews(step: Step, event: RealtimeEvent): void {
  const { restore } = step.state
  if (restore && isNews(event) && restore.news.length < MOST_NEWS) step.set({ restore: { ...restore, news: [...restore.news, event] } })
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
  const spoken = soundsToTell(step)
  const { items, sounds, renamed } = replay(step.state, cutNotes(step, spoken), spoken)
  const detection = sounds.size > 0 ? withoutDetection(session, step.state.relayIdPrefix) : undefined
  const idOf = (told: RealtimeEvent) => sounds.get(told)?.id ?? idOfItem(told) ?? ''
  const awaited = new Map(items.map((create) => [stringAt(create, 'event_id') ?? '', idOf(create)]))
  if (detection) awaited.set(String(detection.off.event_id), OFF).set(String(detection.on.event_id), ON)
  const { sessionId, conversation, voice } = step.state
  const newId = stringAt(session, 'id')
  const aliases = newId === undefined || sessionId === undefined || newId === sessionId ? renamed : new Map(renamed).set(newId, sessionId)
  // Of a turn that the client has not seen as an item yet, the new one is the first it sees.
  const known = items.filter((told) => !sounds.has(told) || itemsOf(conversation).some(({ id }) => id === idOf(told)))
  const replayed = new Set(known.map((told) => renamed.get(idOf(told)) ?? idOf(told)))
  const committed = new Set(voice.turns.flatMap(({ id }) => (spoken.some((sound) => sound.id === id) ? [id] : [])))
  step.set({
    upstream: { ...step.state.upstream, phase: 'replaying' },
    restored: { ...step.state.restored, aliases, replayed, committed, retold: new Set(), drift: driftAfter(session, items) },
    restore: { ...restore, awaited, sounds: [...sounds.values()], appendedMs: [...sounds.values()].reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0) },
  })
  const send = (event: RealtimeEvent) => step.actions.push({ type: 'send', to: 'upstream', event })
  if (detection) send(detection.off)
  for (const create of items) {
    const sound = sounds.get(create)
    const id = idOf(create)
    if (sound) step.actions.push({ type: 'audio.append', fromMs: sound.fromMs, toMs: sound.toMs })
    // Notes of ours: the client must not see them, nor a link to them.
    else if (!renamed.has(id) && !itemsOf(step.state.conversation).some((kept) => kept.id === id)) step.set({ items: hideItem(step.state.items, id, null) })
    send(create)
  }
  if (detection) send(detection.on)
  planRollover(step, session)
  if (awaited.size === 0) settleCut(step)
}

/** An item that the service refuses is left out, and so is audio; any other error is the end of this attempt. */
function errorWhileRestoring(step: Step, restore: Restore, event: RealtimeEvent): void {
  const error = objectAt(event, 'error')
  const code = stringAt(error, 'code') ?? 'none'
  note(step, { type: 'upstream_error', code: codeLabel(code) })
  const overload = recordLimits(step, event)
  const refused = restore.awaited.get(stringAt(error, 'event_id') ?? '')
  const cause = stringAt(error, 'event_id')
  // What the client had sent as audio may be none.
  if (restore.sounds.length > 0 && cause === undefined && !overload) return
  const isSwitch = refused === OFF || refused === ON
  if (isSwitch) step.set({ restore: { ...restore, soundless: true } })
  if (step.state.upstream.phase !== 'replaying' || refused === undefined || isSwitch) return attemptFailed(step, overload ? 'rate_limited' : 'refused')
  step.set({ restore: { ...restore, sounds: restore.sounds.filter(({ id }) => id !== refused) } })
  note(step, { type: 'item_not_replayed' })
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
