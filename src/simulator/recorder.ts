// Keeps client events for tests: of open sessions and of the latest that ended, the latest events of each, bounded in characters.
import type { IncomingHttpHeaders } from 'node:http'
import type { DialectName } from '../core/protocol/dialect.js'
import type { RealtimeEvent } from '../core/protocol/events.js'
import type { Item } from './conversation.js'
import type { ReceivedSession, SessionConversation } from './options.js'

const MAX_SESSIONS = 64
const MAX_CHARS = 4 * 1024 * 1024

export interface Recording {
  started(session: { readonly id: string; items(): readonly Item[] }): void
  event(event: RealtimeEvent, size: number): void
  ended(closeCode: number): void
}

export interface Recorder {
  readonly sessions: readonly ReceivedSession[]
  conversations(): readonly SessionConversation[]
  open(about: { target: string; headers: IncomingHttpHeaders; dialect: DialectName; deployment: string }): Recording
}

/** `maxEvents`: bound per session; 0 keeps none. */
export function createRecorder(maxEvents: number): Recorder {
  const sessions: ReceivedSession[] = []
  const items = new Map<ReceivedSession, () => readonly Item[]>()
  return {
    sessions,
    conversations: () => sessions.map((session) => ({ sessionId: session.sessionId, items: structuredClone(items.get(session)?.() ?? []) })),
    open(about) {
      const events: RealtimeEvent[] = []
      const sizes: number[] = []
      let chars = 0
      const session: { -readonly [K in keyof ReceivedSession]: ReceivedSession[K] } = { ...about, sessionId: '', events }
      sessions.push(session)
      const oldest = sessions.length > MAX_SESSIONS ? sessions.findIndex(({ closeCode }) => closeCode !== undefined) : -1
      if (oldest >= 0) for (const ended of sessions.splice(oldest, 1)) items.delete(ended)
      return {
        started: (started) => {
          session.sessionId = started.id
          items.set(session, started.items)
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
