// What a lost upstream leaves half done: responses shown in part, events of ours without an answer, a spoken turn without one.
import { isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { readPath } from '../../protocol/paths.js'
import { acknowledged } from './outbox.js'

export interface ShownPart {
  readonly contentIndex: number
  /** As last announced. */
  readonly part: JsonObject
  /** Types of the `….done` events that have come for it. */
  readonly ended: readonly string[]
  /** The words, if an event has told them whole. */
  readonly text: string | undefined
}

export interface ShownItem {
  readonly id: string
  readonly outputIndex: number
  /** As last announced. */
  readonly item: JsonObject
  readonly parts: readonly ShownPart[]
  /** It does not change any more, though its end may not have been told. */
  readonly final: boolean
  /** `response.output_item.done` has come. */
  readonly done: boolean
}

/** A response from `response.created` to `response.done`, as the upstream has told it. */
export interface ShownResponse {
  readonly id: string
  readonly response: JsonObject
  readonly items: readonly ShownItem[]
}

export interface UnderWay {
  readonly responses: readonly ShownResponse[]
  /** What was sent upstream and is not answered, oldest first. */
  readonly sent: readonly RealtimeEvent[]
  /** Items that were added, and whose `conversation.item.done` has not come. */
  readonly undone: readonly string[]
  /** The item of the speech that voice detection hears. */
  readonly speech: string | undefined
  /** The item of the turn that the upstream is about to answer by itself. */
  readonly owed: string | undefined
}

/** Shared: an idle session has nothing under way. */
export const nothingUnderWay: UnderWay = { responses: [], sent: [], undone: [], speech: undefined, owed: undefined }

const MAX_UNDONE = 64

/** `answersTurns`: the upstream starts a response by itself after a turn. */
export function observed(before: UnderWay, event: RealtimeEvent, answersTurns: boolean): UnderWay {
  const after = seen(before, event, answersTurns)
  const sent = acknowledged(after.sent, event)
  return tidy(before, sent === after.sent ? after : underWay(after.responses, sent, after.undone, after.speech, after.owed))
}

function seen(u: UnderWay, event: RealtimeEvent, answersTurns: boolean): UnderWay {
  switch (event.type) {
    case 'response.created': {
      const response = objectAt(event, 'response') ?? {}
      const begun = { id: stringAt(response, 'id') ?? '', response, items: [] }
      const others = u.responses.length === 0 ? u.responses : u.responses.filter((one) => one.id !== begun.id)
      return underWay([...others, begun], u.sent, u.undone, u.speech, undefined)
    }
    case 'response.done': {
      const ended = stringAt(objectAt(event, 'response'), 'id')
      return withResponses(
        u,
        u.responses.filter((one) => one.id !== ended),
      )
    }
    case 'response.output_item.added':
      return withItem(u, event, false)
    case 'response.output_item.done':
      return withItem(u, event, true)
    case 'response.content_part.added':
      return withPart(u, event, (parts) => [...parts, { contentIndex: indexAt(event, 'content_index'), part: objectAt(event, 'part') ?? {}, ended: [], text: undefined }])
    case 'response.output_audio.done':
    case 'response.output_audio_transcript.done':
    case 'response.output_text.done':
    case 'response.content_part.done':
      return withPart(u, event, (parts) => parts.map((one) => (one.contentIndex === indexAt(event, 'content_index') ? ended(one, event) : one)))
    case 'conversation.item.added':
    case 'conversation.item.created': {
      const added = stringAt(objectAt(event, 'item'), 'id')
      if (added === undefined || u.undone.includes(added)) return u
      const undone = u.undone.length < MAX_UNDONE ? u.undone : u.undone.slice(1)
      return withUndone(u, [...undone, added])
    }
    case 'conversation.item.done':
      return without(withFinal(u, event), stringAt(objectAt(event, 'item'), 'id'))
    case 'response.function_call_arguments.done':
      return withArguments(u, event)
    case 'conversation.item.deleted':
      return without(u, stringAt(event, 'item_id'))
    case 'input_audio_buffer.speech_started':
      return withTurn(u, stringAt(event, 'item_id'), undefined)
    case 'input_audio_buffer.speech_stopped':
      return answersTurns ? withTurn(u, u.speech, stringAt(event, 'item_id')) : u
    case 'input_audio_buffer.committed': {
      const isOwn = u.sent.some((one) => one.type === 'input_audio_buffer.commit')
      return withTurn(u, undefined, answersTurns && !isOwn ? stringAt(event, 'item_id') : u.owed)
    }
    case 'input_audio_buffer.cleared':
      return u.speech === undefined && u.owed === undefined ? u : withTurn(u, undefined, undefined)
    default:
      return u
  }
}

/** Whether a session as it is in force has the upstream answer a turn that voice detection ends. */
export function answersTurnsInForce(session: JsonObject | undefined): boolean {
  const turns = session && readPath(session, 'audio.input.turn_detection')
  return isObject(turns) && turns.create_response !== false
}

export function detectsTurnsInForce(session: JsonObject | undefined): boolean {
  return isObject(session && readPath(session, 'audio.input.turn_detection'))
}

function withItem(u: UnderWay, event: RealtimeEvent, done: boolean): UnderWay {
  const item = objectAt(event, 'item')
  const id = stringAt(item, 'id')
  const place = placeOf(u.responses, stringAt(event, 'response_id'))
  const owner = u.responses[place]
  if (!item || id === undefined || !owner) return u
  const at = placeOf(owner.items, id)
  const known = owner.items[at]
  if (known) return withItems(u, place, owner.items.with(at, itemWith(known, item, known.parts, done || known.final, done || known.done)))
  return withItems(u, place, [...owner.items, { id, outputIndex: indexAt(event, 'output_index'), item, parts: [], final: done, done }])
}

/** The item as a whole is told before its end in the response. */
function withFinal(u: UnderWay, event: RealtimeEvent): UnderWay {
  const item = objectAt(event, 'item')
  const id = stringAt(item, 'id')
  if (!item || item.status === 'in_progress' || id === undefined) return u
  for (let place = 0; place < u.responses.length; place++) {
    const { items } = u.responses[place] as ShownResponse
    const at = placeOf(items, id)
    const known = items[at]
    if (known) return withItems(u, place, items.with(at, itemWith(known, item, known.parts, true, known.done)))
  }
  return u
}

/** A client may act on a call as soon as its arguments are whole. */
function withArguments(u: UnderWay, event: RealtimeEvent): UnderWay {
  return changed(u, event, (one) => {
    const { name = one.item.name ?? null, arguments: words = '' } = event
    return itemWith(one, { ...one.item, name, arguments: words, status: 'completed' }, one.parts, true, one.done)
  })
}

function withPart(u: UnderWay, event: RealtimeEvent, change: (parts: readonly ShownPart[]) => readonly ShownPart[]): UnderWay {
  return changed(u, event, (one) => itemWith(one, one.item, change(one.parts), one.final, one.done))
}

function ended(part: ShownPart, event: RealtimeEvent): ShownPart {
  const text = stringAt(event, 'transcript') ?? stringAt(event, 'text') ?? part.text
  return { contentIndex: part.contentIndex, part: objectAt(event, 'part') ?? part.part, ended: [...part.ended, event.type], text }
}

/** Of the item that the event names. */
function changed(u: UnderWay, event: RealtimeEvent, change: (item: ShownItem) => ShownItem): UnderWay {
  const place = placeOf(u.responses, stringAt(event, 'response_id'))
  const owner = u.responses[place]
  if (!owner) return u
  const at = placeOf(owner.items, stringAt(event, 'item_id'))
  const known = owner.items[at]
  return withItems(u, place, known ? owner.items.with(at, change(known)) : owner.items)
}

/** -1: none of these. */
function placeOf(those: readonly { readonly id: string }[], id: string | undefined): number {
  for (let place = 0; place < those.length; place++) if (those[place]?.id === id) return place
  return -1
}

function without(u: UnderWay, itemId: string | undefined): UnderWay {
  if (itemId === undefined || !u.undone.includes(itemId)) return u
  return withUndone(
    u,
    u.undone.filter((one) => one !== itemId),
  )
}

/** One object for all that have nothing under way. */
export function tidy(before: UnderWay, after: UnderWay): UnderWay {
  if (after === before) return before
  const { responses, sent, undone, speech, owed } = after
  const isNothing = responses.length === 0 && sent.length === 0 && undone.length === 0 && speech === undefined && owed === undefined
  return isNothing ? nothingUnderWay : after
}

function underWay(responses: UnderWay['responses'], sent: UnderWay['sent'], undone: UnderWay['undone'], speech: UnderWay['speech'], owed: UnderWay['owed']): UnderWay {
  return { responses, sent, undone, speech, owed }
}

function withResponses(u: UnderWay, responses: UnderWay['responses']): UnderWay {
  return underWay(responses, u.sent, u.undone, u.speech, u.owed)
}

function withUndone(u: UnderWay, undone: UnderWay['undone']): UnderWay {
  return underWay(u.responses, u.sent, undone, u.speech, u.owed)
}

function withTurn(u: UnderWay, speech: UnderWay['speech'], owed: UnderWay['owed']): UnderWay {
  return underWay(u.responses, u.sent, u.undone, speech, owed)
}

/** Of the response at this place. */
function withItems(u: UnderWay, place: number, items: readonly ShownItem[]): UnderWay {
  const { id, response } = u.responses[place] as ShownResponse
  return withResponses(u, u.responses.with(place, { id, response, items }))
}

function itemWith({ id, outputIndex }: ShownItem, item: JsonObject, parts: readonly ShownPart[], final: boolean, done: boolean): ShownItem {
  return { id, outputIndex, item, parts, final, done }
}

function indexAt(event: RealtimeEvent, key: string): number {
  const value = event[key]
  return typeof value === 'number' ? value : 0
}
