// Tells core what is wrong with a client's frame.
import { problemText } from '../core/protocol/codec.js'
import type { NoReading } from '../core/protocol/wire.js'
import type { Input } from '../core/session/inputs.js'

export function frameRefused({ problem, eventId: causeEventId }: NoReading): Input {
  if (problem === 'no_counterpart') return { type: 'frame.refused', code: 'event_not_allowed', message: 'This event has no counterpart here.', causeEventId }
  const message = problem === 'binary' ? 'Binary messages are not supported; send JSON as text.' : problemText(problem)
  return { type: 'frame.refused', code: 'bad_event', message }
}
