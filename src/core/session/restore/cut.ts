// What becomes of a response that a lost upstream leaves unfinished, and the events that end it for the client in the protocol's order.
import type { JsonObject, RealtimeEvent } from '../../protocol/events.js'
import type { ShownItem, ShownPart, ShownResponse } from './under-way.js'

/** `closed`: the socket ended. `stalled`: it took nothing any more. `silent`: it said nothing, not even to a ping. `expired`: its session reached the longest time. `rollover`: it was left by plan. `forced`: so it was, and there was no time left to wait for a quiet point. */
export type LossCause = 'closed' | 'stalled' | 'silent' | 'expired' | 'rollover' | 'forced'

/** What was delivered of an item by the relay, which alone reads every delta. */
export interface Said {
  readonly itemId: string
  /** Its text, transcript or arguments so far. */
  readonly text: string
  /** Milliseconds of its audio that went to the client. */
  readonly audioMs: number
  /** Characters a second of the items before it, if any was spoken. */
  readonly speed?: number | undefined
}

/**
 * `again`: asked for again, since nothing of it was seen. `completed`: only its end was missing, or its finished calls go on. `broken`: closed as
 * incomplete, and a new response goes on. `cancelled`: nobody wanted the rest.
 */
export type Cut = 'again' | 'completed' | 'broken' | 'cancelled'

export interface CutFacts {
  readonly shown: ShownResponse | undefined
  /** Whether the client knows of the item. */
  isVisible(item: ShownItem): boolean
  /** The client or the user has ended it. */
  readonly unwanted: boolean
}

/** A finished call counts: its result will ask for the rest. */
export function cutOf({ shown, isVisible, unwanted }: CutFacts): Cut {
  const items = shown?.items ?? []
  const open = items.filter((item) => !item.final)
  const hasFinishedCall = items.some((item) => item.final && item.item.type === 'function_call')
  if (unwanted) return 'cancelled'
  if (hasFinishedCall || (items.length > 0 && open.length === 0)) return 'completed'
  return items.some(isVisible) ? 'broken' : 'again'
}

const STATUS: Readonly<Record<Exclude<Cut, 'again'>, string>> = { completed: 'completed', broken: 'incomplete', cancelled: 'cancelled' }

/** As the service would have sent them. Half a call is closed as incomplete, and its arguments are never announced as done. */
export function closingEvents(shown: ShownResponse, cut: Exclude<Cut, 'again'>, said: readonly Said[], eventId: () => string, undone: readonly string[]): readonly RealtimeEvent[] {
  const textOf = (id: string) => said.find((one) => one.itemId === id)?.text ?? ''
  const finished = shown.items.map((item) => (item.final ? item.item : finalItem(item, textOf(item.id))))
  const events = shown.items.flatMap((item, at) => closingOf(shown.id, item, finished[at] as JsonObject, textOf(item.id), undone))
  const status = STATUS[cut]
  const details: JsonObject | null = cut === 'completed' ? null : { type: status, ...(cut === 'cancelled' ? { reason: 'client_cancelled' } : {}) }
  const response: JsonObject = { ...shown.response, status, status_details: details, output: finished, usage: null }
  return [...events, { type: 'response.done', response }].map((event) => ({ ...event, event_id: eventId() }))
}

function closingOf(responseId: string, item: ShownItem, final: JsonObject, said: string, undone: readonly string[]): readonly RealtimeEvent[] {
  const itemDone: readonly RealtimeEvent[] = undone.includes(item.id) ? [{ type: 'conversation.item.done', previous_item_id: null, item: final }] : []
  if (item.done) return itemDone
  const place: JsonObject = { response_id: responseId, item_id: item.id, output_index: item.outputIndex }
  const parts = item.parts
    .filter((part) => !part.ended.includes('response.content_part.done'))
    .flatMap((part) => closingOfPart({ ...place, content_index: part.contentIndex }, part, said))
  return [...parts, ...itemDone, { type: 'response.output_item.done', response_id: responseId, output_index: item.outputIndex, item: final }]
}

function closingOfPart(place: JsonObject, part: ShownPart, said: string): readonly RealtimeEvent[] {
  const words = wordsOf(part, said)
  const ends: readonly RealtimeEvent[] = isSpoken(part)
    ? [
        { type: 'response.output_audio.done', ...place },
        { type: 'response.output_audio_transcript.done', ...place, transcript: words },
      ]
    : [{ type: 'response.output_text.done', ...place, text: words }]
  const missing = ends.filter(({ type }) => !part.ended.includes(type))
  return [...missing, { type: 'response.content_part.done', ...place, part: { ...part.part, ...worded(part, words) } }]
}

function finalItem({ item, parts }: ShownItem, said: string): JsonObject {
  if (item.type === 'function_call') return { ...item, status: 'incomplete', arguments: said }
  const content = parts.map((part): JsonObject => ({ type: isSpoken(part) ? 'output_audio' : 'output_text', ...worded(part, wordsOf(part, said)) }))
  return { ...item, status: 'incomplete', content }
}

function worded(part: ShownPart, words: string): JsonObject {
  return isSpoken(part) ? { transcript: words } : { text: words }
}

function wordsOf({ text }: ShownPart, said: string): string {
  return text ?? said
}

export function isSpoken({ part }: ShownPart): boolean {
  return typeof part.type === 'string' && part.type.endsWith('audio')
}
