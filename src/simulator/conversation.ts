// The default conversation: its items in order, and the audio kept for retrieval.
import type { Json, JsonObject } from '../core/protocol/events.js'
import type { SpokenWord } from './speech-tones.js'

/** An item as it appears in events. */
export type Item = JsonObject & { id: string; type: string }

export interface StoredItem {
  item: Item
  /** PCM16 at 24 kHz, bounded per session. If it is dropped, its length stays. */
  audio?: Buffer
  audioMs?: number
  /** While the model says it: the milliseconds said so far. */
  saying?: () => number
  /** Cut by the client, so its words are gone. */
  truncated?: true
  /** The words of a spoken turn, or what is left of the model's own after a truncation. Told to nobody. */
  heard?: string
  /** What the model says, and when. */
  words?: readonly SpokenWord[]
  /** Characters that count towards the conversation's bound. */
  size?: number
}

export interface Conversation {
  readonly id: string
  readonly items: readonly StoredItem[]
  /** True if no more items are accepted from the client. */
  readonly full: boolean
  find(id: string): StoredItem | undefined
  /** Inserts an item after `previousId` (`null`: at the beginning; undefined: at the end) and returns the id of the item before it. */
  insert(stored: StoredItem, previousId?: string | null): string | null
  remove(id: string): boolean
  previousOf(id: string): string | null
  /** Keeps audio for `conversation.item.retrieve`. At the bound the oldest audio is dropped first. */
  keepAudio(stored: StoredItem, audio: Buffer): void
}

const MAX_ITEMS = 2000
/** Items that the service may add to a full conversation. Beyond them the oldest item is forgotten. */
const SPARE_ITEMS = 500
const MAX_CHARS = 32 * 1024 * 1024
const MAX_AUDIO_BYTES = 16 * 1024 * 1024

export function createConversation(id: string): Conversation {
  const items: StoredItem[] = []
  const withAudio: StoredItem[] = []
  let audioBytes = 0
  let chars = 0
  const indexOf = (itemId: string) => items.findIndex((stored) => stored.item.id === itemId)
  const dropAudio = (stored: StoredItem | undefined) => {
    if (!stored?.audio) return
    audioBytes -= stored.audio.length
    delete stored.audio
  }
  const forget = (stored: StoredItem | undefined) => {
    chars -= stored?.size ?? 0
    dropAudio(stored)
  }
  return {
    id,
    items,
    get full() {
      return items.length >= MAX_ITEMS || chars >= MAX_CHARS
    },
    find: (itemId) => items[indexOf(itemId)],
    insert(stored, previousId) {
      const index = previousId === undefined ? items.length : previousId === null ? 0 : indexOf(previousId) + 1
      items.splice(index, 0, stored)
      const before = items[index - 1]?.item.id ?? null
      stored.size = JSON.stringify(stored.item).length
      chars += stored.size
      if (items.length > MAX_ITEMS + SPARE_ITEMS) forget(items.shift())
      return before
    },
    remove(itemId) {
      const index = indexOf(itemId)
      if (index < 0) return false
      const [removed] = items.splice(index, 1)
      forget(removed)
      return true
    },
    previousOf: (itemId) => items[indexOf(itemId) - 1]?.item.id ?? null,
    keepAudio(stored, audio) {
      dropAudio(stored)
      stored.audio = audio
      audioBytes += audio.length
      withAudio.push(stored)
      while (audioBytes > MAX_AUDIO_BYTES && withAudio.length > 0) dropAudio(withAudio.shift())
    },
  }
}

/** The content parts of a message; empty for any other item. */
export function contentOf(item: Item): readonly JsonObject[] {
  return Array.isArray(item.content) ? (item.content as JsonObject[]) : []
}

/** The written or spoken words of an item; empty if it has none. */
export function wordsOf(stored: StoredItem): string {
  if (stored.heard !== undefined) return stored.heard
  return contentOf(stored.item)
    .map((part) => asText(part.text) ?? asText(part.transcript) ?? '')
    .join(' ')
    .trim()
}

function asText(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
