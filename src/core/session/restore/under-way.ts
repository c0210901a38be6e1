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
  return tidy(before, sent === after.sent ? after : underWayWith(after, { sent }))
}

function seen(u: UnderWay, event: RealtimeEvent, answersTurns: boolean): UnderWay {
  const id = stringAt(event, 'item_id')
  switch (event.type) {
    case 'response.created': {
      const response = objectAt(event, 'response') ?? {}
      const begun = { id: stringAt(response, 'id') ?? '', response, items: [] }
      return underWayWith(u, { owed: undefined, responses: [...u.responses.filter((one) => one.id !== begun.id), begun] })
    }
    case 'response.done': {
      const ended = stringAt(objectAt(event, 'response'), 'id')
      return underWayWith(u, { responses: u.responses.filter((one) => one.id !== ended) })
    }
    case 'response.output_item.added':
    case 'response.output_item.done':
      return withItem(u, event, event.type === 'response.output_item.done')
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
      return added === undefined || u.undone.includes(added) ? u : underWayWith(u, { undone: [...u.undone, added].slice(-MAX_UNDONE) })
    }
    case 'conversation.item.done':
      return without(withFinal(u, event), stringAt(objectAt(event, 'item'), 'id'))
    case 'response.function_call_arguments.done':
      return changed(u, stringAt(event, 'response_id'), (items) => items.map((one) => (one.id === id ? withArguments(one, event) : one)))
    case 'conversation.item.deleted':
      return without(u, id)
    case 'input_audio_buffer.speech_started':
      return underWayWith(u, { speech: id, owed: undefined })
    case 'input_audio_buffer.speech_stopped':
      return answersTurns ? underWayWith(u, { owed: id }) : u
    case 'input_audio_buffer.committed': {
      const isOwn = u.sent.some((one) => one.type === 'input_audio_buffer.commit')
      return underWayWith(u, { speech: undefined, owed: answersTurns && !isOwn ? id : u.owed })
    }
    case 'input_audio_buffer.cleared':
      return u.speech === undefined && u.owed === undefined ? u : underWayWith(u, { speech: undefined, owed: undefined })
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
  if (!item || id === undefined) return u
  return changed(u, stringAt(event, 'response_id'), (items) => {
    const known = items.find((one) => one.id === id)
    if (known) return items.map((one) => (one === known ? itemWith(one, item, one.parts, done || one.final, done || one.done) : one))
    return [...items, { id, outputIndex: indexAt(event, 'output_index'), item, parts: [], final: done, done }]
  })
}

/** The item as a whole is told before its end in the response. */
function withFinal(u: UnderWay, event: RealtimeEvent): UnderWay {
  const item = objectAt(event, 'item')
  const owner = u.responses.find((one) => one.items.some(({ id }) => id === item?.id))
  if (!item || !owner || item.status === 'in_progress') return u
  return changed(u, owner.id, (items) => items.map((one) => (one.id === item.id ? itemWith(one, item, one.parts, true, one.done) : one)))
}

/** A client may act on a call as soon as its arguments are whole. */
function withArguments(one: ShownItem, event: RealtimeEvent): ShownItem {
  const { name = one.item.name ?? null, arguments: words = '' } = event
  return itemWith(one, { ...one.item, name, arguments: words, status: 'completed' }, one.parts, true, one.done)
}

function withPart(u: UnderWay, event: RealtimeEvent, change: (parts: readonly ShownPart[]) => readonly ShownPart[]): UnderWay {
  const id = stringAt(event, 'item_id')
  return changed(u, stringAt(event, 'response_id'), (items) => items.map((one) => (one.id === id ? itemWith(one, one.item, change(one.parts), one.final, one.done) : one)))
}

function ended(part: ShownPart, event: RealtimeEvent): ShownPart {
  const text = stringAt(event, 'transcript') ?? stringAt(event, 'text') ?? part.text
  return { contentIndex: part.contentIndex, part: objectAt(event, 'part') ?? part.part, ended: [...part.ended, event.type], text }
}

function changed(u: UnderWay, responseId: string | undefined, change: (items: readonly ShownItem[]) => readonly ShownItem[]): UnderWay {
  if (!u.responses.some((one) => one.id === responseId)) return u
  return underWayWith(u, { responses: u.responses.map((one) => (one.id === responseId ? { id: one.id, response: one.response, items: change(one.items) } : one)) })
}

function without(u: UnderWay, itemId: string | undefined): UnderWay {
  return itemId !== undefined && u.undone.includes(itemId) ? underWayWith(u, { undone: u.undone.filter((one) => one !== itemId) }) : u
}

/** One object for all that have nothing under way. */
export function tidy(before: UnderWay, after: UnderWay): UnderWay {
  if (after === before) return before
  const { responses, sent, undone, speech, owed } = after
  const isNothing = responses.length === 0 && sent.length === 0 && undone.length === 0 && speech === undefined && owed === undefined
  return isNothing ? nothingUnderWay : after
}

/** With every field written out, for the reason that `stateWith` gives. */
function underWayWith(u: UnderWay, changes: Partial<UnderWay>): UnderWay {
  const copy: UnderWay = { responses: u.responses, sent: u.sent, undone: u.undone, speech: u.speech, owed: u.owed }
  return Object.assign(copy, changes)
}

function itemWith({ id, outputIndex }: ShownItem, item: JsonObject, parts: readonly ShownPart[], final: boolean, done: boolean): ShownItem {
  return { id, outputIndex, item, parts, final, done }
}

function indexAt(event: RealtimeEvent, key: string): number {
  const value = event[key]
  return typeof value === 'number' ? value : 0
}
