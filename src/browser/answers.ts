// Which answers sound, and what becomes of one that is cut: nothing more of it is played, and the model is told what was heard.
import type { ClientEvent, ServerEvent } from '../events/events.js'
import type { Sound } from './sound.js'
import { type Problem, problemOf } from './trouble.js'

/** Of events that the kit makes: an error about one is no news for the user. */
export const OWN_ID = 'kit'
/** A click's sound may take so long to begin. */
const SILENT_MS = 1000

export interface AnswersOptions {
  readonly isCall: boolean
  /** Speech alone interrupts nothing: the relay says when. */
  readonly byRelay: boolean
  readonly sound: Sound
  readonly send: (event: ClientEvent) => void
  readonly onSpeaking: (speaks: boolean) => void
  readonly onProblem: (problem: Problem) => void
}

export interface Answers {
  heard(event: ServerEvent): void
  interrupt(): void
  /** Its end may be among what was missed. */
  missed(): void
  /** What comes next begins without an answer under way. */
  forget(): void
}

export function createAnswers({ isCall, byRelay, sound, send, onSpeaking, onProblem }: AnswersOptions): Answers {
  /** Responses under way, and those of them that are not to be heard any more. */
  const going = new Set<string>()
  const cutOff = new Set<string>()
  /** Told once a session. */
  const told = new Set<string>()
  let interrupts = true
  /** A call's answer sounds. */
  let plays = false

  function tell(code: string) {
    if (!told.has(code)) onProblem(problemOf(code))
    told.add(code)
  }

  function cut(tellModel: boolean) {
    for (const id of going) cutOff.add(id)
    for (const { itemId, contentIndex, heardMs } of sound.cut())
      if (tellModel) send({ type: 'conversation.item.truncate', event_id: OWN_ID, item_id: itemId, content_index: contentIndex, audio_end_ms: heardMs })
  }

  function play(id: string, itemId: string, contentIndex: number, base64: string) {
    if (cutOff.has(id)) return
    going.add(id)
    if (!sound.play(itemId, contentIndex, base64)) tell('sound')
    if (sound.isSilenced()) setTimeout(() => sound.isSilenced() && tell('autoplay'), SILENT_MS)
  }

  function heard(event: ServerEvent) {
    switch (event.type) {
      case 'session.created':
      case 'session.updated':
        interrupts = !('audio' in event.session) || event.session.audio?.input?.turn_detection?.interrupt_response !== false
        break
      case 'response.created':
        going.add(event.response.id)
        break
      case 'response.output_audio.delta':
        play(event.response_id, event.item_id, event.content_index, event.delta)
        break
      case 'response.output_audio.done':
        sound.done(event.item_id)
        break
      case 'response.done':
        going.delete(event.response.id)
        cutOff.delete(event.response.id)
        break
      case 'input_audio_buffer.speech_started':
        // In a call the model's side cuts its own sound, and knows how much was heard.
        if (interrupts && !byRelay) cut(true)
        break
      case 'relay.interrupted':
        cut(false)
        break
      case 'relay.blocked':
        // Sound comes faster than it is heard: what is here must not be played on.
        if (event.side === 'input' || event.side === 'output') cut(false)
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
    sound.done()
  }

  return {
    heard,
    interrupt() {
      if (going.size > 0) send({ type: 'response.cancel', event_id: OWN_ID })
      cut(true)
      if (isCall && plays) send({ type: 'output_audio_buffer.clear', event_id: OWN_ID })
    },
    missed,
    forget() {
      cut(false)
      missed()
      cutOff.clear()
      told.clear()
      interrupts = true
      plays = false
      onSpeaking(false)
    },
  }
}
