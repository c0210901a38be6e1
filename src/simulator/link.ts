// One session's side of its socket: writes in order, at once or after a delay, with back-pressure, and every way to end.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { RealtimeEvent } from '../core/protocol/events.js'
import type { EndFault } from './faults.js'
import { createTurnQueue } from './turn-queue.js'

/** Above this many unsent bytes responses wait and reading stops. */
const CONGESTED_BYTES = 8 * 1024 * 1024
const CLOSE_GRACE_MS = 2000

/** What a session gives its link. */
export interface LinkHooks {
  /** Before each event, in milliseconds; asked once an event. */
  readonly delay: () => number
  /** Whether a fault says not to read. */
  readonly frozen: () => boolean
  /** The session is over; called once. */
  readonly ended: () => void
}

export interface LinkSetup extends LinkHooks {
  readonly socket: WebSocket
  /** The connection under the WebSocket, even under TLS: only it can be reset. */
  readonly tcp: Socket
  /** What the WebSocket writes to. */
  readonly stream: Duplex
}

export interface Link {
  readonly over: boolean
  event(event: RealtimeEvent): void
  write(data: string | Buffer, binary?: boolean): void
  /** Returns true while the client reads too slowly, and then calls `resume` once it has caught up. */
  congested(resume: () => void): boolean
  /** Reads again, or not, after the faults changed. */
  faultsChanged(): void
  /** After everything that was written. */
  close(code: number, reason: string): void
  /** Closes, then writes one more text frame, which no client expects after a close frame. */
  closeThenWrite(code: number, reason: string, text: string): void
  endBy(fault: EndFault): void
  /** Neither reads nor writes any more, and keeps the connection. */
  fallSilent(): void
  ping(): void
  /** Cuts the connection. */
  drop(): void
}

export function createLink({ socket, tcp, stream, delay, frozen, ended }: LinkSetup): Link {
  let over = false
  let held = false
  let waiting: (() => void)[] = []
  const turns = createTurnQueue()
  const inTurn = turns.add

  const end = () => {
    if (over) return
    over = true
    waiting = []
    turns.clear()
    ended()
  }
  const drained = () => {
    if (over || socket.bufferedAmount > CONGESTED_BYTES) return
    if (held) {
      held = false
      if (!frozen()) socket.resume()
    }
    const resumed = waiting
    waiting = []
    for (const resume of resumed) resume()
  }
  const closeNow = (code: number, reason: string) => {
    try {
      socket.close(code, reason)
    } catch {
      // A code that may not be sent (1004 to 1006, 1015 and others) ends the connection without a close frame, as a peer would see it.
      socket.terminate()
    }
    end()
    setTimeout(() => socket.terminate(), CLOSE_GRACE_MS).unref()
  }
  const cut = (how: 'fin' | 'rst') => {
    end()
    if (how === 'rst') tcp.resetAndDestroy()
    else tcp.end()
    setTimeout(() => tcp.destroy(), CLOSE_GRACE_MS).unref()
  }
  const fallSilent = () => {
    end()
    socket.pause()
  }

  socket.on('close', end)
  socket.on('error', end)
  if (frozen()) socket.pause()

  const write = (data: string | Buffer, binary = false) => {
    if (over) return
    inTurn(delay(), () => {
      if (over || socket.readyState !== socket.OPEN) return
      socket.send(data, { binary }, drained)
      if (socket.bufferedAmount > CONGESTED_BYTES && !held) {
        held = true
        socket.pause()
      }
    })
  }

  return {
    get over() {
      return over
    },
    event: (event) => write(JSON.stringify(event)),
    write,
    congested(resume) {
      if (socket.bufferedAmount <= CONGESTED_BYTES) return false
      waiting.push(resume)
      return true
    },
    faultsChanged() {
      if (over) return
      if (frozen()) socket.pause()
      else if (!held) socket.resume()
    },
    close: (code, reason) => inTurn(0, () => closeNow(code, reason)),
    closeThenWrite: (code, reason, text) =>
      inTurn(0, () => {
        closeNow(code, reason)
        stream.write(textFrame(text))
      }),
    endBy(fault) {
      if (over) return
      inTurn(0, () => {
        if (fault.how === 'close') closeNow(fault.code ?? 1011, fault.reason ?? '')
        else if (fault.how === 'silence') fallSilent()
        else cut(fault.how)
      })
    },
    fallSilent: () => inTurn(0, fallSilent),
    ping() {
      if (!over && socket.readyState === socket.OPEN) socket.ping()
    },
    drop() {
      end()
      socket.terminate()
    },
  }
}

/** One unmasked text frame of less than 64 KiB. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  const head = payload.length < 126 ? Buffer.from([0x81, payload.length]) : Buffer.from([0x81, 126, payload.length >> 8, payload.length & 0xff])
  return Buffer.concat([head, payload])
}
