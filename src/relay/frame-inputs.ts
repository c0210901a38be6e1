// Turns a frame that is not on a lane into what core is told about it.
import { CLIENT_LIMITS, decodeEvent, problemText, UPSTREAM_LIMITS } from '../core/protocol/codec.js'
import type { Dialect } from '../core/protocol/dialect.js'
import type { Frame } from '../core/protocol/events.js'
import type { Input } from '../core/session/state.js'

export interface ClientFrame {
  readonly inputs: readonly Input[]
  /** Decoded length of the audio in it, in bytes; an upper bound. */
  readonly audioBytes: number
}

export function readClientFrame(frame: Frame, isBinary: boolean, dialect: Dialect): ClientFrame {
  if (isBinary) return refused('Binary messages are not supported; send JSON as text.')
  const decoded = decodeEvent(frame, CLIENT_LIMITS)
  if (!decoded.ok) return refused(problemText(decoded.problem))
  const { event_id: id, type, audio } = decoded.event
  const audioBytes = type === 'input_audio_buffer.append' && typeof audio === 'string' ? Math.floor((audio.length * 3) / 4) : 0
  const events = dialect.toGa(decoded.event)
  if (events.length > 0) return { inputs: events.map((event) => ({ type: 'client.event', event })), audioBytes }
  const causeEventId = typeof id === 'string' ? id : undefined
  return { inputs: [{ type: 'frame.refused', code: 'event_not_allowed', message: 'This event has no counterpart here.', causeEventId }], audioBytes }
}

/** `sameDialect`: the client reads the upstream's own bytes, so the event that stands for the whole frame carries them. A word: why there is nothing in it. */
export function readUpstreamFrame(frame: Frame, isBinary: boolean, dialect: Dialect, sameDialect: boolean): readonly Input[] | 'not_an_event' | 'no_counterpart' {
  const decoded = isBinary ? undefined : decodeEvent(frame, UPSTREAM_LIMITS)
  if (!decoded?.ok) return 'not_an_event'
  const events = dialect.toGa(decoded.event)
  if (events.length === 0) return 'no_counterpart'
  const owner = events.find((event) => event.type === decoded.event.type) ?? events[0]
  return events.map((event) => ({ type: 'upstream.event', event, frame: event === owner && sameDialect ? frame : undefined }))
}

function refused(message: string): ClientFrame {
  return { inputs: [{ type: 'frame.refused', code: 'bad_event', message }], audioBytes: 0 }
}
