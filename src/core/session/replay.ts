// What a new upstream leg must be told so that it knows the conversation: the session in force, then every item in order.
import { openingUpdate } from '../policy/session-update.js'
import type { JsonObject, RealtimeEvent } from '../protocol/events.js'
import { readPath, writePath } from '../protocol/paths.js'
import { itemsOf, type KeptItem } from './kept-items.js'
import type { SessionState } from './state.js'
import type { Sound } from './voice.js'

export interface Replay {
  /** Everything that the server sets, and what the client had set. */
  readonly update: RealtimeEvent
  /** One `conversation.item.create` for each item, all with an id, and a commit for each turn that is told as sound. */
  readonly items: readonly RealtimeEvent[]
  /** What each of those commits is about. */
  readonly sounds: ReadonlyMap<RealtimeEvent, Sound>
  /** Ids that the service would refuse: what the item is called upstream → what the client calls it. */
  readonly renamed: ReadonlyMap<string, string>
}

/** Longest item or call id that the service takes from a client. Its own have 26 characters. */
const MAX_ID = 32
/** Speech, in characters of its transcript a second, as long as nothing was said. Low, so that no word comes back that the user did not hear. */
const SPOKEN_CHARACTERS_PER_SECOND = 14
/** In place of words that nobody knows, or that nobody heard: the client may name the item all the same. */
const NO_WORDS = '…'
const LEFT_OUT = 'Earlier parts of this conversation are left out.'

/**
 * Pure, and nothing is sent by it. Items keep the ids they had, so that a client goes on naming them. Spoken turns come back as text: of a spoken
 * answer that was interrupted, only the part that was heard. A message without words, such as a turn whose transcript never came, is there without them.
 * `notes`: what the model is told last, in the system's name. `spoken`: turns that are told as sound, never as text as well.
 */
export function replay(state: SessionState, notes: readonly string[] = [], spoken: readonly Sound[] = []): Replay {
  const { conversation, relayIdPrefix } = state
  const renamed = new Map<string, string>()
  const items: RealtimeEvent[] = []
  const add = (item: JsonObject, id?: string) => {
    const nth = items.length + 2
    const known = id !== undefined && id.length <= MAX_ID ? id : `${relayIdPrefix}r${nth}`
    if (id !== undefined && known !== id) renamed.set(known, id)
    items.push({ type: 'conversation.item.create', event_id: `${relayIdPrefix}replay_${nth}`, item: { id: known, ...item } })
  }
  const sounds = new Map<RealtimeEvent, Sound>()
  const addSound = (sound: Sound) => {
    const commit = { type: 'input_audio_buffer.commit', event_id: `${relayIdPrefix}replay_${items.length + 2}` }
    items.push(commit)
    sounds.set(commit, sound)
  }
  if (conversation.leftOut > 0) add(systemMessage(LEFT_OUT))
  for (const kept of itemsOf(conversation)) {
    const sound = spoken.find(({ id }) => id === kept.id)
    const item = sound ? undefined : itemFor(kept)
    if (sound) addSound(sound)
    else if (item) add(item, kept.id)
  }
  for (const sound of spoken) if (!itemsOf(conversation).some(({ id }) => id === sound.id)) addSound(sound)
  for (const words of notes) add(systemMessage(words))
  return { update: inForceUpdate(state), items, sounds, renamed }
}

/** Of one of our own events to a new leg, which go before everything else. */
export function isReplay({ event_id: id }: RealtimeEvent, relayIdPrefix: string): boolean {
  return typeof id === 'string' && id.startsWith(`${relayIdPrefix}replay_`)
}

/** A path that the client may set is as last confirmed, whoever set it. */
export function inForceUpdate({ profile, inForce, relayIdPrefix }: SessionState): RealtimeEvent {
  const update = openingUpdate(profile, `${relayIdPrefix}replay_1`)
  const session = update.session as JsonObject
  for (const path of profile.clientMaySet) {
    const value = readPath(inForce, path)
    if (value !== undefined) writePath(session, path, value)
  }
  return update
}

/** The item as the service takes it from a client, without its id. Undefined: there is nothing to tell of it. */
export function itemFor(kept: KeptItem): JsonObject | undefined {
  switch (kept.type) {
    case 'message': {
      const text = heardPart(kept) || NO_WORDS
      const type = kept.role === 'assistant' ? 'output_text' : 'input_text'
      return { type: 'message', role: kept.role ?? 'user', content: [{ type, text }] }
    }
    case 'function_call':
      if (!kept.done || kept.callId === undefined || kept.name === undefined) return undefined
      return { type: 'function_call', call_id: kept.callId, name: kept.name, arguments: kept.text }
    case 'function_call_output':
      return kept.callId === undefined ? undefined : { type: 'function_call_output', call_id: kept.callId, output: kept.text }
  }
}

export function systemMessage(text: string): JsonObject {
  return { type: 'message', role: 'system', content: [{ type: 'input_text', text }] }
}

/** Slower and faster than anybody speaks. */
const LEAST_SPEED = 7
const MOST_SPEED = 30

/** Sound of a voice of this speed, as long as it would be at the usual one. Of an answer that broke off, the first word was heard if anything was. */
export function msHeard(text: string, audioMs: number, speed = SPOKEN_CHARACTERS_PER_SECOND): number {
  const ms = (audioMs * Math.min(MOST_SPEED, Math.max(LEAST_SPEED, speed))) / SPOKEN_CHARACTERS_PER_SECOND
  return audioMs > 0 ? Math.max(ms, msOfFirstWord(text)) : 0
}

function msOfFirstWord(text: string): number {
  const end = text.indexOf(' ', text.length - text.trimStart().length)
  return Math.ceil(((end < 0 ? text.length : end) / SPOKEN_CHARACTERS_PER_SECOND) * 1000)
}

/** Cut at a word. */
export function heardPart({ text, heardMs }: Pick<KeptItem, 'text' | 'heardMs'>): string {
  if (heardMs === undefined) return text
  const most = Math.floor((heardMs / 1000) * SPOKEN_CHARACTERS_PER_SECOND)
  if (text.length <= most) return text
  const cut = text.lastIndexOf(' ', most)
  return text.slice(0, Math.max(cut, 0)).trimEnd()
}
