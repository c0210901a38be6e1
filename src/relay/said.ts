// What went to the client of each item that is still being said: only the relay sees every delta, and a lost upstream cannot be asked.
import { objectAt, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import type { Said } from '../core/session/restore/cut.js'

interface Saying {
  text: string
  /** Audio that the client had been sent before this item. */
  readonly audioFrom: number
}

const ARGUMENTS = 'response.function_call_arguments.delta'
const WORDS: ReadonlySet<string> = new Set(['response.output_audio_transcript.delta', 'response.output_text.delta', ARGUMENTS])
/** What a user may read of an answer. */
export function isWords(type: string): boolean {
  return WORDS.has(type) && type !== ARGUMENTS
}

/** An upstream that never ends what it begins must not fill the memory. */
const MOST_ITEMS = 16
/** Of less speech the speed is a guess. */
const LEAST_SECONDS = 1
const MOST_CHARACTERS = 64 * 1024

export class SaidSoFar {
  /** Absent while nothing is said. */
  #items: Map<string, Saying> | undefined
  /** Of the spoken items that are done: how fast the voice speaks. */
  #doneCharacters = 0
  #doneBytes = 0

  /** Every event of the upstream that was read as a whole. `audioBytes`: sent to the client so far. */
  heard(event: RealtimeEvent, audioBytes: number): void {
    if (WORDS.has(event.type)) return this.add(stringAt(event, 'item_id'), stringAt(event, 'delta') ?? '')
    if (event.type === 'response.output_item.added') this.#begin(stringAt(objectAt(event, 'item'), 'id') ?? '', audioBytes)
    else if (event.type === 'response.output_item.done') this.#end(stringAt(objectAt(event, 'item'), 'id') ?? '', audioBytes)
  }

  /** Items that are still being said, with their words; a call's are its arguments. */
  sayings(): readonly (readonly [itemId: string, text: string])[] {
    return [...(this.#items ?? [])].map(([itemId, { text }]) => [itemId, text])
  }

  add(itemId: string | undefined, words: string): void {
    const saying = itemId === undefined ? undefined : this.#items?.get(itemId)
    if (saying && saying.text.length < MOST_CHARACTERS) saying.text += words
  }

  soFar(audioBytes: number, bytesPerSecond: number): readonly Said[] {
    const seconds = this.#doneBytes / bytesPerSecond
    const speed = seconds >= LEAST_SECONDS ? this.#doneCharacters / seconds : undefined
    return [...(this.#items ?? [])].map(([itemId, { text, audioFrom }]) => ({ itemId, text, audioMs: ((audioBytes - audioFrom) / bytesPerSecond) * 1000, speed }))
  }

  #begin(itemId: string, audioFrom: number): void {
    this.#items ??= new Map()
    this.#items.set(itemId, { text: '', audioFrom })
    const oldest = this.#items.keys().next().value
    if (this.#items.size > MOST_ITEMS && oldest !== undefined) this.#items.delete(oldest)
  }

  #end(itemId: string, audioBytes: number): void {
    const done = this.#items?.get(itemId)
    if (done && audioBytes > done.audioFrom) {
      this.#doneCharacters += done.text.length
      this.#doneBytes += audioBytes - done.audioFrom
    }
    this.#items?.delete(itemId)
    if (this.#items?.size === 0) this.#items = undefined
  }
}
