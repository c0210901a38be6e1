// Where log lines go: a bounded buffer in front of a file descriptor, so that a slow or dead log reader costs lines and nothing else.
import { fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { pino } from 'pino'

export interface LogSink {
  /** One line. Never blocks on a pipe, never throws; dropped and counted when the buffer is full, the reader is gone or the disk is. */
  write(line: string): void
  /** Lines lost since the start. */
  readonly dropped: number
  /** Resolves when everything accepted has been taken, or after `deadlineMs`. */
  flush(deadlineMs: number): Promise<void>
}

/** Buffered bytes above which lines are dropped. */
const MAX_BUFFERED_BYTES = 1024 * 1024
/** A single line that long is a mistake; it would push hundreds of good ones out. */
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

/** Not `process.stdout`, which blocks the event loop on a full pipe, nor a thread's write, which keeps the process from exiting. */
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
    /** One system call for the lines of a turn, and after its other work: a session that opens does not wait for its own log. */
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

/** Files and terminals take a line at once; what a full disk refuses is kept up to the bound and written when there is room again. */
function fileTarget(fd: number): Target {
  let lost = 0
  const destination = pino.destination({ dest: fd, sync: true, maxLength: MAX_BUFFERED_BYTES })
  destination.on('drop', () => lost++)
  destination.on('error', () => {
    // Nothing to do: the line stays buffered, and the log is the one place that cannot be logged to.
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
