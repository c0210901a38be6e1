// Media sockets that have not said which call they are of: bounded in number, in time, and in what they may send.
import type { Socket } from 'node:net'
import type { Frame } from '../../../core/protocol/events.js'
import type { Link } from '../../../ports/link.js'
import { MAX_MEDIA_FRAME_BYTES } from '../door.js'
import { eventOf, readStart, type StreamStart } from './framing.js'

/** Twilio says so in its second frame, at once. */
const START_MS = 5000
const MAX_WAITING = 256
/** One read of a socket may still bring so much after `start`. */
const MAX_EARLY_BYTES = 2 * MAX_MEDIA_FRAME_BYTES

/** Spares parsing what does not even have the word. */
const START_EVENT = Buffer.from('"start"')

const POLICY = 1008
const TOO_BIG = 1009

export interface Waiting {
  /**
   * Waits for `start` on this socket, and gives it to `started` with a link that begins after it. `started` resolves to false if no call takes the link, which is
   * then closed.
   */
  add(link: Link, socket: Socket, started: (start: StreamStart, link: Link) => Promise<boolean>): void
  readonly count: number
  /** The server ends: whoever still waits would only hold it up. */
  close(): void
}

export function createWaiting(onRefused: (why: string) => void): Waiting {
  /** The longest waiting first. */
  const waiting = new Map<Link, { readonly socket: Socket; readonly timer: NodeJS.Timeout }>()

  function leave(link: Link): void {
    clearTimeout(waiting.get(link)?.timer)
    waiting.delete(link)
  }

  return {
    add(link, socket, started) {
      const [longest] = waiting
      // Closing it politely would keep it for seconds more, which a flood would use.
      if (longest && waiting.size >= MAX_WAITING) {
        leave(longest[0])
        longest[1].socket.destroy()
        onRefused('too many wait')
      }
      const refuse = (why: string, code = POLICY) => {
        if (!waiting.has(link)) return
        leave(link)
        link.close(code, '')
        onRefused(why)
      }
      const timer = setTimeout(() => refuse('no start in time'), START_MS)
      waiting.set(link, { socket, timer })
      let closedAs: number | undefined
      link.onClose((code) => {
        closedAs = code
        leave(link)
      })

      const early: Frame[] = []
      let earlyBytes = 0
      let isStarted = false
      link.onFrame((frame, isBinary) => {
        const why = wrong(frame, isBinary, isStarted)
        if (why !== undefined) return refuse(why, why === 'too big' ? TOO_BIG : POLICY)
        if (isStarted) {
          earlyBytes += frame.length
          if (earlyBytes > MAX_EARLY_BYTES) refuse('too much at once')
          // The reader may use its buffer again.
          else early.push(Buffer.from(frame))
          return
        }
        if (eventOf(frame) === 'connected') return
        const start = readStart(frame)
        if (!start) return refuse('bad start')
        isStarted = true
        link.pause()
        const take = async () => {
          const isTaken = await started(
            start,
            guarded(link, early, () => closedAs),
          )
          if (isTaken) leave(link)
          else refuse('no such call')
        }
        take().catch(() => refuse('failed'))
      })
      link.resume()
    },
    get count() {
      return waiting.size
    },
    close() {
      for (const [link, { socket }] of waiting) {
        leave(link)
        socket.destroy()
      }
    },
  }
}

/** Why a frame must not come now. */
function wrong(frame: Frame, isBinary: boolean, isStarted: boolean): string | undefined {
  if (frame.length > MAX_MEDIA_FRAME_BYTES) return 'too big'
  if (isBinary) return 'binary'
  if (isStarted) return frame.includes(START_EVENT) && eventOf(frame) === 'start' ? 'start twice' : undefined
  const event = eventOf(frame)
  if (event === 'start' || event === 'connected') return undefined
  return event === 'media' ? 'media before start' : 'no start'
}

/** A link whose `start` has been read: what came after it is first, and what must not come ends it. */
function guarded(link: Link, early: Frame[], closedAs: () => number | undefined): Link {
  let callback: ((frame: Frame, isBinary: boolean) => void) | undefined
  let isFirst = true
  const pass = (frame: Frame, isBinary: boolean) => {
    const why = wrong(frame, isBinary, true)
    if (why === undefined) callback?.(frame, isBinary)
    else link.close(why === 'too big' ? TOO_BIG : POLICY, '')
  }
  return {
    send: (data) => link.send(data),
    close: (code, reason) => link.close(code, reason),
    pause: () => link.pause(),
    resume() {
      if (isFirst) {
        isFirst = false
        // Not kept for the length of the call.
        for (const frame of early.splice(0)) pass(frame, false)
      }
      link.resume()
    },
    ping: () => link.ping?.(),
    get bufferedBytes() {
      return link.bufferedBytes
    },
    onFrame(own) {
      callback = own
      link.onFrame(pass)
    },
    onExtra: (own) => link.onExtra?.(own),
    onDrain: (own) => link.onDrain(own),
    onClose(own) {
      const code = closedAs()
      // A link says only once that it is closed.
      if (code === undefined) link.onClose(own)
      else process.nextTick(own, code)
    },
  }
}
