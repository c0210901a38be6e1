// The client's last audio, copied, so that an upstream that replaces a lost one can hear it. Bounded in seconds, in bytes, and in bytes of the process.
import type { RealtimeEvent } from '../core/protocol/events.js'
import { defaultMedia } from '../core/session/media.js'
import type { Heard } from '../core/session/voice.js'
import type { SoundSink } from '../ports/records.js'

/** What all rings of a process hold together, in bytes. */
export interface AudioBudget {
  mostBytes: number
  used: number
}

/** When memory is short, rings go down to a chunk each for so long. */
const SPARING_MS = 60_000

/** True: there was something to save. */
export function spareAudio(budget: AudioBudget): boolean {
  const { mostBytes, used } = budget
  if (mostBytes === 0 || used === 0) return false
  budget.mostBytes = 0
  setTimeout(() => {
    budget.mostBytes = mostBytes
  }, SPARING_MS).unref()
  return true
}

export interface AudioSettings {
  /** Of one session. */
  readonly ringBytes: number
  readonly budget: AudioBudget
}

/** Frames as they came, one behind the other. A frame for itself would cost ten times as much, and a view of it would keep the read it came in. */
interface Chunk {
  readonly bytes: Buffer
  used: number
  /** Where each frame ends. */
  readonly ends: number[]
  /** The client's audio clock at its first frame. */
  fromMs: number
}

const CHUNK_BYTES = 16 * 1024
/** The first one, doubled with each: a session that sent a frame or two and is silent keeps little. */
const FIRST_CHUNK_BYTES = 2048
/** While nobody speaks. */
const LEAST_MS = 1000
/** Whatever is wanted: of speech that does not end, and of what came after a turn whose words never come. */
const MOST_MS = 40_000
/** Of one event that repeats what was heard, decoded. */
const EVENT_BYTES = 24_000

export class AudioRing implements Heard {
  readonly #mostBytes: number
  readonly #budget: AudioBudget
  #chunks: Chunk[] = []
  #bytes = 0
  #bytesPerMs: number
  #wantedFromMs = Number.POSITIVE_INFINITY
  totalMs = 0
  /** Who keeps it for good. */
  readonly #sound: SoundSink | undefined

  /** `mostBytes` 0: nothing is kept, and the clock runs all the same. */
  constructor(mostBytes: number, budget: AudioBudget, bytesPerSecond: number, sound?: SoundSink) {
    this.#sound = sound
    this.#mostBytes = mostBytes
    this.#budget = budget
    this.#bytesPerMs = bytesPerSecond / 1000
  }

  get keptFromMs(): number {
    return this.#chunks[0]?.fromMs ?? this.totalMs
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Everything from here on is kept while the bounds allow; the last second always is. */
  keepFrom(ms: number): void {
    this.#wantedFromMs = ms
    this.#drop(0)
  }

  /** What was kept in another format cannot be told from what comes now. */
  setRate(bytesPerSecond: number): void {
    if (bytesPerSecond / 1000 === this.#bytesPerMs) return
    this.#bytesPerMs = bytesPerSecond / 1000
    this.clear()
  }

  /** A frame that is one `input_audio_buffer.append`. `audioBytes`: of its audio, decoded. */
  push(frame: Buffer, audioBytes: number): void {
    if (this.#sound !== undefined) this.#sound.spoken(frame)
    let last = this.#chunks[this.#chunks.length - 1]
    if (last === undefined || last.used + frame.length > last.bytes.length) {
      last = this.#next(frame.length)
      if (last === undefined) {
        this.totalMs += audioBytes / this.#bytesPerMs
        return
      }
    }
    last.bytes.set(frame, last.used)
    last.used += frame.length
    last.ends.push(last.used)
    this.totalMs += audioBytes / this.#bytesPerMs
  }

  /** An event that went upstream as text. */
  sent(event: RealtimeEvent): void {
    if (event.type !== 'input_audio_buffer.append' || typeof event.audio !== 'string') return
    this.push(Buffer.from(JSON.stringify({ type: event.type, audio: event.audio })), Math.floor((event.audio.length * 3) / 4))
  }

  /** The audio of this stretch, as events. What is not kept is left out. */
  *events(fromMs: number, toMs: number): Generator<string> {
    const pcm: Buffer[] = []
    const start = Math.max(fromMs, this.keptFromMs)
    for (const [at, chunk] of this.#chunks.entries()) {
      if (chunk.fromMs >= toMs || (this.#chunks[at + 1]?.fromMs ?? this.totalMs) <= start) continue
      const audio = Buffer.concat(framesOf(chunk).map(audioOf))
      pcm.push(audio.subarray(this.#bytesIn(start - chunk.fromMs), this.#bytesIn(toMs - chunk.fromMs)))
    }
    const all = Buffer.concat(pcm)
    for (let at = 0; at < all.length; at += EVENT_BYTES)
      yield `{"type":"input_audio_buffer.append","audio":"${all.toString('base64', at, Math.min(at + EVENT_BYTES, all.length))}"}`
  }

  clear(): void {
    this.#grow(-this.#bytes)
    this.#chunks = []
  }

  /** Whole samples of 16 bits. */
  #bytesIn(ms: number): number {
    return Math.max(0, Math.round((ms * this.#bytesPerMs) / 2) * 2)
  }

  /** Room for a frame: what is not wanted any more is used again. */
  #next(length: number): Chunk | undefined {
    if (length > this.#mostBytes) {
      this.clear()
      return undefined
    }
    const size = Math.max(Math.min(CHUNK_BYTES, FIRST_CHUNK_BYTES * 2 ** this.#chunks.length), length)
    const free = this.#drop(size)
    if (free === undefined && this.#budget.used + size > this.#budget.mostBytes) {
      this.clear()
      return undefined
    }
    if (free === undefined) this.#grow(size)
    const chunk = free ?? { bytes: Buffer.allocUnsafeSlow(size), used: 0, ends: [], fromMs: this.totalMs }
    this.#chunks.push(chunk)
    return chunk
  }

  /** Drops from the front what is too old or too much. Returns one of usual size for `size` bytes more. */
  #drop(size: number): Chunk | undefined {
    const wanted = Math.max(Math.min(this.#wantedFromMs, this.totalMs - LEAST_MS), this.totalMs - MOST_MS)
    let free: Chunk | undefined
    for (;;) {
      const [oldest, next] = this.#chunks
      const more = free ? 0 : size
      const isFull = this.#bytes + more > this.#mostBytes || this.#budget.used + more > this.#budget.mostBytes
      if (oldest === undefined || !(isFull || (next?.fromMs ?? this.totalMs) <= wanted)) break
      this.#chunks.shift()
      if (!free && oldest.bytes.length === size) free = oldest
      else this.#grow(-oldest.bytes.length)
    }
    if (!free) return undefined
    free.used = 0
    free.ends.length = 0
    free.fromMs = this.totalMs
    return free
  }

  #grow(bytes: number): void {
    this.#bytes += bytes
    this.#budget.used += bytes
  }
}

/** Nothing is kept for a session that ends with its upstream. `totalMs`: what the client had sent elsewhere, if the session was moved. */
export function createAudioRing(limits: { readonly reconnectMs?: number | undefined }, { ringBytes, budget }: AudioSettings, totalMs: number, sound?: SoundSink): AudioRing {
  const ring = new AudioRing(limits.reconnectMs ? ringBytes : 0, budget, defaultMedia.inputBytesPerSecond, sound)
  ring.totalMs = totalMs
  return ring
}

function framesOf({ bytes, ends }: Chunk): readonly Buffer[] {
  return ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end))
}

/** The relay has read it as such an event before. */
function audioOf(frame: Buffer): Buffer {
  const { audio } = JSON.parse(frame.toString()) as { audio?: unknown }
  return Buffer.from(typeof audio === 'string' ? audio : '', 'base64')
}
