// Turns a frame that is not on a lane into what core is told about it.
import { problemText } from '../core/protocol/codec.js'
import type { Frame } from '../core/protocol/events.js'
import type { NoReading, Reading } from '../core/protocol/wire.js'
import type { Input } from '../core/session/inputs.js'

export function clientInputs(reading: Reading | NoReading): readonly Input[] {
  return reading.ok ? reading.events.map((event) => ({ type: 'client.event', event })) : [refused(reading)]
}

function refused({ problem, eventId: causeEventId }: NoReading): Input {
  if (problem === 'no_counterpart') return { type: 'frame.refused', code: 'event_not_allowed', message: 'This event has no counterpart here.', causeEventId }
  const message = problem === 'binary' ? 'Binary messages are not supported; send JSON as text.' : problemText(problem)
  return { type: 'frame.refused', code: 'bad_event', message }
}

/** `passes`: the client reads the upstream's own bytes, so the event that stands for the whole frame carries them. */
export function upstreamInputs({ events, whole }: Reading, leg: number, frame: Frame, passes: boolean): readonly Input[] {
  return events.map((event) => ({ type: 'upstream.event', leg, event, frame: passes && event === whole ? frame : undefined }))
}
