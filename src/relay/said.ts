// What went to the client of each item that is still being said: only the relay sees every delta, and a lost upstream cannot be asked.
import { type Frame, objectAt, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import { textAt } from '../core/protocol/repeated-frame.js'
import type { Said } from '../core/session/restore/cut.js'

interface Saying {
  /** As they stand between quotes: a text of each delta would be garbage for nothing, since hardly any upstream is lost. */
  words: Buffer
  bytes: number
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
const MOST_BYTES = 64 * 1024
const FIRST_BYTES = 128
const NO_WORDS = Buffer.alloc(0)

export class SaidSoFar {
  /** Absent while nothing is said. */
  #items: Map<string, Saying> | undefined
  /** Of the spoken items that are done: how fast the voice speaks. */
  #doneCharacters = 0
  #doneBytes = 0

  /** Every event of the upstream that was read as a whole. `audioBytes`: sent to the client so far. */
  heard(event: RealtimeEvent, audioBytes: number): void {
    if (WORDS.has(event.type)) {
      const quoted = Buffer.from(JSON.stringify(stringAt(event, 'delta') ?? ''))
      return this.add(stringAt(event, 'item_id'), quoted, 1, quoted.length - 1)
    }
    if (event.type === 'response.output_item.added') this.#begin(stringAt(objectAt(event, 'item'), 'id') ?? '', audioBytes)
    else if (event.type === 'response.output_item.done') this.#end(stringAt(objectAt(event, 'item'), 'id') ?? '', audioBytes)
  }

  /** Items that are still being said, with their words; a call's are its arguments. */
  sayings(): readonly (readonly [itemId: string, text: string])[] {
    return [...(this.#items ?? [])].map(([itemId, saying]) => [itemId, textOf(saying)])
  }

  /** The words as they stand between quotes in `frame`, from `from` to `to`. */
  add(itemId: string | undefined, frame: Frame, from: number, to: number): void {
    const saying = itemId === undefined ? undefined : this.#items?.get(itemId)
    if (!saying || saying.bytes >= MOST_BYTES) return
    const bytes = saying.bytes + to - from
    if (bytes > saying.words.length) saying.words = Buffer.concat([saying.words], Math.max(FIRST_BYTES, 2 * saying.words.length, bytes))
    const { words } = saying
    for (let i = from, at = saying.bytes; i < to; i++, at++) words[at] = frame[i] as number
    saying.bytes = bytes
  }

  soFar(audioBytes: number, bytesPerSecond: number): readonly Said[] {
    const seconds = this.#doneBytes / bytesPerSecond
    const speed = seconds >= LEAST_SECONDS ? this.#doneCharacters / seconds : undefined
    return [...(this.#items ?? [])].map(([itemId, saying]) => ({
      itemId,
      text: textOf(saying),
      audioMs: ((audioBytes - saying.audioFrom) / bytesPerSecond) * 1000,
      speed,
    }))
  }

  #begin(itemId: string, audioFrom: number): void {
    this.#items ??= new Map()
    this.#items.set(itemId, { words: NO_WORDS, bytes: 0, audioFrom })
    const oldest = this.#items.keys().next().value
    if (this.#items.size > MOST_ITEMS && oldest !== undefined) this.#items.delete(oldest)
  }

  #end(itemId: string, audioBytes: number): void {
    const done = this.#items?.get(itemId)
    if (done && audioBytes > done.audioFrom) {
      this.#doneCharacters += textOf(done).length
      this.#doneBytes += audioBytes - done.audioFrom
    }
    this.#items?.delete(itemId)
    if (this.#items?.size === 0) this.#items = undefined
  }
}

function textOf({ words, bytes }: Saying): string {
  return textAt(words, 0, bytes)
}
