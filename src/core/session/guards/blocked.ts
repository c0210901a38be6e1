// What follows a block: the answer ends, its item goes, its tools stop, a line is said, the client is told in words of the admin's.
import type { GuardSide } from '../../policy/guards.js'
import { toErrorEvent } from '../../protocol/errors.js'
import type { JsonObject } from '../../protocol/events.js'
import { cutOff } from '../call/cancel.js'
import { close } from '../ending.js'
import { hideItem } from '../items.js'
import { itemsOf } from '../kept-items.js'
import type { SessionNote } from '../notes.js'
import { stopAnswer } from '../playing/interrupting.js'
import { changeQuota } from '../quota/gate.js'
import { mayStart } from '../responses/floor.js'
import { deletedByRelay } from '../restore/truncating.js'
import { note, publicEventId, relayId, type Step } from '../state.js'
import { cancelTools } from '../tools/run.js'
import { cancelFiller, sayAside } from '../tools/slow.js'
import { changeGuards, forgetChecks, guardsOf, UNCHECKED } from './ask.js'
import { holds, type Turn } from './state.js'
import { turnPassed } from './turns.js'
import { asBlocked, dropWords, withoutMark, wordsOf } from './words.js'

const DEFAULT_MESSAGE = 'This content is not allowed here.'

export function messageOf({ state }: Step): string {
  return state.profile.guards?.blockedMessage ?? DEFAULT_MESSAGE
}

/** Tells an opted-in client, and counts. Too many end the session. */
export function blocked(step: Step, side: GuardSide, category: string): void {
  const { guards, profile } = step.state
  if (!guards) return
  const blocks = guards.blocks + 1
  changeGuards(step, { blocks })
  if (profile.relayEvents)
    step.actions.push({ type: 'send', to: 'client', event: { type: 'relay.blocked', event_id: publicEventId(step), side, category, message: messageOf(step) } })
  if (blocks >= (profile.guards?.maxBlocks ?? Number.POSITIVE_INFINITY)) close(step, 'content_blocked', 'too_many_blocks')
}

/** The client's typed words never reach the upstream, or leave it again. */
export function refuseTyped(step: Step, causeEventId: string | undefined): void {
  step.actions.push({ type: 'send', to: 'client', event: toErrorEvent('content_blocked', { eventId: publicEventId(step), causeEventId, message: messageOf(step) }) })
}

/** An answer that must not go on, or must not have been said. */
export function blockAnswer(step: Step, responseId: string): void {
  if (step.state.guards?.dropped.some((one) => one.responseId === responseId)) return
  const words = wordsOf(step, responseId)
  const { active, filler } = step.state.responses
  const isHeld = words !== undefined && holds(step.state) && words.told < words.doneMark
  if (active?.id === responseId) {
    if (step.state.call) cutOff(step, responseId)
    else step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.cancel', event_id: relayId(step), response_id: responseId } })
  } else if (filler?.id === responseId) cancelFiller(step)
  cancelTools(step, responseId)
  dropWords(step, responseId, { keeps: stopAnswer(step, responseId) })
  changeGuards(step, { wantsLine: filler?.id !== responseId && step.state.profile.guards?.blockedLine !== undefined })
  if (!words?.over || !isHeld) return
  const done = asBlocked({ type: 'response.done', event_id: publicEventId(step), response: { object: 'realtime.response', id: responseId, usage: null } })
  step.actions.push({ type: 'send', to: 'client', event: done, gate: withoutMark(step, responseId) })
}

/** Words of the user that are in the conversation. */
export function blockTurn(step: Step, turn: Turn, category: string): void {
  const { guards, responses } = step.state
  if (!guards) return
  changeGuards(step, { turns: guards.turns.filter((one) => one !== turn) })
  forgetChecks(step, (about) => about.type === 'item' && about.itemId === turn.itemId)
  deleteItem(step, turn.itemId)
  const answer = turn.responseId
  if (answer !== undefined && (responses.active?.id === answer || wordsOf(step, answer))) blockAnswer(step, answer)
  else if (answer === undefined) {
    changeQuota(step, { turnUnanswered: false })
    const mayCome = responses.clientRequest !== undefined || (!turn.typed && responses.turnSince !== undefined)
    changeGuards(step, { turnBlocked: true, cutsNext: mayCome ? { turnSince: responses.turnSince, request: responses.clientRequest } : undefined })
  }
  if (turn.typed) refuseTyped(step, undefined)
  else changeGuards(step, { wantsLine: step.state.profile.guards?.blockedLine !== undefined })
  blocked(step, 'input', category)
}

/** As the profile says for words without a verdict. */
export function turnUndecided(step: Step, turn: Turn, why: Extract<SessionNote, { type: 'guard_failed' }>['why']): void {
  const guards = turn.open.flatMap((group) => guardsOf(step, 'input', group))
  for (const { name } of guards) note(step, { type: 'guard_failed', guard: name, why })
  if (guards.some(({ whenUnsure }) => whenUnsure === 'block')) blockTurn(step, turn, UNCHECKED)
  else turnPassed(step, turn, turn.open)
}

/** After each input: items of answers that were blocked go as soon as those are over, since the service does not delete what is being said. */
export function deleteBlocked(step: Step): void {
  const { guards, conversation } = step.state
  if (!guards?.dropped.some(({ over, keeps }) => over && keeps)) return
  for (const { items, over, keeps } of guards.dropped) {
    if (!over || !keeps) continue
    for (const id of items) if (!keeps.includes(id) && itemsOf(conversation).some((one) => one.id === id && one.type === 'message')) deleteItem(step, id)
    if (step.state.profile.guards?.tellsModel) tellModel(step)
  }
  const after = step.state.guards?.dropped ?? []
  changeGuards(step, { dropped: after.map((one) => (one.over ? { responseId: one.responseId, items: one.items, over: true, keeps: undefined } : one)) })
}

function deleteItem(step: Step, itemId: string): void {
  const event = { type: 'conversation.item.delete', event_id: relayId(step), item_id: itemId }
  if (!deletedByRelay(step, event)) step.actions.push({ type: 'send', to: 'upstream', event })
}

function tellModel(step: Step): void {
  const eventId = relayId(step)
  const id = relayId(step)
  step.set({ items: hideItem(step.state.items, id, null) })
  const item: JsonObject = {
    id,
    type: 'message',
    role: 'system',
    content: [{ type: 'input_text', text: 'The last answer was withheld from the user: its content is not allowed.' }],
  }
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'conversation.item.create', event_id: eventId, item } })
}

/** After each input: out of band and without tools, as soon as neither side speaks. */
export function sayLine(step: Step): void {
  const { guards, profile, responses } = step.state
  if (!guards?.wantsLine) return
  if (responses.userSpeaks) return changeGuards(step, { wantsLine: false })
  if (!mayStart(step.state, 'filler')) return
  changeGuards(step, { wantsLine: false })
  sayAside(step, profile.guards?.blockedLine ?? '', undefined, responses.filledFor ?? '')
}
