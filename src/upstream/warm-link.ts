// A link that is read before a session takes it. It keeps early frames, notices its end, and then becomes an ordinary paused link.
import type { Frame } from '../core/protocol/events.js'
import type { Link } from '../ports/link.js'

/** Bounds on early frames. No known upstream sends more before a session begins. */
const MAX_EARLY_FRAMES = 8
const MAX_EARLY_BYTES = 64 * 1024

export interface WarmLinkEvents {
  /** Called for each frame until `take`. `keep` it for the session, `skip` it, or `lose` the link. */
  onEarly(frame: Frame, isBinary: boolean): 'keep' | 'skip' | 'lose'
  /** The link was closed, flooded, or lost by `onEarly`. Called at most once, and never after `take`. */
  onLost(): void
}

interface EarlyFrame {
  readonly frame: Frame
  readonly isBinary: boolean
}

/** A message that was sent ahead of any session, and the upstream's answer. */
export interface Rehearsal {
  /** Whether the session's first message equals the one sent ahead. */
  asks(data: Frame | string): boolean
  readonly answer: Frame
}

/** Starts reading `inner` at once, which also answers its pings. */
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

  /** Hands the link over, paused. The early frames are delivered after `resume`. */
  take(): Link {
    this.#events = undefined
    this.#inner.pause()
    return this
  }

  /** If the session's first message equals the one sent ahead, it is answered from `rehearsal` and not sent. */
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

  ping(): void {
    this.#inner.ping?.()
  }

  onExtra(callback: (bytes: number) => void): void {
    this.#inner.onExtra?.(callback)
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

  #arrived(read: Frame, isBinary: boolean): void {
    if (this.#closing) return
    const frame = Buffer.from(read)
    const verdict = this.#events?.onEarly(frame, isBinary)
    if (verdict === 'lose') return this.#lose()
    if (verdict === 'skip' || this.#closing) return
    this.#early.push({ frame, isBinary })
    this.#earlyBytes += frame.length
    if (this.#events && (this.#early.length > MAX_EARLY_FRAMES || this.#earlyBytes > MAX_EARLY_BYTES)) this.#lose()
  }

  /** Delivers early frames one by one until the link is paused. After the last one, the inner link delivers directly. */
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

  /** Reports the close after the early frames, as any link reports it after its frames. */
  #reportClose(): void {
    if (this.#closeReported || !this.#closeCallback || this.#closeCode === undefined || this.#early.length > 0) return
    this.#closeReported = true
    this.#closeCallback(this.#closeCode)
  }
}
