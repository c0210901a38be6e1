// A link in memory with the relay at one end and the test at the other. Nothing is lost or reordered, and unread frames pile up.

import { cutToBytes } from '../../src/core/protocol/errors.js'
import type { Frame } from '../../src/core/protocol/events.js'
import type { Link } from '../../src/ports/link.js'
import { sendableCode } from '../../src/wire/close-codes.js'
import type { Peer } from '../contract/link.js'

export interface MemoryPeer extends Peer {
  /** Whether the link has stopped reading. */
  readonly linkPaused: boolean
  /** Frames of this peer that the link has not read. */
  readonly unread: number
  /** The peak of bytes that waited for this peer. */
  readonly peakBytes: number
  /** Takes up to `count` waiting frames while paused, as a slow reader does. */
  take(count: number): void
  /** Sends a ping. */
  ping(): void
  /** All frames that have arrived and were not returned by `next`. */
  drainInbox(): readonly { text: string; isBinary: boolean }[]
}

interface Message {
  readonly data: Buffer
  readonly isBinary: boolean
  readonly isPing?: boolean
}

/** Delivery happens in later turns of the event loop, never inside `send`. */
export function memoryPair(): { readonly link: Link; readonly peer: MemoryPeer } {
  const toPeer: Message[] = []
  const toLink: Message[] = []
  const inbox: { text: string; isBinary: boolean }[] = []
  const waiting: ((message: { text: string; isBinary: boolean }) => void)[] = []
  let onFrame: ((frame: Frame, isBinary: boolean) => void) | undefined
  let onExtra: ((bytes: number) => void) | undefined
  let onDrain: (() => void) | undefined
  let onClose: ((code: number) => void) | undefined
  let linkPaused = true
  let peerPaused = false
  let buffered = 0
  let peakBytes = 0
  let allowance = 0
  let closing = false
  let reported = false
  let linkClose: { code: number; reason: string } | undefined
  let peerClose: number | undefined
  let scheduled = false
  let peerIsTold: (close: { code: number; reason: string }) => void = () => {}
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    peerIsTold = resolve
  })

  const deliver = ({ data, isBinary }: Message) => {
    const message = { text: data.toString('utf8'), isBinary }
    const next = waiting.shift()
    if (next) next(message)
    else inbox.push(message)
  }
  const pump = () => {
    scheduled = false
    const before = buffered
    for (;;) {
      const message = !peerPaused || allowance > 0 ? toPeer.shift() : undefined
      if (!message) break
      if (peerPaused) allowance--
      buffered -= message.data.length
      deliver(message)
    }
    if (before > 0 && buffered === 0 && !closing) onDrain?.()
    while (!linkPaused && !closing) {
      const message = toLink.shift()
      if (!message) break
      if (message.isPing) onExtra?.(message.data.length)
      else onFrame?.(message.data, message.isBinary)
    }
    if (linkClose && toPeer.length === 0) peerIsTold(linkClose)
    if (peerClose !== undefined && (peerClose === 1006 || (toLink.length === 0 && !linkPaused))) {
      peerIsTold({ code: peerClose, reason: '' })
      closing = true
    }
    if (closing && onClose && !reported) {
      reported = true
      onClose(peerClose ?? linkClose?.code ?? 1006)
    }
  }
  const schedule = () => {
    if (scheduled) return
    scheduled = true
    setImmediate(pump)
  }

  const link: Link = {
    send(data) {
      if (closing) return
      const message = { data: Buffer.from(data as string), isBinary: false }
      toPeer.push(message)
      buffered += message.data.length
      peakBytes = Math.max(peakBytes, buffered)
      schedule()
    },
    close(code, reason) {
      if (closing) return
      closing = true
      linkClose = { code: sendableCode(code), reason: cutToBytes(reason, 123) }
      schedule()
    },
    pause() {
      linkPaused = true
    },
    resume() {
      linkPaused = false
      schedule()
    },
    get bufferedBytes() {
      return buffered
    },
    onFrame(callback) {
      onFrame = callback
    },
    onExtra(callback) {
      onExtra = callback
    },
    onDrain(callback) {
      onDrain = callback
    },
    onClose(callback) {
      onClose = callback
      schedule()
    },
  }
  const end = (code: number) => {
    peerClose ??= code
    schedule()
  }
  const peer: MemoryPeer = {
    send(data) {
      if (peerClose !== undefined || closing) return
      toLink.push({ data: Buffer.from(data as string), isBinary: typeof data !== 'string' })
      schedule()
    },
    ping() {
      toLink.push({ data: Buffer.alloc(6), isBinary: false, isPing: true })
      schedule()
    },
    close: (code = 1005) => end(code),
    destroy: () => end(1006),
    pause() {
      peerPaused = true
    },
    resume() {
      peerPaused = false
      schedule()
    },
    take(count) {
      allowance += count
      schedule()
    },
    drainInbox: () => inbox.splice(0),
    next() {
      const message = inbox.shift()
      return message ? Promise.resolve(message) : new Promise((resolve) => waiting.push(resolve))
    },
    closed,
    get linkPaused() {
      return linkPaused
    },
    get unread() {
      return toLink.length
    },
    get peakBytes() {
      return peakBytes
    },
  }
  return { link, peer }
}

/** Lets all frames under way arrive. Takes turns of the event loop, not time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve))
}
