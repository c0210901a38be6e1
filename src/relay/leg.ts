// One side of a session: its socket, the wire it speaks, what is held of it, and the back-pressure towards the other side.

import type { DialectName } from '../core/protocol/dialect.js'
import { type RefusalCode, toErrorEvent, toWireClose } from '../core/protocol/errors.js'
import type { Frame, RealtimeEvent, Side } from '../core/protocol/events.js'
import type { Wire } from '../core/protocol/wire.js'
import { wireFor } from '../core/protocol/wires.js'
import type { Link } from '../ports/link.js'
import type { Recorder } from '../ports/notes.js'
import { Backlog, type Fed, type FollowsTicks, Reader } from './flow.js'
import { createHeldFrames, type HeldFrames } from './held-frames.js'

export interface LegOptions {
  readonly side: Side
  readonly link: Link
  readonly dialect: DialectName
  /** The number of the dial that opened it; 0: the client's. */
  readonly number: number
  /** Name under which limits are recorded; empty: the client's. */
  readonly deployment: string
  readonly alarm: FollowsTicks
  /** `bufferBytes`: the high mark of the outgoing buffer, and of what is held. */
  readonly settings: { readonly bufferBytes: number; readonly heldFrames: number }
  readonly sides: Sides
  readonly recorder: Recorder
}

export interface Sides {
  /** The leg whose frames this side sends: it is not read while this side's buffer is full. */
  opposite(side: Side): Leg | undefined
}

/** What becomes of held frames. */
export interface FrameHandler {
  /** Whether this side's lane lets frames through now. */
  isOpen(side: Side): boolean
  handle(leg: Leg, frame: Frame, isBinary: boolean): void
}

export class Leg implements Fed {
  readonly side: Side
  readonly link: Link
  readonly wire: Wire
  readonly #backlog: Backlog
  readonly reader: Reader
  sentMessages = 0
  sentBytes = 0
  /** Frames of its peer, pings and pongs as well. */
  heard = 0
  #held: HeldFrames | undefined
  #releasing = false
  readonly number: number
  readonly deployment: string
  /** The upstream's configured name; empty: the client's leg. */
  upstream = ''
  readonly #settings: LegOptions['settings']
  readonly #sides: Sides
  readonly #recorder: Recorder

  constructor({ side, link, dialect, number, deployment, alarm, settings, sides, recorder }: LegOptions) {
    this.side = side
    this.link = link
    this.wire = wireFor(dialect, side)
    this.number = number
    this.deployment = deployment
    this.#settings = settings
    this.reader = new Reader(link, 'held', alarm)
    this.#sides = sides
    this.#recorder = recorder
    this.#backlog = new Backlog(link, this, settings.bufferBytes)
  }

  get feeding(): Reader | undefined {
    return this.#sides.opposite(this.side)?.reader
  }

  blocked(): void {
    this.#recorder.note({ type: 'backpressure', side: this.side })
  }

  send(data: Frame | string): void {
    this.sentMessages++
    this.sentBytes += data.length
    this.link.send(data)
    if (this.link.bufferedBytes > this.#settings.bufferBytes) this.#backlog.check()
  }

  /** False: this side does not know such an event. */
  sendEvent(event: RealtimeEvent): boolean {
    const texts = this.wire.write(event)
    for (const text of texts) this.send(text)
    return texts.length > 0
  }

  /** Says why this side's part is over, then closes it. */
  refuse(code: RefusalCode, retryAfterSeconds: number | undefined): void {
    this.sendEvent(toErrorEvent(code, { eventId: 'event_relay_close', retryAfterSeconds }))
    const wire = toWireClose(code, retryAfterSeconds)
    this.link.close(wire.code, wire.reason)
  }

  /** Keeps a frame until `release`. At the bound this side is not read on; the frame is kept all the same. */
  hold(frame: Frame, isBinary: boolean): void {
    this.#held ??= createHeldFrames(this.#settings.bufferBytes, this.#settings.heldFrames)
    if (!this.#held.push(frame, isBinary)) this.reader.pause('held')
  }

  get heldCount(): number {
    return this.#held?.count ?? 0
  }

  /** Hands over what was held, in order, for as long as this side's lane is open, and then reads on. */
  release(to: FrameHandler): void {
    if (this.#releasing || !to.isOpen(this.side)) return
    this.#releasing = true
    while (this.#held && to.isOpen(this.side)) {
      const next = this.#held.shift()
      if (next) to.handle(this, next.frame, next.isBinary)
      else this.#held = undefined
    }
    this.#releasing = false
    if (!this.#held) this.reader.resume('held')
  }

  /** At every tick. Milliseconds without any progress while blocked; 0 when not blocked. */
  stalledMs(now: number): number {
    return this.#backlog.stalledMs(now)
  }
}
