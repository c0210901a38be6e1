// The new leg knows the conversation: what the loss has cut is settled for the client, what was sent in vain is sent again, what is owed is asked for.
import { outputCap } from '../../policy/profile.js'
import { isVisibleItem } from '../../policy/server-rules.js'
import { type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { handleClientEvent } from '../client-events.js'
import { remembered } from '../conversation.js'
import { isOpen } from '../gate.js'
import { itemsOf } from '../kept-items.js'
import { interruptsItself } from '../playing/state.js'
import { answerTurn, quotaReserved } from '../quota/gate.js'
import { heardPart } from '../replay.js'
import { isFree } from '../responses/floor.js'
import { followUp } from '../responses/follow-up.js'
import { askedAgain, fillerOver, speechHeard } from '../responses/machine.js'
import { createForTurn } from '../responses/requests.js'
import { handleServerEvent } from '../server-events.js'
import { note, publicEventId, relayId, type Step } from '../state.js'
import { changeResponses, sendToClient } from '../to-client.js'
import type { Sound } from '../voice.js'
import { type Cut, closingEvents, cutOf, type LossCause } from './cut.js'
import { soundAgain } from './hearing.js'
import type { Restore } from './state.js'
import { truncatedByRelay } from './truncating.js'
import { nothingUnderWay, type ShownItem, type ShownResponse, tidy } from './under-way.js'

const GO_ON = 'The connection was renewed. Go on in the same language and manner. Do not greet again, and do not mention an interruption.'
const BROKE_OFF = 'Your last answer broke off. Go on exactly where it stopped, and repeat nothing of it.'
/** Of these the client is told nothing: they were planned, or it knows. */
const UNTOLD: ReadonlySet<LossCause> = new Set(['rollover', 'forced', 'moved'])
const UNHEARD = 'What the user said last could not be heard. Ask briefly to say it again.'

/** What the model is told after the conversation. */
export function cutNotes(step: Step, sounds: readonly Sound[] = []): readonly string[] {
  const { conversation, underWay, responses } = step.state
  if (itemsOf(conversation).length === 0 && underWay.owed === undefined) return []
  const cut = responses.active ? cutOfActive(step) : undefined
  // Of an owed turn there may be no item yet; otherwise the user may have said nothing at all.
  const words =
    underWay.owed === undefined
      ? itemsOf(conversation).findLast((item) => item.role === 'user')?.text
      : (itemsOf(conversation).find((item) => item.id === underWay.owed)?.text ?? '')
  const isUnanswered = underWay.owed !== undefined || cut === 'again' || underWay.sent.some((one) => one.type === 'response.create')
  const unheard = isUnanswered && words === '' && sounds.length === 0
  return [GO_ON, ...(cut === 'broken' && goesOnAfterCut(step) && wasHeard(step) ? [BROKE_OFF] : []), ...(unheard ? [UNHEARD] : [])]
}

/** The session is live again. */
export function settleCut(step: Step): void {
  const { restore, upstream } = step.state
  if (!restore) return
  const { active } = step.state.responses
  const { sent, speech, owed } = step.state.underWay
  const cut = active ? cutOfActive(step) : undefined
  const { phase: _, ...leg } = upstream
  step.set({
    upstream: { ...leg, phase: 'ready' },
    restore: undefined,
    underWay: tidy(step.state.underWay, { ...step.state.underWay, sent: [], owed: undefined, speech: undefined }),
  })
  // Booked before the client sees its end, like every use. What was cut by a move was booked where that began.
  if (cut !== undefined && restore.cause !== 'moved')
    step.actions.push({ type: 'record.estimate', input: step.state.quota.lastInput, output: outputCap(step.state.profile, active?.request) })
  for (const event of restore.news) handleServerEvent(step, { event, frame: undefined })
  const goesOn = speech !== undefined && step.state.voice.speech?.id === speech
  // What the new leg was told as sound is answered below, like every turn.
  step.set({ underWay: tidy(step.state.underWay, { ...step.state.underWay, owed: undefined }) })
  soundAgain(step, sent, restore.appendedMs, (event) => sendAgain(step, event))
  endFiller(step, restore)
  if (cut === 'again') forgetHalf(step)
  else if (cut !== undefined) closeResponse(step, cut, restore)
  if (goesOn) {
    step.set({ restored: { ...step.state.restored, speech } })
    changeResponses(step, speechHeard(step.state.responses, false))
  }
  const gapMs = step.now - restore.since
  note(step, { type: 'restored', cause: restore.cause, durationMs: gapMs, attempts: restore.attempt, cut: cut ?? 'none' })
  if (step.state.profile.relayEvents && !UNTOLD.has(restore.cause))
    step.actions.push({
      type: 'send',
      to: 'client',
      event: { type: 'relay.resumed', event_id: publicEventId(step), cause: 'upstream', gap_ms: Math.round(gapMs), cut: cut ?? 'none' },
    })
  if (cut === 'again' || (cut === 'broken' && goesOnAfterCut(step) && isFree(step.state.responses) && isOpen(step.state.gate))) askAgain(step, active?.request)
  else if (owed !== undefined && isFree(step.state.responses) && isOpen(step.state.gate)) createForTurn(step)
  for (const answer of restore.reserved) for (const event of quotaReserved(step, answer)) handleClientEvent(step, event)
  for (const event of restore.early) handleClientEvent(step, event)
  followUp(step)
  answerTurn(step)
}

function goesOnAfterCut({ profile }: Step): boolean {
  return profile.onCutAnswer !== 'leave'
}

function cutOfActive(step: Step): Cut {
  const { active, userSpeaks } = step.state.responses
  const { sent } = step.state.underWay
  // Where speech does not end an answer, a loss must not.
  const unwanted =
    (userSpeaks && !interruptsItself(step.state)) || sent.some((one) => one.type === 'response.cancel' && (stringAt(one, 'response_id') ?? active?.id) === active?.id)
  return cutOf({ shown: shownOf(step, active?.id), unwanted, isVisible: (item) => isSeen(step, item) })
}

/** An answer of which no word was heard is given as a whole. */
function wasHeard({ state }: Step): boolean {
  const { items = [] } = state.underWay.responses.find((one) => one.id === state.responses.active?.id) ?? {}
  return items.some(({ id }) => itemsOf(state.conversation).some((kept) => kept.id === id && heardPart(kept) !== ''))
}

function shownOf({ state }: Step, id: string | undefined): ShownResponse | undefined {
  return state.underWay.responses.find((one) => one.id === id)
}

function isSeen(step: Step, { item }: ShownItem): boolean {
  return isVisibleItem(item, step)
}

/** The closing events go the way that the upstream's own would have gone. */
function closeResponse(step: Step, cut: Exclude<Cut, 'again'>, { said }: Restore): void {
  const { active } = step.state.responses
  const shown = shownOf(step, active?.id) ?? { id: active?.id ?? '', response: { id: active?.id ?? '', object: 'realtime.response' }, items: [] }
  for (const event of closingEvents(shown, cut, said, () => publicEventId(step), step.state.underWay.undone)) handleServerEvent(step, { event, frame: undefined })
}

/** The line said while a tool takes long is ended for a client that heard its beginning, and not said again. */
function endFiller(step: Step, { said }: Restore): void {
  const { filler } = step.state.responses
  if (!filler) return
  const shown = shownOf(step, filler.id)
  if (shown) {
    for (const event of closingEvents(shown, 'cancelled', said, () => publicEventId(step), [])) {
      const response = objectAt(event, 'response')
      sendToClient(step, { event: response ? { ...event, response: { ...response, metadata: null } } : event, frame: undefined })
    }
    step.set({ underWay: tidy(step.state.underWay, { ...step.state.underWay, responses: step.state.underWay.responses.filter((one) => one !== shown) }) })
  }
  changeResponses(step, fillerOver(step.state.responses))
}

/** Nobody has seen its items, and they will not come back. */
function forgetHalf(step: Step): void {
  const { active } = step.state.responses
  const shown = shownOf(step, active?.id)
  for (const { id } of shown?.items ?? []) forgetItem(step, id)
  const ids = new Set(shown?.items.map(({ id }) => id))
  const { responses, undone, ...rest } = step.state.underWay
  const underWay = tidy(nothingUnderWay, { ...rest, responses: responses.filter((one) => one !== shown), undone: undone.filter((id) => !ids.has(id)) })
  step.set({ underWay })
  // Shown as begun, it begins only once.
  if (active && !active.deferred) step.set({ restored: { ...step.state.restored, expected: active.id } })
}

function forgetItem(step: Step, id: string): void {
  step.set({ conversation: remembered(step.state.conversation, { type: 'conversation.item.deleted', item_id: id }) })
}

/** As it was asked for before. */
function askAgain(step: Step, request: JsonObject | undefined): void {
  const eventId = relayId(step)
  changeResponses(step, askedAgain(step.state.responses, eventId, request))
  const { ourRequest, clientRequest } = step.state.responses
  const response = ourRequest ? ourRequest.request : clientRequest?.request
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.create', event_id: eventId, ...(response ? { response } : {}) } })
}

function sendAgain(step: Step, event: RealtimeEvent): void {
  switch (event.type) {
    // The response is over.
    case 'response.cancel':
      return
    case 'conversation.item.truncate':
      if (truncatedByRelay(step, event)) return
  }
  step.actions.push({ type: 'send', to: 'upstream', event })
}
