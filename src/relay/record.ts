// Tells what left the relay to whom keeps it: words as the client was shown them, and how much of an answer was heard.
import { arrayAt, isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import type { Action } from '../core/session/actions.js'
import type { Input } from '../core/session/inputs.js'
import type { SessionState } from '../core/session/state.js'
import type { Recorder } from '../ports/notes.js'
import type { Recorded, RecordSink } from '../ports/records.js'
import { tellContent } from './content.js'
import type { GuardGate } from './guard-gate.js'
import type { PlaybackLedger } from './playback-ledger.js'
import { isWords, type SaidSoFar } from './said.js'

interface RecordedLane {
  readonly playback: PlaybackLedger | undefined
  readonly said: Pick<SaidSoFar, 'sayings'>
  readonly gate: Pick<GuardGate, 'heldCharacters'> | undefined
}

/** Who knows the session when something goes that was held. */
export interface Going {
  readonly state: SessionState
  clock(): number
}

/** Before the actions are performed, so that a span hears of it while it is open. `now`: on the session's clock. */
export function tellWords(
  { content, record }: Recorder,
  before: SessionState,
  state: SessionState,
  input: Input,
  actions: readonly Action[],
  now: number,
  lane: RecordedLane,
): void {
  if (content) tellContent(content, before, state, input, actions)
  if (record) tellRecord(record, state, actions, now, lane)
}

function tellRecord(sink: RecordSink, state: SessionState, actions: readonly Action[], now: number, lane: RecordedLane): void {
  if (state.recording === 'off') return
  const atMs = atOf(state, now)
  for (const action of actions) {
    if (action.type === 'note' && action.note.type === 'recording' && action.note.state !== 'off') sink({ type: 'state', state: action.note.state, atMs })
    else if (action.type === 'close' || action.type === 'park') {
      tellUnheard(sink, state, actions, now, atMs, lane)
      sink({ type: 'over', atMs })
    } else if (action.type === 'send') {
      // What guards may hold is told when it goes, if it does.
      const told = state.recording !== 'on' ? begunIn(action.event) : action.gate ? undefined : saidIn(action.event, atMs)
      if (told) sink(told)
    }
  }
}

/** An event that guards may hold goes to the client now. */
export function tellGone({ record }: Recorder, event: RealtimeEvent, going: Going): void {
  const told = record && going.state.recording === 'on' ? saidIn(event, atOf(going.state, going.clock())) : undefined
  if (told) record?.(told)
}

function atOf({ openedAt }: SessionState, now: number): number {
  return Math.max(0, Math.round(now - openedAt))
}

/** What the session's end cut off: its words so far that had gone, and how much of them was heard. Of what was blocked nothing is kept. */
function tellUnheard(sink: RecordSink, { recording, guards }: SessionState, actions: readonly Action[], now: number, atMs: number, { playback, said, gate }: RecordedLane): void {
  for (const [itemId, words] of recording === 'on' ? said.sayings() : []) {
    // Sound was sent of it: so it is no call, whose arguments are not kept.
    if (playback?.sentMs(itemId, 0) === undefined || guards?.dropped.some(({ items }) => items.includes(itemId))) continue
    const held = (gate?.heldCharacters(itemId) ?? 0) + heldNow(actions, itemId)
    const text = words.slice(0, Math.max(0, words.length - held))
    if (text !== '') sink({ type: 'said', who: 'assistant', itemId, atMs, text, spoken: true })
  }
  for (const { itemId, heardMs } of playback?.unheard(now) ?? []) sink({ type: 'heard', itemId, ms: heardMs, by: playback?.isToldByLink ? 'carrier' : 'estimated' })
}

/** What has just come, and has not reached the gate yet. */
function heldNow(actions: readonly Action[], itemId: string): number {
  let held = 0
  for (const action of actions)
    if (action.type === 'send' && action.gate && isWords(action.event.type) && action.event.item_id === itemId) held += stringAt(action.event, 'delta')?.length ?? 0
  return held
}

function saidIn(event: RealtimeEvent, atMs: number): Recorded | undefined {
  switch (event.type) {
    case 'conversation.item.input_audio_transcription.completed':
      return said('user', stringAt(event, 'item_id'), stringAt(event, 'transcript'), true, atMs)
    case 'conversation.item.added':
    case 'conversation.item.created':
    case 'conversation.item.done': {
      const item = objectAt(event, 'item')
      return item?.type === 'message' && item.role === 'user' ? said('user', stringAt(item, 'id'), textOf(item), isSpoken(item), atMs) : undefined
    }
    case 'response.output_item.done': {
      const item = objectAt(event, 'item')
      return item?.type === 'message' ? said('assistant', stringAt(item, 'id'), textOf(item), isSpoken(item), atMs) : undefined
    }
    // Of the client and of the relay, on their way upstream, and as the service confirms them.
    case 'conversation.item.truncate':
    case 'conversation.item.truncated': {
      const { item_id: itemId, audio_end_ms: ms } = event
      return typeof itemId === 'string' && typeof ms === 'number' ? { type: 'heard', itemId, ms, by: 'truncated' } : undefined
    }
    default:
      return undefined
  }
}

/** While nothing is kept: what is known of such an item later was said before. */
function begunIn(event: RealtimeEvent): Recorded | undefined {
  switch (event.type) {
    case 'input_audio_buffer.speech_started':
    case 'input_audio_buffer.committed':
      return skipped(stringAt(event, 'item_id'))
    case 'conversation.item.added':
    case 'conversation.item.created':
    case 'response.output_item.added':
      return skipped(stringAt(objectAt(event, 'item'), 'id'))
    default:
      return undefined
  }
}

function skipped(itemId: string | undefined): Recorded | undefined {
  return itemId === undefined ? undefined : { type: 'skipped', itemId }
}

function said(who: 'user' | 'assistant', itemId: string | undefined, text: string | undefined, spoken: boolean, atMs: number): Recorded | undefined {
  return itemId === undefined || text === undefined || text === '' ? undefined : { type: 'said', who, itemId, atMs, text, spoken }
}

function textOf(item: JsonObject): string {
  const texts = arrayAt(item, 'content').map((part) => (isObject(part) ? (stringAt(part, 'text') ?? stringAt(part, 'transcript') ?? '') : ''))
  return texts.filter((text) => text !== '').join(' ')
}

function isSpoken(item: JsonObject): boolean {
  return arrayAt(item, 'content').some((part) => isObject(part) && typeof part.type === 'string' && part.type.includes('audio'))
}
