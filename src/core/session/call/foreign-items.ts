// What an item of the conversation means that the relay has not sent in a call: speech and answers are ordinary, words of the caller count, all else is undone.
import { arrayAt, isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { itemsOf } from '../kept-items.js'
import { overRate } from '../refuse.js'
import { itemTaken } from '../responses/machine.js'
import type { Step } from '../state.js'
import { changeResponses } from '../to-client.js'
import { cutOffForeign } from './cancel.js'
import type { CallState } from './state.js'
import { countViolation, tolerates, undoItem } from './undo.js'

/** `own`: of a spoken turn, or of a response. `words`: of the caller, as an attached client may add them. `forged`: nobody but the server may add it. */
export type Origin = 'own' | 'words' | 'forged'

/** `answering`: a response is under way, or may have been while the sideband was lost. */
export function originOf(item: JsonObject | undefined, answering: boolean): Origin {
  if (item?.type === 'function_call') return answering ? 'own' : 'forged'
  if (item?.type !== 'message') return 'forged'
  if (item.role === 'assistant') return answering ? 'own' : 'forged'
  if (item.role !== 'user') return 'forged'
  const parts = arrayAt(item, 'content')
  return parts.every((part) => isObject(part) && part.type === 'input_audio') ? 'own' : 'words'
}

/** True: it is to be handled as any other. */
export function foreignItem(step: Step, call: CallState, event: RealtimeEvent): boolean {
  // The upstream cannot take back what was deleted, nor make unread what was read.
  if (event.type === 'conversation.item.deleted') return tolerates(step, 'item') && countViolation(step)
  if (event.type === 'conversation.item.retrieved') {
    if (tolerates(step, 'item')) countViolation(step)
    return false
  }
  const item = objectAt(event, 'item')
  const id = stringAt(item, 'id') ?? ''
  // Announced before, by the other of the two events that announce.
  if (itemsOf(step.state.conversation).some((kept) => kept.id === id)) return true
  const { active, filler } = step.state.responses
  const origin = originOf(item, active !== undefined || filler !== undefined || call.dismissed.length > 0 || call.unsure !== undefined)
  if (origin === 'own') return true
  if (!tolerates(step, 'item')) return false
  const tooMuch = origin === 'words' && overRate(step, 'conversation.item.create')
  if (origin === 'words' && !tooMuch && step.state.quota.spentUntil === undefined) {
    changeResponses(step, itemTaken(step.state.responses))
    return true
  }
  undoItem(step, id)
  if (origin === 'forged') cutOffForeign(step)
  if (origin === 'forged' || tooMuch) countViolation(step)
  return false
}
