// A model that was told what it had said as text may write on instead of speaking: its answer is held until its kind is known, and asked for anew in other terms.
import { arrayAt, isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { hideItem } from '../items.js'
import { itemsOf, type KeptItem } from '../kept-items.js'
import { heardPart, systemMessage } from '../replay.js'
import { createForTurn } from '../responses/requests.js'
import type { UpstreamEvent } from '../responses/state.js'
import { note, recordUsage, relayId, type Step } from '../state.js'
import type { Drift } from './state.js'
import { tidy } from './under-way.js'

const DIALOGUE = 'This conversation was spoken aloud, and so is your next answer. What was said so far:'

/** Beginnings of items. More of them than a model makes are no reason to wait. */
const MOST_HELD = 32

/** Once a leg was told the conversation: whether its first answer is to be watched. `session`: as it runs it. */
export function driftAfter(session: JsonObject | undefined, told: readonly RealtimeEvent[]): Drift | undefined {
  const isWritten = told.some((create) => objectAt(create, 'item')?.role === 'assistant')
  return isWritten && speaksOnly(session) ? { phase: 'watching' } : undefined
}

/** What is to be handled now, in order: nothing while the answer's kind is not known, and never anything of one that is dropped. */
export function pastDrift<E extends UpstreamEvent>(step: Step, received: E): readonly (E | UpstreamEvent)[] {
  const { drift } = step.state.restored
  const { event } = received
  if (!drift) return [received]
  const response = objectAt(event, 'response')
  const responseId = stringAt(event, 'response_id') ?? stringAt(response, 'id')
  if (drift.phase === 'watching') {
    const isAside = Object.values(objectAt(response, 'metadata') ?? {}).some((value) => typeof value === 'string' && value.startsWith(step.state.relayIdPrefix))
    if (event.type !== 'response.created' || isAside || responseId === undefined) return [received]
    setDrift(step, speaksOnly(response) ? { phase: 'holding', responseId, held: [received], itemIds: [] } : undefined)
    return speaksOnly(response) ? [] : [received]
  }
  const itemId = stringAt(objectAt(event, 'item'), 'id')
  const isItem = itemId !== undefined && event.type.startsWith('conversation.item.') && (drift.itemIds.includes(itemId) || isModels(event))
  if (responseId !== drift.responseId && !isItem) return [received]
  if (drift.phase === 'dropping') {
    return event.type === 'response.done' ? dropped(step, drift, received) : []
  }
  if ((event.type === 'response.output_item.added' || isItem) && drift.held.length < MOST_HELD) {
    setDrift(step, { ...drift, held: [...drift.held, received], itemIds: [...drift.itemIds, itemId ?? ''] })
    return []
  }
  if (event.type === 'response.content_part.added' && objectAt(event, 'part')?.type === 'text') {
    note(step, { type: 'drifted' })
    // A client that cancels it meanwhile sees its beginning and its end.
    setDrift(step, { ...drift, phase: 'dropping', held: drift.held.slice(0, 1) })
    send(step, { type: 'response.cancel', response_id: drift.responseId })
    return []
  }
  setDrift(step, undefined)
  return [...drift.held, received]
}

type Held = Extract<Drift, { readonly responseId: string }>

/** The answer is over. It is asked for again, unless the client has cancelled it. What the client sees of it. */
function dropped(step: Step, drift: Held, { event }: UpstreamEvent): readonly UpstreamEvent[] {
  const { responseId, held } = drift
  const response = objectAt(event, 'response')
  const isCancelled = step.state.underWay.sent.some((one) => one.type === 'response.cancel' && one.response_id !== responseId)
  retell(step, drift)
  if (isCancelled) return [...held, { event: { ...event, response: { ...response, output: [] } }, frame: undefined }]
  const usage = objectAt(response, 'usage')
  if (usage) recordUsage(step, responseId, usage)
  askAgain(step, responseId)
  return []
}

/** What was told as single items is told as one. The last turn stays what it is, since it is what is answered. */
function retell(step: Step, { itemIds }: Held): void {
  const { conversation, restored } = step.state
  const lastTurn = itemsOf(conversation).findLastIndex((item) => item.role === 'user')
  const told = itemsOf(conversation).filter((item, at) => item.type === 'message' && restored.replayed.has(item.id) && (at < lastTurn || item.role === 'assistant'))
  const ours = [...new Set(itemIds)].filter((id) => id !== '')
  const id = relayId(step)
  const gone = [...told.map((item) => item.id), ...ours]
  step.set({
    items: hideItem(step.state.items, id, null),
    restored: {
      ...restored,
      drift: undefined,
      replayed: new Set(restored.replayed).add(id),
      rewritten: new Set([...restored.rewritten, ...gone]),
      retold: new Set([...restored.retold, ...told.map((item) => item.id)]),
    },
  })
  for (const itemId of gone) send(step, { type: 'conversation.item.delete', item_id: itemId })
  send(step, { type: 'conversation.item.create', previous_item_id: 'root', item: { id, ...systemMessage([DIALOGUE, ...told.flatMap(spoken)].join('\n')) } })
}

function spoken(item: KeptItem): readonly string[] {
  const words = heardPart(item)
  return words === '' ? [] : [`${item.role === 'user' ? 'User' : item.role === 'assistant' ? 'You' : 'Note'}: ${words}`]
}

/** Whoever asked for the answer still waits for its beginning. */
function askAgain(step: Step, responseId: string): void {
  const { underWay, responses } = step.state
  const asked = responses.ourRequest ?? responses.clientRequest
  const before = underWay.sent.find(({ type }) => type === 'response.create')
  const isDone = (one: RealtimeEvent) => one === before || (one.type === 'response.cancel' && one.response_id === responseId)
  step.set({ underWay: tidy(underWay, { ...underWay, sent: underWay.sent.filter((one) => !isDone(one)) }) })
  if (!asked) return createForTurn(step)
  const event: RealtimeEvent = { type: 'response.create', ...(asked.eventId !== undefined && { event_id: asked.eventId }), ...(asked.request && { response: asked.request }) }
  step.actions.push({ type: 'send', to: 'upstream', event: before ?? event })
}

function send(step: Step, event: RealtimeEvent): void {
  step.actions.push({ type: 'send', to: 'upstream', event: { ...event, event_id: relayId(step) } })
}

function setDrift(step: Step, drift: Drift | undefined): void {
  step.set({ restored: { ...step.state.restored, drift } })
}

function isModels(event: RealtimeEvent): boolean {
  const item = objectAt(event, 'item')
  return event.type === 'conversation.item.added' && (item?.role === 'assistant' || item?.type === 'function_call')
}

function speaksOnly(of: JsonObject | undefined): boolean {
  const modalities = arrayAt(of, 'output_modalities')
  return modalities.length === 1 && modalities[0] === 'audio' && isObject(of)
}
