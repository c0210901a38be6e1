// Keeps client events for tests: the latest sessions and the latest events of each, bounded in characters.
import type { IncomingHttpHeaders } from 'node:http'
import type { DialectName } from '../core/protocol/dialect.js'
import type { RealtimeEvent } from '../core/protocol/events.js'
import type { ReceivedSession } from './options.js'

const MAX_SESSIONS = 64
const MAX_CHARS = 4 * 1024 * 1024

export interface Recording {
  started(sessionId: string): void
  event(event: RealtimeEvent, size: number): void
  ended(closeCode: number): void
}

export interface Recorder {
  readonly sessions: readonly ReceivedSession[]
  open(about: { target: string; headers: IncomingHttpHeaders; dialect: DialectName; deployment: string }): Recording
}

/** `maxEvents`: bound per session; 0 keeps none. */
export function createRecorder(maxEvents: number): Recorder {
  const sessions: ReceivedSession[] = []
  return {
    sessions,
    open(about) {
      const events: RealtimeEvent[] = []
      const sizes: number[] = []
      let chars = 0
      const session: { -readonly [K in keyof ReceivedSession]: ReceivedSession[K] } = { ...about, sessionId: '', events }
      sessions.push(session)
      if (sessions.length > MAX_SESSIONS) sessions.shift()
      return {
        started: (sessionId) => {
          session.sessionId = sessionId
        },
        event(event, size) {
          if (maxEvents === 0) return
          events.push(event)
          sizes.push(size)
          chars += size
          while (events.length > maxEvents || (chars > MAX_CHARS && events.length > 1)) {
            events.shift()
            chars -= sizes.shift() ?? 0
          }
        },
        ended: (closeCode) => {
          session.closeCode = closeCode
        },
      }
    },
  }
}
