// Takes a client's word on whether it may be recorded, and tells an opted-in client what is kept of it.
import { type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { overRate, refuse } from '../refuse.js'
import { note, publicEventId, type Step } from '../state.js'
import type { Recording } from './state.js'

const TYPE = 'relay.recording.consent'

/** Only for sessions that asked for the relay's own events. Withdrawal ends what is kept from here on, whatever the consent rested on. */
export function consentSaid(step: Step, event: RealtimeEvent): void {
  const eventId = stringAt(event, 'event_id')
  const { granted } = event
  if (typeof granted !== 'boolean') {
    refuse(step, { code: 'bad_event', param: 'granted', message: "'granted' must be true or false." }, eventId, TYPE)
    return
  }
  const { recording } = step.state
  if (recording === 'off') {
    refuse(step, { code: 'event_not_allowed', param: 'type', message: 'Nothing of this session is recorded.' }, eventId, TYPE)
    return
  }
  const tooMuch = overRate(step, TYPE)
  if (tooMuch && granted) {
    refuse(step, tooMuch, eventId, TYPE)
    return
  }
  const next = after(recording, granted)
  if (next !== recording) {
    step.set({ recording: next })
    note(step, { type: 'recording', state: next, keeps: keepsOf(step.state) })
  }
  tellRecording(step)
}

function after(recording: Recording, granted: boolean): Recording {
  if (granted) return 'on'
  return recording === 'on' ? 'stopped' : recording
}

/** As soon as the session is live, and at every change. */
export function tellRecording(step: Step): void {
  const { recording, profile } = step.state
  if (recording === 'off' || !profile.relayEvents) return
  const event = { type: 'relay.recording', event_id: publicEventId(step), state: recording, keeps: keepsOf(step.state), remains: recording === 'stopped' }
  step.actions.push({ type: 'send', to: 'client', event })
}

/** The sound of a call by WebRTC or SIP goes past the relay. */
function keepsOf({ call, profile }: Step['state']): 'transcript' | 'audio' {
  return call ? 'transcript' : (profile.record?.keeps ?? 'transcript')
}
