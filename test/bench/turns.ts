// Whole turns as the service streams them, as frames whose ids and stamps are rewritten before each send: made after what recorded sessions hold.
import { filler, STAMP_CHARS } from './audio-frames.js'
import { encodeFrame } from './wire.js'

export const TURN_KINDS = ['answer', 'mix', 'transcript', 'booking'] as const
/**
 * `answer`: twenty audio deltas and the eleven events around them. `mix`: per answer as many events of each type as recorded sessions have.
 * `transcript`: an answer with two hundred transcript deltas. `booking`: the shortest response that uses tokens.
 */
export type TurnKind = (typeof TURN_KINDS)[number]

type Event = Record<string, unknown>

/** Stand for the number of a turn, and of the turn before, wherever a frame has one. */
const TURN = '77707771'
const PREVIOUS = '77707772'
const DIGITS = TURN.length

export interface Turn {
  /** Frames back to back, as the upstream sends them. */
  readonly bytes: Buffer
  /** Where each frame begins, and the end of the last. */
  readonly frames: readonly number[]
  readonly types: readonly string[]
  readonly messages: number
  /** Messages with audio. */
  readonly audio: number
  /** `response.done`s. */
  readonly answers: number
  /** UTF-16 code units in the deltas that are not audio: every client must get as many, whatever its dialect. */
  readonly letters: number
  readonly turnAt: readonly number[]
  readonly previousAt: readonly number[]
  /** Where the audio of each delta begins, with room for a stamp. */
  readonly audioAt: readonly number[]
}

/** `audioChars`: base64 characters in a delta, at least 28 and a multiple of four. */
export function turnOf(kind: TurnKind, audioChars: number): Turn {
  const events = EVENTS[kind](filler(audioChars - STAMP_CHARS))
  const frames: number[] = [0]
  const turnAt: number[] = []
  const previousAt: number[] = []
  const audioAt: number[] = []
  const all: Buffer[] = []
  let letters = 0
  let at = 0
  for (const [index, event] of events.entries()) {
    const frame = encodeFrame(Buffer.from(JSON.stringify({ type: event.type, event_id: `event_bench${TURN}${String(index).padStart(4, '0')}`, ...event })), false)
    if (event.type === 'response.output_audio.delta') audioAt.push(at + frame.indexOf('"delta":"') + '"delta":"'.length)
    else if (typeof event.delta === 'string' && event.type !== 'conversation.item.input_audio_transcription.delta') letters += event.delta.length
    for (const place of placesOf(frame, TURN)) turnAt.push(at + place)
    for (const place of placesOf(frame, PREVIOUS)) previousAt.push(at + place)
    all.push(frame)
    at += frame.length
    frames.push(at)
  }
  const answers = events.filter(({ type }) => type === 'response.done').length
  return {
    bytes: Buffer.concat(all),
    frames,
    types: events.map(({ type }) => String(type)),
    messages: events.length,
    audio: audioAt.length,
    answers,
    letters,
    turnAt,
    previousAt,
    audioAt,
  }
}

/** Makes `into`, a copy of the turn's bytes, the turn of this number. */
export function stampTurn(into: Buffer, turn: Turn, number: number, session: number, sequence: number): void {
  for (const at of turn.turnAt) writeDigits(into, at, DIGITS, number)
  for (const at of turn.previousAt) writeDigits(into, at, DIGITS, number - 1)
  for (const [index, at] of turn.audioAt.entries()) {
    writeDigits(into, at, 4, session)
    writeDigits(into, at + 4, 8, sequence + index)
    writeDigits(into, at + 12, 16, 0)
  }
}

function writeDigits(into: Buffer, at: number, count: number, value: number): void {
  let left = value
  for (let i = count - 1; i >= 0; i--) {
    into[at + i] = 48 + (left % 10)
    left = Math.floor(left / 10)
  }
}

function* placesOf(frame: Buffer, text: string): Generator<number> {
  for (let at = frame.indexOf(text); at >= 0; at = frame.indexOf(text, at + 1)) yield at
}

const EVENTS: Record<TurnKind, (audio: string) => Event[]> = {
  answer: (audio) => said('a', `item_bench_z${PREVIOUS}`, 'z', audio, 20, 1),
  mix: (audio) => [
    ...heard('u', `item_bench_z${PREVIOUS}`),
    ...said('a', id('item', 'u'), 'a', audio, 12, 10),
    ...written('b', id('item', 'a')),
    ...called('c', id('item', 'b')),
    ...said('d', id('item', 'c'), 'z', audio, 12, 9),
    { type: 'rate_limits.updated', rate_limits: [{ name: 'tokens', limit: 100_000, remaining: 99_000, reset_seconds: 0.6 }] },
  ],
  transcript: (audio) => said('a', `item_bench_z${PREVIOUS}`, 'z', audio, 1, 200),
  booking: () => [
    { type: 'response.created', response: response('a', 'in_progress', []) },
    { type: 'response.done', response: response('a', 'completed', []) },
  ],
}

const WORDS = [' The', ' library', ' opens', ' at', ' nine', ' o’clock', ',', ' and', ' on', ' Sundays', ' at', ' ten', '.']

function id(kind: 'item' | 'resp', name: string): string {
  return `${kind}_bench_${name}${TURN}`
}

function* words(count: number): Generator<Event> {
  for (let i = 0; i < count; i++) yield { delta: WORDS[i % WORDS.length] as string, obfuscation: 'abcdefgh'.slice(i % 8) }
}

function text(count: number): string {
  return [...words(count)].map(({ delta }) => delta).join('')
}

/** A spoken turn of the user, with its transcript. */
function heard(name: string, previous: string): Event[] {
  const itemId = id('item', name)
  const item = (transcript: string | null) => message(itemId, 'user', 'completed', [{ type: 'input_audio', transcript }])
  const transcribed = { item_id: itemId, content_index: 0 }
  return [
    { type: 'input_audio_buffer.speech_started', audio_start_ms: 1216, item_id: itemId },
    { type: 'input_audio_buffer.speech_stopped', audio_end_ms: 3840, item_id: itemId },
    { type: 'input_audio_buffer.committed', previous_item_id: previous, item_id: itemId },
    { type: 'conversation.item.added', previous_item_id: previous, item: item(null) },
    { type: 'conversation.item.done', previous_item_id: previous, item: item(null) },
    ...[...words(7)].map((word) => ({ type: 'conversation.item.input_audio_transcription.delta', ...transcribed, ...word })),
    { type: 'conversation.item.input_audio_transcription.completed', ...transcribed, transcript: text(7), usage: { type: 'duration', seconds: 3 } },
  ]
}

/** A spoken answer. Its item has the name `item`, so that the next turn can name it. */
function said(name: string, previous: string, item: string, audio: string, deltas: number, transcripts: number): Event[] {
  const ids = idsOf(name, item)
  const spoken = Array.from({ length: Math.max(deltas, transcripts) }, (_, index) => [
    ...(index < transcripts ? [{ type: 'response.output_audio_transcript.delta', ...ids, ...[...words(index + 1)].at(-1) }] : []),
    ...(index < deltas ? [{ type: 'response.output_audio.delta', ...ids, delta: `${'0'.repeat(STAMP_CHARS)}${audio}` }] : []),
  ]).flat()
  const transcript = text(transcripts)
  return around(name, previous, message(ids.item_id, 'assistant', 'completed', [{ type: 'output_audio', transcript }]), [
    { type: 'response.content_part.added', ...ids, part: { type: 'audio', transcript: '' } },
    ...spoken,
    { type: 'response.output_audio.done', ...ids },
    { type: 'response.output_audio_transcript.done', ...ids, transcript },
    { type: 'response.content_part.done', ...ids, part: { type: 'audio', transcript } },
  ])
}

function written(name: string, previous: string): Event[] {
  const ids = idsOf(name, name)
  return around(name, previous, message(ids.item_id, 'assistant', 'completed', [{ type: 'output_text', text: text(12) }]), [
    { type: 'response.content_part.added', ...ids, part: { type: 'text', text: '' } },
    ...[...words(12)].map((word) => ({ type: 'response.output_text.delta', ...ids, ...word })),
    { type: 'response.output_text.done', ...ids, text: text(12) },
    { type: 'response.content_part.done', ...ids, part: { type: 'text', text: text(12) } },
  ])
}

/** The client has this tool, and answers. */
function called(name: string, previous: string): Event[] {
  const { content_index: _, ...ids } = idsOf(name, name)
  const called = { call_id: `call_bench_${TURN}`, name: 'open_door' }
  const pieces = ['{"', 'door', '":"', 'the', ' one', ' on', ' the', ' left', '"', '}']
  const item = { id: ids.item_id, object: 'realtime.item', type: 'function_call', status: 'completed', ...called, arguments: pieces.join('') }
  return around(name, previous, item, [
    ...pieces.map((delta) => ({ type: 'response.function_call_arguments.delta', ...ids, call_id: called.call_id, delta, obfuscation: 'abcdef' })),
    { type: 'response.function_call_arguments.done', ...ids, ...called, arguments: pieces.join('') },
  ])
}

function around(name: string, previous: string, item: Event, events: readonly Event[]): Event[] {
  const begun = { ...item, status: 'in_progress', ...(item.type === 'message' ? { content: [] } : { arguments: '' }) }
  const output = { response_id: id('resp', name), output_index: 0 }
  return [
    { type: 'response.created', response: response(name, 'in_progress', []) },
    { type: 'response.output_item.added', ...output, item: begun },
    { type: 'conversation.item.added', previous_item_id: previous, item: begun },
    ...events,
    { type: 'conversation.item.done', previous_item_id: previous, item },
    { type: 'response.output_item.done', ...output, item },
    { type: 'response.done', response: response(name, 'completed', [item]) },
  ]
}

function idsOf(name: string, item: string) {
  return { response_id: id('resp', name), item_id: id('item', item), output_index: 0, content_index: 0 }
}

function message(itemId: string, role: string, status: string, content: Event[]): Event {
  return { id: itemId, object: 'realtime.item', type: 'message', status, role, content }
}

function response(name: string, status: string, output: Event[]): Event {
  const usage = {
    total_tokens: 363,
    input_tokens: 210,
    output_tokens: 153,
    input_token_details: { text_tokens: 150, audio_tokens: 60, image_tokens: 0, cached_tokens: 64, cached_tokens_details: { text_tokens: 64, audio_tokens: 0, image_tokens: 0 } },
    output_token_details: { text_tokens: 33, audio_tokens: 120 },
  }
  return {
    object: 'realtime.response',
    id: id('resp', name),
    status,
    status_details: null,
    output,
    conversation_id: 'conv_bench',
    output_modalities: ['audio'],
    max_output_tokens: 'inf',
    audio: { output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'alloy' } },
    usage: status === 'completed' ? usage : null,
    metadata: null,
  }
}
