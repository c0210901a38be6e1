// Turns the relay's notes into log lines: sessions, refusals and failures, never what was said.
import type { FastifyBaseLogger } from 'fastify'
import type { Note, Recorder } from '../ports/notes.js'
import { wordLabel } from './labels.js'

/** Notes of every response and turn, logged as `debug` alone: without it not even their fields are gathered. */
const TRACED: ReadonlySet<Note['type']> = new Set([
  ...(['fields_locked', 'response_started', 'first_audio', 'response_done', 'event_dropped', 'configured', 'lane', 'tool_started'] as const),
  ...(['answer_begun', 'transcribed', 'barge_in', 'audio_ahead', 'audio_starved', 'audio_jitter', 'turn_ended', 'overhead', 'guard_checked'] as const),
])

type SessionLogger = Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn' | 'level'>

/** Logs each note with the session's id. Never throws. A child logger would take 1 KB per session. */
export function createLogRecorder(logger: SessionLogger, sessionId: string): Recorder {
  const traces = logger.level === 'debug' || logger.level === 'trace'
  return {
    note(note) {
      if (traces || !TRACED.has(note.type)) logNote(logger, sessionId, note)
    },
  }
}

/** Passes each note to all recorders, in order. What was said goes to the one alone that was asked to hold it. */
export function joinRecorders(...all: readonly Recorder[]): Recorder {
  const traceparent = all.find((recorder) => recorder.traceparent)?.traceparent
  const content = all.find((recorder) => recorder.content)?.content
  const record = all.find((recorder) => recorder.record)?.record
  const sound = all.find((recorder) => recorder.sound)?.sound
  return {
    note(note) {
      for (const recorder of all) recorder.note(note)
    },
    ...(traceparent && { traceparent }),
    ...(content && { content }),
    ...(record && { record }),
    ...(sound && { sound }),
  }
}

function logNote(logger: SessionLogger, sessionId: string, note: Note): void {
  const { type: name, ...said } = note
  const fields = { sessionId, ...said }
  switch (note.type) {
    // The ingress logs these itself, with the client's address.
    case 'connection_dropped':
    case 'upgrade_refused':
    // For spans: the log has what becomes of them.
    case 'speech_started':
    case 'speech_stopped':
    case 'upstream_session':
    case 'dial_started':
    case 'dial_finished':
      return
    case 'session_opened':
    case 'session_closed':
      return logger.info(fields, name)
    case 'tool_started':
      return logger.debug({ sessionId, callId: plain(note.callId), tool: plain(note.tool) }, name)
    case 'tool_finished':
      return note.outcome === 'ok'
        ? logger.debug({ ...fields, callId: plain(note.callId), tool: plain(note.tool) }, name)
        : logger.warn({ ...fields, callId: plain(note.callId), tool: plain(note.tool) }, name)
    case 'event_refused':
      return logger.info({ sessionId, type: plain(note.eventType), code: note.code }, name)
    case 'upstream_error':
      return logger.warn({ ...fields, code: plain(note.code) }, name)
    case 'event_dropped':
      return logger.debug({ ...fields, why: plain(wordLabel(note.why)) }, name)
    case 'backpressure':
    case 'token_refreshed':
    case 'recording':
    case 'quota_refused':
    case 'client_gone':
    case 'client_back':
    case 'client_not_back':
    case 'session_moved':
    case 'restored':
    case 'drifted':
    case 'item_not_replayed':
      return logger.info(fields, name)
    case 'foreign_event':
      return note.mode === 'media-only' ? logger.warn(fields, name) : logger.info(fields, name)
    case 'guard_tripped':
    case 'guard_failed':
    case 'upstream_lost':
    case 'restore_failed':
    case 'rollover_failed':
      return logger.warn(fields, name)
    case 'response_started':
      return logger.debug({ sessionId, responseId: plain(note.responseId) }, name)
    case 'first_audio':
      return logger.debug({ ...fields, responseId: plain(note.responseId) }, name)
    // Of the usage only metrics and the store know what is a number.
    case 'response_done':
      return logger.debug({ sessionId, responseId: plain(note.responseId), model: note.model === undefined ? undefined : plain(note.model), status: note.status }, name)
    case 'guard_checked':
    case 'configured':
    case 'fields_locked':
    case 'lane':
    case 'answer_begun':
    case 'transcribed':
    case 'barge_in':
    case 'audio_ahead':
    case 'audio_starved':
    case 'audio_jitter':
    case 'turn_ended':
    case 'overhead':
      return logger.debug(fields, name)
    default:
      return note satisfies never
  }
}

/** A name that a peer chose is logged only if it looks like a name. */
function plain(name: string): string {
  return /^[A-Za-z0-9_.:-]{1,64}$/.test(name) ? name : 'other'
}
