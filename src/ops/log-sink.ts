// A bounded buffer between the log and its file descriptor. A slow or dead log reader costs lines and nothing else.
import { fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { pino } from 'pino'

export interface LogSink {
  /** Writes one line. Never blocks on a pipe and never throws. The line is dropped and counted if the buffer or the disk is full or the reader is gone. */
  write(line: string): void
  /** Lines lost since the start. */
  readonly dropped: number
  /** Resolves when every accepted line has been written, or after `deadlineMs`. */
  flush(deadlineMs: number): Promise<void>
}

/** Buffered bytes above which lines are dropped. */
const MAX_BUFFERED_BYTES = 1024 * 1024
/** A longer line is a mistake and would take the room of hundreds of good ones. */
const MAX_LINE_LENGTH = 64 * 1024

/** `fd`: 1 is standard output. */
export function openLogSink(fd: number): LogSink {
  const target = isStream(fd) ? streamTarget(fd) : fileTarget(fd)
  let dropped = 0
  let lostSinceLast = 0
  const lose = (count: number) => {
    dropped += count
    lostSinceLast += count
  }
  return {
    write(line) {
      if (line.length > MAX_LINE_LENGTH || !target.hasRoom()) return lose(1)
      if (lostSinceLast > 0) {
        target.write(`${JSON.stringify({ level: 'warn', time: new Date().toISOString(), lines: lostSinceLast, msg: 'log lines lost' })}\n`)
        lostSinceLast = 0
      }
      lose(target.write(line))
    },
    get dropped() {
      return dropped
    },
    flush: (deadlineMs) => target.flush(deadlineMs),
  }
}

interface Target {
  hasRoom(): boolean
  /** Returns how many lines were lost. */
  write(line: string): number
  flush(deadlineMs: number): Promise<void>
}

function isStream(fd: number): boolean {
  try {
    const stat = fstatSync(fd)
    return stat.isFIFO() || stat.isSocket()
  } catch {
    return false
  }
}

/** `process.stdout` would block the event loop on a full pipe. A thread that writes would keep the process from exiting. */
function streamTarget(fd: number): Target {
  const socket = new Socket({ fd, readable: false, writable: true })
  let gone = false
  let corked = false
  const uncork = () => {
    corked = false
    socket.uncork()
  }
  socket.on('error', () => {
    gone = true
    socket.destroy()
  })
  return {
    hasRoom: () => !gone && socket.writableLength < MAX_BUFFERED_BYTES,
    /** One system call for all lines of a turn, after its other work: an opening session does not wait for its own log. */
    write(line) {
      if (!corked) {
        corked = true
        socket.cork()
        setImmediate(uncork)
      }
      socket.write(line)
      return 0
    },
    flush: (deadlineMs) =>
      new Promise((resolve) => {
        uncork()
        if (gone || socket.writableLength === 0) return resolve()
        const timer = setTimeout(resolve, deadlineMs)
        const done = () => {
          clearTimeout(timer)
          resolve()
        }
        socket.once('drain', done)
        socket.once('close', done)
      }),
  }
}

/** Files and terminals take a line at once. Lines that a full disk refuses are kept up to the bound and written once there is room. */
function fileTarget(fd: number): Target {
  let lost = 0
  const destination = pino.destination({ dest: fd, sync: true, maxLength: MAX_BUFFERED_BYTES })
  destination.on('drop', () => lost++)
  destination.on('error', () => {
    // The line stays buffered. A failure of the log cannot be logged.
  })
  return {
    hasRoom: () => true,
    write(line) {
      const before = lost
      destination.write(line)
      return lost - before
    },
    flush: () => Promise.resolve(),
  }
}
