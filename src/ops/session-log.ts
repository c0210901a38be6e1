// Turns the relay's notes into log lines: sessions, refusals and failures, never what was said.
import type { FastifyBaseLogger } from 'fastify'
import type { Note, Recorder } from '../ports/notes.js'
import { wordLabel } from './labels.js'

type SessionLogger = Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn'>

/** Passes each note to `counted` and then to the log, with the session's id. Never throws. A child logger would take 1 KB per session. */
export function createSessionRecorder(counted: Recorder, logger: SessionLogger, sessionId: string): Recorder {
  return {
    note(note) {
      counted.note(note)
      logNote(logger, sessionId, note)
    },
  }
}

function logNote(logger: SessionLogger, sessionId: string, note: Note): void {
  const { note: name, ...said } = note
  const fields = { sessionId, ...said }
  switch (note.note) {
    // The ingress logs these itself, with the client's address.
    case 'upgrade_refused':
      return
    case 'session_opened':
    case 'session_closed':
      return logger.info(fields, name)
    case 'tool_finished':
      return note.outcome === 'ok' ? logger.debug({ ...fields, tool: plain(note.tool) }, name) : logger.warn({ ...fields, tool: plain(note.tool) }, name)
    case 'event_refused':
      return logger.info({ ...fields, type: plain(note.type) }, name)
    case 'upstream_error':
      return logger.warn({ ...fields, code: plain(note.code) }, name)
    case 'event_dropped':
      return logger.debug({ ...fields, why: plain(wordLabel(note.why)) }, name)
    case 'backpressure':
    case 'quota_refused':
      return logger.info(fields, name)
    case 'configured':
    case 'response_done':
    case 'lane':
      return logger.debug(fields, name)
    default:
      return note satisfies never
  }
}

/** A name that a peer chose is logged only if it looks like a name. */
function plain(name: string): string {
  return /^[A-Za-z0-9_.:-]{1,64}$/.test(name) ? name : 'other'
}
