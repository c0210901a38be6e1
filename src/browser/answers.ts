// Which answers sound, and what becomes of one that is cut: nothing more of it is played, and the model is told what was heard.
import type { ServerEvent, Session } from '../events/events.js'
import type { Hooks, RelayOptions } from './relay.js'
import type { Sound } from './sound.js'
import { problemOf } from './trouble.js'

/** Of events that the kit makes: an error about one is no news for the user. */
export const OWN_ID = 'kit'
/** A click’s sound may take so long to begin: Firefox says `suspended` until the device runs. */
const SILENT_MS = 2000

export interface Answers {
  heard(event: ServerEvent): void
  interrupt(): void
  /** The end of an answer may be among what was missed. */
  missed(): void
  /** What comes next begins without an answer under way. */
  forget(): void
}

export function createAnswers({ interruptedBy }: RelayOptions, { send, tell, onSpeaking }: Hooks, sound: Sound): Answers {
  /** Responses under way, and those of them that are not to be heard any more. */
  const going = new Set<string>()
  const cutOff = new Set<string>()
  let interrupts = true
  /** A call's answer sounds. */
  let plays = false
  let warned = false

  function cut(tellModel = false) {
    for (const id of going) cutOff.add(id)
    for (const { item, content, ms } of sound.speaker.cut())
      if (tellModel) send({ type: 'conversation.item.truncate', event_id: OWN_ID, item_id: item, content_index: content, audio_end_ms: ms })
  }

  function warn() {
    if (warned || !sound.isSilenced()) return
    warned = true
    tell(problemOf('autoplay'))
  }

  function heard(event: ServerEvent) {
    switch (event.type) {
      case 'session.created':
      case 'session.updated':
        interrupts = (event.session as Session).audio?.input?.turn_detection?.interrupt_response !== false
        break
      case 'response.created':
        going.add(event.response.id)
        break
      case 'response.output_audio.delta': {
        const { response_id: id } = event
        if (cutOff.has(id)) break
        going.add(id)
        sound.wake()
        if (sound.isSilenced()) setTimeout(warn, SILENT_MS)
        if (sound.speaker.play(event.item_id, event.content_index, event.delta)) break
        cutOff.add(id)
        tell(problemOf('sound'))
        break
      }
      case 'response.output_audio.done':
        sound.speaker.done(event.item_id)
        break
      case 'response.done':
        going.delete(event.response.id)
        cutOff.delete(event.response.id)
        break
      case 'input_audio_buffer.speech_started':
        // In a call the model's side cuts its own sound, and knows how much was heard.
        if (interrupts && interruptedBy !== 'relay') cut(true)
        break
      case 'relay.interrupted':
        cut()
        break
      case 'relay.blocked':
        // Sound comes faster than it is heard: what is here must not be played on.
        if (!event.side.startsWith('tool')) cut()
        break
      case 'output_audio_buffer.started':
      case 'output_audio_buffer.stopped':
      case 'output_audio_buffer.cleared':
        plays = event.type === 'output_audio_buffer.started'
        onSpeaking(plays)
        break
    }
  }

  function missed() {
    going.clear()
    sound.speaker.done()
    if (plays) onSpeaking(false)
    plays = false
  }

  return {
    heard,
    interrupt() {
      if (going.size > 0) send({ type: 'response.cancel', event_id: OWN_ID })
      cut(true)
      if (plays) send({ type: 'output_audio_buffer.clear', event_id: OWN_ID })
    },
    missed,
    forget() {
      cut()
      going.clear()
      cutOff.clear()
      plays = warned = false
      onSpeaking(false)
    },
  }
}
