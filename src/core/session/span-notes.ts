// Notes that only spans need: when the user speaks, and what an upstream calls its session.
import { type JsonObject, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { note, type Step } from './state.js'

export function noteSpeech(step: Step, { type }: RealtimeEvent): void {
  if (type === 'input_audio_buffer.speech_started') note(step, { type: 'speech_started' })
  else if (type === 'input_audio_buffer.speech_stopped') note(step, { type: 'speech_stopped' })
}

/** Said again whenever a session is confirmed: the same id then. */
export function noteUpstreamSession(step: Step, session: JsonObject | undefined): void {
  const sessionId = stringAt(session, 'id')
  if (sessionId !== undefined) note(step, { type: 'upstream_session', sessionId, model: stringAt(session, 'model') })
}
