// Plays answers to a caller by SIP at wall time, keeps what was heard, and says when sound begins and ends.
import type { Heard } from '../carriers/heard.js'
import type { Speaker } from '../session-state.js'

interface Sound {
  readonly responseId: string
  started: boolean
  /** Cut off, or played to its end. */
  over: boolean
}

/** Cut sounds whose responses may still add to them. */
const MAX_CUT = 64

export function createSipPlayback(heard: Heard, send: (type: string, fields: { readonly response_id: string }) => void): Speaker {
  const sounds = new Map<string, Sound>()
  const cut = new Set<string>()

  /** It begins once everything before it was played. */
  const begin = (responseId: string): Sound => {
    const sound = { responseId, started: false, over: false }
    sounds.set(responseId, sound)
    heard.mark(() => {
      if (sound.over) return
      sound.started = true
      send('output_audio_buffer.started', { response_id: responseId })
    })
    return sound
  }

  return {
    play(responseId, _ms, pcm) {
      if (cut.has(responseId)) return
      if (!sounds.has(responseId)) begin(responseId)
      heard.play(pcm)
    },
    end(responseId) {
      cut.delete(responseId)
      const sound = sounds.get(responseId)
      if (!sound) return
      heard.mark(() => {
        if (sound.over) return
        sound.over = true
        sounds.delete(responseId)
        send('output_audio_buffer.stopped', { response_id: responseId })
      })
    },
    clear() {
      const playing = [...sounds.values()]
      sounds.clear()
      for (const sound of playing) {
        sound.over = true
        if (cut.size < MAX_CUT) cut.add(sound.responseId)
      }
      heard.clear()
      for (const { started, responseId } of playing) if (started) send('output_audio_buffer.cleared', { response_id: responseId })
    },
  }
}
