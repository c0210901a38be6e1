// The client's link of a call: the relay's own, with one socket or none. Nothing is kept for an absent client, and none of its ends is an end of the call.
import { type RefusalCode, toWireClose } from '../../core/protocol/errors.js'
import type { Frame } from '../../core/protocol/events.js'
import type { Link } from '../../ports/link.js'

export interface CallLinkSettings {
  /** A socket with more than this unsent for `slowClientMs`, or four times as much, is given up. */
  readonly bufferBytes: number
  readonly slowClientMs: number
  /** Milliseconds, never set back. */
  readonly now: () => number
}

/** Beyond the bound a socket may be for a moment: one event may be an image. */
const MOST_TIMES = 4

export class CallLink implements Link {
  #link: Link | undefined
  readonly #settings: CallLinkSettings
  #paused = true
  #ended = false
  /** Since when too much is unsent. */
  #slowSince: number | undefined
  #onFrame: (frame: Frame, isBinary: boolean) => void = () => undefined
  #onExtra: ((bytes: number) => void) | undefined

  constructor(settings: CallLinkSettings) {
    this.#settings = settings
  }

  /** The last one to come is heard. False: the call is over. */
  attach(link: Link): boolean {
    if (this.#ended) return false
    this.#letGo('superseded')
    this.#link = link
    this.#slowSince = undefined
    const isCurrent = () => this.#link === link
    link.onFrame((frame, isBinary) => {
      if (isCurrent()) this.#onFrame(frame, isBinary)
    })
    const onExtra = this.#onExtra
    if (onExtra) link.onExtra?.((bytes) => isCurrent() && onExtra(bytes))
    link.onClose(() => {
      if (isCurrent()) this.#link = undefined
    })
    if (!this.#paused) link.resume()
    return true
  }

  send(data: Frame | string): void {
    const link = this.#link
    if (!link) return
    link.send(data)
    const { bufferBytes, slowClientMs, now } = this.#settings
    if (link.bufferedBytes <= bufferBytes) {
      this.#slowSince = undefined
      return
    }
    this.#slowSince ??= now()
    if (link.bufferedBytes > bufferBytes * MOST_TIMES || now() - this.#slowSince >= slowClientMs) this.#letGo('slow_client')
  }

  close(code: number, reason: string): void {
    this.#ended = true
    const link = this.#link
    this.#link = undefined
    link?.close(code, reason)
  }

  pause(): void {
    this.#paused = true
    this.#link?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#link?.resume()
  }

  /** A client that is slow must not keep the sideband from being read: the answers to spoken turns are asked for over it. */
  get bufferedBytes(): number {
    return 0
  }

  onFrame(callback: (frame: Frame, isBinary: boolean) => void): void {
    this.#onFrame = callback
  }

  onExtra(callback: (bytes: number) => void): void {
    this.#onExtra = callback
  }

  /** Nothing is ever waited for. */
  onDrain(): void {}

  /** Only the relay ends it. */
  onClose(): void {}

  #letGo(code: RefusalCode): void {
    const link = this.#link
    this.#link = undefined
    const wire = toWireClose(code)
    link?.close(wire.code, wire.reason)
  }
}
