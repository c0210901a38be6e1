// Plays the parts of answers one after another, and knows to the sample how much of each was heard.

/** Of the sound that the Realtime API speaks: PCM16, mono. */
export const RATE = 24_000
/** So much sound may wait to be played: a longest answer has less. */
const MOST_QUEUED_S = 600
/** A run of sound begins so much later than now, so that it begins exactly when it should, and late parts still join it. */
const LEAD_S = 0.02

/** How much was heard of an item's part that was cut. */
export interface Cut {
  readonly item: string
  readonly content: number
  readonly ms: number
}

interface Part {
  readonly item: string
  readonly content: number
  /** When each piece begins, by the context's clock, and how many samples it has. */
  readonly pieces: { source?: AudioBufferSourceNode; readonly start: number; readonly samples: number }[]
  /** Pieces that have not ended. */
  left: number
  /** Nothing of it is to come. */
  isDone: boolean
}

export interface Speaker {
  /** False: too much waits already, and this is not played. */
  play(item: string, content: number, base64: string): boolean
  /** Nothing of this item comes any more; without an item, of none. */
  done(item?: string): void
  /** Stops at once. What was not heard to its end, in the order in which it was to be heard. */
  cut(): readonly Cut[]
}

/** `onSpeaking` hears when an answer begins to sound, and when it has ended: a pause because sound comes late is no end. */
export function createSpeaker(context: () => BaseAudioContext, onSpeaking: (speaks: boolean) => void): Speaker {
  let parts: Part[] = []
  let next = 0

  function settle() {
    const had = parts.length
    parts = parts.filter(({ isDone, left }) => !isDone || left > 0)
    if (had > parts.length && parts.length === 0) onSpeaking(false)
  }

  function partOf(item: string, content: number): Part {
    const last = parts.at(-1)
    if (last?.item === item && last.content === content) return last
    // Parts come one after another: none goes on behind the next.
    if (last) last.isDone = true
    const part = { item, content, pieces: [], left: 0, isDone: false }
    if (parts.push(part) === 1) onSpeaking(true)
    return part
  }

  return {
    play(item, content, base64) {
      const pcm = pcmOf(base64)
      const samples = pcm.length
      const at = context()
      if (samples === 0) return true
      if (next - at.currentTime > MOST_QUEUED_S) return false
      const part = partOf(item, content)
      const buffer = new AudioBuffer({ length: samples, sampleRate: RATE })
      buffer.copyToChannel(
        Float32Array.from(pcm, (sample) => sample / 32768),
        0,
      )
      const source = new AudioBufferSourceNode(at, { buffer })
      const start = next > at.currentTime ? next : at.currentTime + LEAD_S
      source.connect(at.destination)
      source.start(start)
      next = start + samples / RATE
      const piece: Part['pieces'][number] = { source, start, samples }
      part.pieces.push(piece)
      part.left++
      source.onended = () => {
        delete piece.source
        part.left--
        settle()
      }
      return true
    },
    done(item = parts.at(-1)?.item) {
      for (const part of parts) if (part.item === item) part.isDone = true
      settle()
    },
    cut() {
      const cuts: Cut[] = []
      for (const { item, content, pieces, isDone } of parts) {
        let [heard, received] = [0, 0]
        for (const { source, start, samples } of pieces) {
          source?.stop()
          received += samples
          heard += Math.min(Math.max(0, Math.round((context().currentTime - start) * RATE)), samples)
        }
        if (heard < received || !isDone) cuts.push({ item, content, ms: Math.floor(heard / (RATE / 1000)) })
      }
      if (parts.length > 0) onSpeaking(false)
      parts = []
      next = 0
      return cuts
    },
  }
}

function pcmOf(base64: string): Int16Array {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1)
}
