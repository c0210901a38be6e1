// One socket, either side: what the relay asks of it.
import type { Frame } from '../core/protocol/events.js'

/** One socket, either side. Made by `ws-link.ts`; never throws and never raises an unhandled error. */
export interface Link {
  /** Queues one text message. Ignored after close. */
  send(data: Frame | string): void
  /** Starts the closing handshake; the socket is destroyed after a short wait if the peer does not answer. `code` must be one `ws` may send. */
  close(code: number, reason: string): void
  /** Stops reading: a callback that pauses gets no further frame. */
  pause(): void
  resume(): void
  /** Asks the peer for a sign of life: its pong comes as a frame that is no message. Absent: the link cannot. */
  ping?(): void
  /** Bytes accepted by `send` that the operating system has not taken yet. */
  readonly bufferedBytes: number
  /**
   * A link starts paused: reading begins with the first `resume()`. One callback each; the last one set counts. A frame may be overwritten once the
   * callback has returned: it may be sent on as it is, and is copied to be kept.
   */
  onFrame(callback: (frame: Frame, isBinary: boolean) => void): void
  /**
   * Called for each frame of the peer that is no message, with its bytes: pings, pongs, and small fragments that do not end a message. If the callback pauses
   * the link, nothing after the frame is read. The payload of fragments comes with their message.
   */
  onExtra?(callback: (bytes: number) => void): void
  /**
   * Called when everything buffered has been written after `bufferedBytes` was above zero. Less than 64 KiB that the system took late may go unsaid:
   * poll `bufferedBytes` for those. Unset it when it is not needed: it costs a check per write.
   */
  onDrain(callback: (() => void) | undefined): void
  /** Called exactly once, whichever side closed, with the peer's code (1005, 1006 included) and nothing of its reason. */
  onClose(callback: (code: number) => void): void
  /**
   * What the peer itself says of its playback, of a telephone. Absent: it says nothing, and a clock estimates.
   */
  readonly playback?: LinkPlayback
  /** A telephone's key was pressed: one of `0-9 * # A-D`. */
  onKey?(callback: (key: string) => void): void
}

/** The playback of one peer. Bytes are decoded audio of answers, counted from the link's beginning. */
export interface LinkPlayback {
  /** Played by `now` (milliseconds on the session's clock), or thrown away by `clear`. Never less than before, never more than was sent. */
  doneBytes(now: number): number
  /** Throws away what was sent and is not played. */
  clear(): void
}
