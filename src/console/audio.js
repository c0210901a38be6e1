// Microphone input and speaker output, both as 24 kHz PCM16, as the Realtime API requires.
const RATE = 24000

/** What is said goes into `node`. Rejects as `getUserMedia` does, or with an error named `InsecureContext`. */
export async function openMicrophone(context, node) {
  if (!navigator.mediaDevices) throw Object.assign(new Error('no microphone here'), { name: 'InsecureContext' })
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } })
  const source = context.createMediaStreamSource(stream)
  source.connect(node)
  return {
    close() {
      source.disconnect()
      for (const track of stream.getTracks()) track.stop()
    },
  }
}

/** A node whose sound comes out in parts of 100 ms, as base64. */
export async function partsOf(context, onAudio) {
  await context.audioWorklet.addModule(new URL('microphone-worklet.js', import.meta.url))
  const worklet = new AudioWorkletNode(context, 'microphone', { numberOfOutputs: 0 })
  worklet.port.onmessage = ({ data }) => onAudio(toBase64(new Uint8Array(data)))
  return worklet
}

/** A node whose sound goes out by WebRTC. It is silent while no microphone is open, so that a call can begin without one, and turns end. */
export function uplinkOf(context) {
  return new MediaStreamAudioDestinationNode(context, { channelCount: 1 })
}

export function newAudioContext() {
  return new AudioContext({ sampleRate: RATE })
}

/** Plays deltas one after another and knows how much of the current item has been heard. */
export function speaker(context) {
  const playing = new Set()
  let next = 0
  let itemId
  let itemStart = 0
  /** Silence inside the item because deltas came too late. */
  let gap = 0
  return {
    play(id, base64) {
      const bytes = fromBase64(base64)
      const samples = new Int16Array(bytes.buffer, 0, bytes.length >> 1)
      if (samples.length === 0) return
      const buffer = context.createBuffer(1, samples.length, RATE)
      const channel = buffer.getChannelData(0)
      for (let i = 0; i < samples.length; i++) channel[i] = samples[i] / 0x8000
      const source = context.createBufferSource()
      source.buffer = buffer
      source.connect(context.destination)
      const start = Math.max(next, context.currentTime)
      if (id !== itemId) {
        itemId = id
        itemStart = start
        gap = 0
      } else gap += start - next
      source.start(start)
      next = start + buffer.duration
      playing.add(source)
      source.onended = () => playing.delete(source)
    },
    /** Stops at once. Returns how much was heard of the item that was playing, or undefined if none was. */
    stop() {
      if (playing.size === 0) return undefined
      for (const source of playing) source.stop()
      playing.clear()
      next = 0
      return { itemId, heardMs: Math.max(0, Math.floor((context.currentTime - itemStart - gap) * 1000)) }
    },
  }
}

function toBase64(bytes) {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

function fromBase64(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}
