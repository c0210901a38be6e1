// The user's words: typed items are asked about before or beside their way upstream, spoken turns once their transcript has come.
import { arrayAt, isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { closeGate } from '../gate.js'
import { publicItemId, relayId, type Step } from '../state.js'
import { ask, changeGuards, guardsOf } from './ask.js'
import type { Group } from './state.js'
import { addTurn, turnPassed } from './turns.js'
import { dropWords } from './words.js'

/** A transcript comes within some seconds of its turn, or not at all. */
const TRANSCRIPT_MS = 10_000
const DECIDING: readonly Group[] = ['wait', 'cut']

/** True: the item waits for a verdict at the gate, and what the client sends after it waits too. */
export function waitsForGuards(step: Step, event: RealtimeEvent): boolean {
  const text = typedText(objectAt(event, 'item'))
  if (text === '' || !ask(step, 'input', 'wait', { type: 'typed', event }, text)) return false
  step.set({ gate: closeGate(step.state.gate, 'guard', event) })
  return true
}

/** An item on its way upstream. It is given an id if a block is to delete it. */
export function guardSent(step: Step, event: RealtimeEvent): RealtimeEvent {
  const item = objectAt(event, 'item')
  const text = typedText(item)
  if (!item || text === '') return event
  ask(step, 'input', 'observe', { type: 'item', itemId: stringAt(item, 'id') ?? '' }, text)
  if (guardsOf(step, 'input', 'cut').length === 0) return event
  const itemId = stringAt(item, 'id') ?? publicItemId(step)
  addTurn(step, { itemId, typed: true, open: ['cut'], responseId: undefined, until: Number.POSITIVE_INFINITY })
  ask(step, 'input', 'cut', { type: 'item', itemId }, text)
  return { ...event, item: { ...item, id: itemId } }
}

/** A turn was taken. Its words are not known yet. */
export function turnSpoken(step: Step, event: RealtimeEvent): void {
  const open = DECIDING.filter((group) => guardsOf(step, 'input', group).length > 0)
  const itemId = stringAt(event, 'item_id')
  if (itemId !== undefined && open.length > 0) addTurn(step, { itemId, typed: false, open, responseId: undefined, until: step.now + TRANSCRIPT_MS })
}

/** They are now, or never will be. */
export function transcriptCame(step: Step, event: RealtimeEvent): void {
  const { guards } = step.state
  const itemId = stringAt(event, 'item_id') ?? ''
  const text = stringAt(event, 'transcript')
  if (!guards) return
  if (text !== undefined) ask(step, 'input', 'observe', { type: 'item', itemId }, text)
  const turn = guards.turns.find((one) => one.itemId === itemId && !one.typed)
  if (!turn) return
  if (text?.trim() === '') return turnPassed(step, turn, turn.open)
  // The deadline of a transcript that failed is now.
  changeGuards(step, { turns: guards.turns.map((one) => (one === turn ? { ...one, until: text === undefined ? step.now : Number.POSITIVE_INFINITY } : one)) })
  if (text !== undefined) for (const group of turn.open) ask(step, 'input', group, { type: 'item', itemId }, text)
}

/** An answer begins: to all turns that have none. Of one whose words were blocked meanwhile nothing is heard. */
export function answerBegins(step: Step, event: RealtimeEvent): void {
  const { guards, responses } = step.state
  const responseId = stringAt(objectAt(event, 'response'), 'id')
  if (!guards || responseId === undefined) return
  if (guards.turns.some((turn) => turn.responseId === undefined))
    changeGuards(step, { turns: guards.turns.map((turn) => (turn.responseId === undefined ? { ...turn, responseId } : turn)) })
  const { cutsNext } = guards
  if (!cutsNext) return
  changeGuards(step, { cutsNext: undefined })
  const { clientRequest, ourRequest, turnSince } = responses
  const isAnswer = clientRequest ? clientRequest === cutsNext.request : !ourRequest && turnSince !== undefined && turnSince === cutsNext.turnSince
  if (!isAnswer) return
  dropWords(step, responseId, { keeps: [] })
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.cancel', event_id: relayId(step), response_id: responseId } })
}

/** Of a message its texts, of the result of a client's tool the result. */
function typedText(item: JsonObject | undefined): string {
  if (!item) return ''
  if (item.type === 'function_call_output') return stringAt(item, 'output') ?? ''
  return arrayAt(item, 'content')
    .map((part) => (isObject(part) ? (stringAt(part, 'text') ?? stringAt(part, 'transcript') ?? '') : ''))
    .filter((text) => text !== '')
    .join('\n')
}

/** The item with these words in place of its own. */
export function withText(event: RealtimeEvent, text: string): RealtimeEvent {
  const item = objectAt(event, 'item') ?? {}
  if (item.type === 'function_call_output') return { ...event, item: { ...item, output: text } }
  const parts = arrayAt(item, 'content').filter(isObject)
  const first = parts.findIndex((part) => stringAt(part, 'text') !== undefined || stringAt(part, 'transcript') !== undefined)
  const content = parts.flatMap((part, at) => {
    if (at === first) return [{ ...part, [stringAt(part, 'text') !== undefined ? 'text' : 'transcript']: text }]
    return stringAt(part, 'text') !== undefined || stringAt(part, 'transcript') !== undefined ? [] : [part]
  })
  return { ...event, item: { ...item, content } }
}
