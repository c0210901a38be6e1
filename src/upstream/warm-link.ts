// A link that is read before anybody has it: keeps what comes early, notices its end, and then becomes an ordinary paused link.
import type { Frame } from '../core/protocol/events.js'
import type { Link } from '../ports/link.js'

/** More than this before a session has begun is no upstream that we know. */
const MAX_EARLY_FRAMES = 8
const MAX_EARLY_BYTES = 64 * 1024

export interface WarmLinkEvents {
  /** For each frame until `take`: whether it is for the taker, for nobody, or the end of this link. */
  onEarly(frame: Frame, isBinary: boolean): 'keep' | 'skip' | 'lose'
  /** Closed, flooding, or told to lose: of no use to anybody. Once, and never after `take`. */
  onLost(): void
}

interface EarlyFrame {
  readonly frame: Frame
  readonly isBinary: boolean
}

/** What was sent ahead for every taker alike, and what the upstream said to it. */
export interface Rehearsal {
  /** Whether the taker's first message asks for just that. */
  asks(data: Frame | string): boolean
  readonly answer: Frame
}

/** Starts reading `inner` at once; that also keeps its pings answered. */
export class WarmLink implements Link {
  readonly #inner: Link
  #events: WarmLinkEvents | undefined
  #rehearsal: Rehearsal | undefined
  #early: EarlyFrame[] = []
  #earlyBytes = 0
  #frameCallback: ((frame: Frame, isBinary: boolean) => void) | undefined
  #closeCallback: ((code: number) => void) | undefined
  #closeCode: number | undefined
  #closeReported = false
  #paused = true
  #closing = false

  constructor(inner: Link, events: WarmLinkEvents) {
    this.#inner = inner
    this.#events = events
    inner.onClose((code) => this.#innerClosed(code))
    inner.onFrame((frame, isBinary) => this.#arrived(frame, isBinary))
    inner.resume()
  }

  /** Hands the link over: paused, with what came early still to come. */
  take(): Link {
    this.#events = undefined
    this.#inner.pause()
    return this
  }

  /** The taker's first message is answered from here where it asks for what the upstream has done already. */
  rehearsed(rehearsal: Rehearsal): void {
    this.#rehearsal = rehearsal
  }

  send(data: Frame | string): void {
    const rehearsal = this.#rehearsal
    this.#rehearsal = undefined
    if (!rehearsal?.asks(data)) return this.#inner.send(data)
    this.#early.push({ frame: rehearsal.answer, isBinary: false })
    process.nextTick(() => this.#deliverEarly())
  }

  close(code: number, reason: string): void {
    this.#closing = true
    this.#events = undefined
    this.#early = []
    this.#inner.close(code, reason)
    this.#reportClose()
  }

  pause(): void {
    this.#paused = true
    this.#inner.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#early.length === 0) this.#inner.resume()
    else process.nextTick(() => this.#deliverEarly())
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes
  }

  onFrame(callback: (frame: Frame, isBinary: boolean) => void): void {
    this.#frameCallback = callback
    if (this.#early.length === 0) this.#inner.onFrame(callback)
  }

  onDrain(callback: (() => void) | undefined): void {
    this.#inner.onDrain(callback)
  }

  onClose(callback: (code: number) => void): void {
    this.#closeCallback = callback
    if (this.#closeCode !== undefined) process.nextTick(() => this.#reportClose())
  }

  #arrived(frame: Frame, isBinary: boolean): void {
    if (this.#closing) return
    const verdict = this.#events?.onEarly(frame, isBinary)
    if (verdict === 'lose') return this.#lose()
    if (verdict === 'skip' || this.#closing) return
    this.#early.push({ frame, isBinary })
    this.#earlyBytes += frame.length
    if (this.#events && (this.#early.length > MAX_EARLY_FRAMES || this.#earlyBytes > MAX_EARLY_BYTES)) this.#lose()
  }

  /** One frame after the other for as long as nobody pauses; from then on the inner link speaks for itself. */
  #deliverEarly(): void {
    while (!this.#paused && !this.#closing) {
      const next = this.#early.shift()
      if (!next) break
      this.#frameCallback?.(next.frame, next.isBinary)
    }
    if (this.#early.length > 0 || this.#closing) return
    if (this.#frameCallback) this.#inner.onFrame(this.#frameCallback)
    if (!this.#paused) this.#inner.resume()
    this.#reportClose()
  }

  #innerClosed(code: number): void {
    this.#closeCode = code
    if (this.#events) this.#lose()
    else this.#reportClose()
  }

  #lose(): void {
    const events = this.#events
    this.close(1000, '')
    events?.onLost()
  }

  /** After what came early, as on any link. */
  #reportClose(): void {
    if (this.#closeReported || !this.#closeCallback || this.#closeCode === undefined || this.#early.length > 0) return
    this.#closeReported = true
    this.#closeCallback(this.#closeCode)
  }
}
