// Counts arriving audio messages: their number, order, session, delay and content.
import { createHash, type Hash } from 'node:crypto'
import { type Direction, isAudio, nowMicros, PEEK_BYTES, readStamp, type Stamp } from './audio-frames.js'
import { CLOSE, FrameReader, PING } from './wire.js'

export interface InboxSettings {
  /** Sequence numbers of ring traffic run from 0 to `modulo - 1` and start again. */
  readonly modulo: number
  /** Report to the other end after every read how much has arrived. */
  readonly credits: boolean
  /** What is reported: messages with audio, or finished answers. */
  readonly counting: 'audio' | 'answers'
  /** Messages carry no stamps: hash their whole content in order instead. */
  readonly hashing: boolean
}

export interface LatencyReport {
  readonly samples: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface InboxReport {
  readonly received: number
  /** `response.done`s. */
  readonly answers: number
  /** UTF-16 code units in deltas that are not audio. */
  readonly letters: number
  /** Everything that makes the run invalid; empty if there is nothing. */
  readonly problems: readonly string[]
  /** One-way milliseconds of paced messages. */
  readonly latency: LatencyReport
  /** Session number → SHA-256 over every message's text, in order. */
  readonly hashes: Readonly<Record<string, string>>
}

/** One connection as its receiving end sees it. */
export interface Inbox {
  session: number
  received: number
  answers: number
  /** Send time of the message being read; 0 if its stamp has no time. */
  micros: number
  hash: Hash | undefined
  readonly reader: FrameReader
}

export interface InboxHandlers {
  /** Stamped audio on a connection that has no session yet. */
  onHello(inbox: Inbox, session: number): void
  /** Everything that is not audio, parsed. */
  onEvent(inbox: Inbox, event: Record<string, unknown>): void
  onControl(inbox: Inbox, opcode: typeof PING | typeof CLOSE, payload: Buffer): void
}

/** Sequence numbers of what is not a ring. */
export const SEQUENCES = 100_000_000

/** Counters of one process, shared by its connections. */
export class Inboxes {
  readonly #direction: Direction
  readonly #handlers: InboxHandlers
  readonly #stamp: Stamp = { session: 0, sequence: 0, micros: 0 }
  readonly #all = new Set<Inbox>()
  #settings: InboxSettings = { modulo: SEQUENCES, credits: false, counting: 'audio', hashing: false }
  #letters = 0
  #problems = new Map<string, number>()
  #latencies: number[] = []

  /** `direction` is the one the counted audio travels in. */
  constructor(direction: Direction, handlers: InboxHandlers) {
    this.#direction = direction
    this.#handlers = handlers
  }

  get credits(): boolean {
    return this.#settings.credits
  }

  add(): Inbox {
    let audio = false
    const inbox: Inbox = {
      session: -1,
      received: 0,
      answers: 0,
      micros: 0,
      hash: undefined,
      reader: new FrameReader(
        {
          onStart: (peek, compressed) => {
            audio = !compressed && isAudio(this.#direction, peek)
            if (compressed) this.problem('compressed message')
            if (audio && !this.#settings.hashing) audio = this.#audio(inbox, peek)
            return this.#settings.hashing || !(audio || compressed)
          },
          onEnd: (whole) => {
            if (audio && !this.#settings.hashing) this.#arrived(inbox)
            else if (whole) this.#whole(inbox, whole, audio)
          },
          onControl: (opcode, payload) => {
            if (opcode === PING || opcode === CLOSE) this.#handlers.onControl(inbox, opcode, payload)
          },
          onBroken: (why) => this.problem(why),
        },
        PEEK_BYTES[this.#direction],
      ),
    }
    this.#all.add(inbox)
    return inbox
  }

  remove(inbox: Inbox): void {
    this.#all.delete(inbox)
  }

  problem(what: string): void {
    this.#problems.set(what, (this.#problems.get(what) ?? 0) + 1)
  }

  reset(settings: InboxSettings): void {
    this.#settings = settings
    this.#problems = new Map()
    this.#latencies = []
    this.#letters = 0
    for (const inbox of this.#all) {
      inbox.received = 0
      inbox.answers = 0
      inbox.hash = undefined
    }
  }

  /** What the other end hears of a connection. */
  counted(inbox: Inbox): number {
    return this.#settings.counting === 'audio' ? inbox.received : inbox.answers
  }

  #sum(count: (inbox: Inbox) => number): number {
    let sum = 0
    for (const inbox of this.#all) sum += count(inbox)
    return sum
  }

  report(): InboxReport {
    const hashes: Record<string, string> = {}
    for (const inbox of this.#all) if (inbox.hash) hashes[inbox.session] = inbox.hash.copy().digest('hex')
    const sorted = Float64Array.from(this.#latencies).sort()
    const at = (share: number): number => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) / 1000
    return {
      received: this.#sum(({ received }) => received),
      answers: this.#sum(({ answers }) => answers),
      letters: this.#letters,
      problems: [...this.#problems].map(([what, times]) => `${what} (${times}×)`),
      latency: { samples: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) },
      hashes,
    }
  }

  /** Checks the stamp of a message that has begun. False: it is a hello, not traffic. */
  #audio(inbox: Inbox, peek: Buffer): boolean {
    const stamp = this.#stamp
    if (!readStamp(this.#direction, peek, stamp)) {
      this.problem('audio without a stamp')
      return true
    }
    if (inbox.session < 0) {
      this.#handlers.onHello(inbox, stamp.session)
      return false
    }
    const expected = inbox.received % (stamp.micros > 0 ? SEQUENCES : this.#settings.modulo)
    if (stamp.session !== inbox.session) this.problem('audio of another session')
    else if (stamp.sequence !== expected) this.problem(stamp.sequence > expected ? 'a gap in the sequence' : 'out of order')
    inbox.micros = stamp.micros
    return true
  }

  #arrived(inbox: Inbox): void {
    inbox.received++
    if (inbox.micros > 0) this.#latencies.push(nowMicros() - inbox.micros)
  }

  #whole(inbox: Inbox, whole: Buffer, audio: boolean): void {
    let event: Record<string, unknown>
    try {
      event = JSON.parse(whole.toString()) as Record<string, unknown>
    } catch {
      this.problem('text that is not JSON')
      return
    }
    const text = event.type === 'input_audio_buffer.append' ? event.audio : event.delta
    if (!this.#settings.hashing || typeof text !== 'string') {
      if (audio) return
      if (event.type === 'response.done') inbox.answers++
      if (typeof text === 'string' && event.type !== 'conversation.item.input_audio_transcription.delta') this.#letters += text.length
      this.#handlers.onEvent(inbox, event)
      return
    }
    inbox.hash ??= createHash('sha256')
    inbox.hash.update(`${text.length}:`).update(text)
    inbox.received++
  }
}
