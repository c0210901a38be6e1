// Plays the parts of answers one after another, and knows to the sample how much of each was heard.

/** Of the sound that the Realtime API speaks: PCM16, mono. */
export const RATE = 24_000
/** So much sound may wait to be played: a longest answer has less. */
const MOST_QUEUED_S = 600
/** A run of sound begins so much later than now, so that it begins exactly when it should, and late parts still join it. */
const LEAD_S = 0.02

/** How much was heard of an item's part that was cut. */
export interface Cut {
  readonly itemId: string
  readonly contentIndex: number
  readonly heardMs: number
}

interface Part {
  readonly itemId: string
  readonly contentIndex: number
  /** Of what was played to its end, in samples. */
  heard: number
  /** In samples. */
  received: number
  readonly playing: Map<AudioBufferSourceNode, number>
  /** Nothing of it is to come. */
  isDone: boolean
}

export interface Speaker {
  /** False: too much waits already, and this is not played. */
  play(itemId: string, contentIndex: number, base64: string): boolean
  /** Nothing of this item comes any more; without an item, of none. */
  done(itemId?: string): void
  /** Stops at once. What was not heard to its end, in the order in which it was to be heard. */
  cut(): readonly Cut[]
}

/** `onSpeaking` hears when an answer begins to sound, and when it has ended: a pause because sound comes late is no end. */
export function createSpeaker(context: BaseAudioContext, onSpeaking: (speaks: boolean) => void): Speaker {
  const parts = new Map<string, Part>()
  let next = 0

  function settle() {
    for (const [key, part] of parts) if (part.isDone && part.playing.size === 0 && parts.delete(key) && parts.size === 0) onSpeaking(false)
  }

  function partOf(itemId: string, contentIndex: number): Part {
    const key = `${itemId} ${contentIndex}`
    const known = parts.get(key)
    if (known) return known
    // Parts come one after another: none goes on behind the next.
    for (const part of parts.values()) part.isDone = true
    const part = { itemId, contentIndex, heard: 0, received: 0, playing: new Map(), isDone: false }
    if (parts.size === 0) onSpeaking(true)
    parts.set(key, part)
    settle()
    return part
  }

  return {
    play(itemId, contentIndex, base64) {
      const samples = pcmOf(base64)
      if (samples.length === 0) return true
      if (next - context.currentTime > MOST_QUEUED_S) return false
      const part = partOf(itemId, contentIndex)
      const source = new AudioBufferSourceNode(context, { buffer: new AudioBuffer({ length: samples.length, sampleRate: RATE }) })
      source.buffer?.copyToChannel(
        Float32Array.from(samples, (sample) => sample / 32768),
        0,
      )
      source.connect(context.destination)
      const start = next > context.currentTime ? next : context.currentTime + LEAD_S
      source.start(start)
      next = start + samples.length / RATE
      part.received += samples.length
      part.playing.set(source, start)
      source.onended = () => {
        if (!part.playing.delete(source)) return
        part.heard += samples.length
        settle()
      }
      return true
    },
    done(itemId) {
      for (const part of parts.values()) if (itemId === undefined || part.itemId === itemId) part.isDone = true
      settle()
    },
    cut() {
      const cuts: Cut[] = []
      for (const { itemId, contentIndex, heard, received, playing, isDone } of parts.values()) {
        let samples = heard
        for (const [source, start] of playing) {
          source.stop()
          samples += Math.min(Math.max(0, Math.round((context.currentTime - start) * RATE)), source.buffer?.length ?? 0)
        }
        playing.clear()
        if (samples < received || !isDone) cuts.push({ itemId, contentIndex, heardMs: Math.floor((samples * 1000) / RATE) })
      }
      if (parts.size > 0) onSpeaking(false)
      parts.clear()
      next = 0
      return cuts
    },
  }
}

function pcmOf(base64: string): Int16Array {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1)
}
