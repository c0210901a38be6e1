// The page's sound, whichever way it goes: by WebSocket in parts, or by WebRTC as a track. Silent until a click allows it.
import { newAudioContext, openMicrophone, partsOf, speaker, uplinkOf } from './audio.js'

/** `onPart` gets what is said as base64, unless it goes by WebRTC. */
export function soundOf(onPart) {
  /** Plays the answers of calls. */
  const player = new Audio()
  let audio, voice, uplink, microphone
  /** Counts what was asked of the microphone: while it is being opened, the user may want no more of it. */
  let asked = 0
  return {
    /** Call it after a click or a key: browsers allow sound only then. */
    start() {
      audio ??= newAudioContext()
      voice ??= speaker(audio)
      uplink ??= uplinkOf(audio)
      return audio.resume()
    },
    /** For a call: what it hears, and what plays its answers. */
    ends: () => ({ stream: uplink.stream, player }),
    play: (itemId, base64) => voice?.play(itemId, base64),
    /** Of an answer that came in parts: how much was heard, if one was playing. */
    cut: () => voice?.stop(),
    get listens() {
      return microphone !== undefined
    },
    async listen(isCall) {
      const mine = ++asked
      const opened = await openMicrophone(audio, isCall ? uplink : await partsOf(audio, onPart))
      if (mine === asked) microphone = opened
      else opened.close()
    },
    stopListening() {
      asked++
      microphone?.close()
      microphone = undefined
    },
  }
}
