// A client's link that outlives its socket: it counts messages both ways, keeps the last ones sent, and goes on over the next socket.
import { toWireClose } from '../../core/protocol/errors.js'
import type { Frame } from '../../core/protocol/events.js'
import type { Link } from '../../ports/link.js'
import type { SentRing } from './sent-ring.js'

export interface LinkOwner {
  /** The socket is gone, and the client may come back. */
  onGone(): void
  /** The first message over a new socket has come: the client has what it was sent at its return. */
  onProved(): void
}

/** A page that calls `close()` says 1005. Both mean that the user hung up. */
const HUNG_UP = new Set([1000, 1005])

export class ResumableLink implements Link {
  /** Undefined while the client is away. */
  #link: Link | undefined
  readonly #owner: LinkOwner
  #ring: SentRing | undefined
  #received = 0
  #paused = true
  #ended = false
  #proved = true
  #onFrame: (frame: Frame, isBinary: boolean) => void = () => undefined
  #onExtra: ((bytes: number) => void) | undefined
  #onDrain: (() => void) | undefined
  #onClose: (code: number) => void = () => undefined

  constructor(link: Link, owner: LinkOwner) {
    this.#owner = owner
    this.#bind(link)
  }

  /** From now on the link outlives its socket, and counts; from `received` on if the session was elsewhere before. */
  keep(ring: SentRing, received = 0): void {
    this.#ring = ring
    this.#received = received
  }

  /** The first message that the client can have missed, if what it has is not known: the last ones, in so many bytes. */
  firstWithin(bytes: number): number {
    return this.#ring?.firstWithin(bytes) ?? 0
  }

  /** Nothing passes any more, either way. The socket, which the caller closes, is what is left. */
  freeze(): Link | undefined {
    const link = this.#link
    this.#link = undefined
    this.#over()
    return link
  }

  get isKept(): boolean {
    return this.#ring !== undefined && !this.#ended
  }

  get isAway(): boolean {
    return this.#link === undefined && !this.#ended
  }

  /** Messages of the client since `keep`. */
  get received(): number {
    return this.#received
  }

  acknowledge(received: number): void {
    this.#ring?.acknowledge(received)
  }

  /** Messages that the client missed. Undefined: not all of them are kept. */
  missedAfter(received: number): readonly (Frame | string)[] | undefined {
    return this.#ring?.after(received)
  }

  get sent(): number {
    return this.#ring?.sent ?? 0
  }

  /** Goes on over `link`: `greeting` first, which does not count, then `missed`. A socket before it is closed: the last one to come has the session. */
  attach(link: Link, greeting: string, missed: readonly (Frame | string)[]): void {
    const before = this.#link
    const { code, reason } = toWireClose('superseded')
    this.#bind(link)
    before?.close(code, reason)
    this.greet(greeting, missed)
    if (!this.#paused) link.resume()
  }

  greet(greeting: string, missed: readonly (Frame | string)[]): void {
    this.#proved = false
    this.#link?.send(greeting)
    for (const message of missed) this.#link?.send(message)
  }

  /** The socket makes no progress: the client is taken for away. */
  drop(): void {
    const link = this.#link
    if (!link) return
    this.#link = undefined
    link.close(1001, '')
    this.#owner.onGone()
  }

  #bind(link: Link): void {
    this.#link = link
    const isCurrent = () => this.#link === link && !this.#ended
    link.onFrame((frame, isBinary) => {
      if (!isCurrent()) return
      this.#received++
      if (!this.#proved) {
        this.#proved = true
        this.#owner.onProved()
      }
      this.#onFrame(frame, isBinary)
    })
    if (this.#onExtra) link.onExtra?.(this.#onExtra)
    link.onDrain(this.#onDrain)
    link.onClose((code) => {
      if (this.#link !== link) return
      this.#link = undefined
      if (!this.isKept || HUNG_UP.has(code)) {
        this.#over()
        this.#onClose(code)
      } else this.#owner.onGone()
    })
  }

  #over(): void {
    this.#ended = true
    this.#ring?.clear()
  }

  send(data: Frame | string): void {
    if (this.#ended) return
    this.#ring?.push(data)
    this.#link?.send(data)
  }

  close(code: number, reason: string): void {
    this.#over()
    this.#link?.close(code, reason)
  }

  pause(): void {
    this.#paused = true
    this.#link?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#link?.resume()
  }

  get bufferedBytes(): number {
    return this.#link?.bufferedBytes ?? 0
  }

  onFrame(callback: (frame: Frame, isBinary: boolean) => void): void {
    this.#onFrame = callback
  }

  onExtra(callback: (bytes: number) => void): void {
    this.#onExtra = callback
    this.#link?.onExtra?.(callback)
  }

  onDrain(callback: (() => void) | undefined): void {
    this.#onDrain = callback
    this.#link?.onDrain(callback)
  }

  onClose(callback: (code: number) => void): void {
    this.#onClose = callback
  }
}
