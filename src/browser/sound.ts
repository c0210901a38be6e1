// The page's sound: what is said, in parts or as a call's track, and what is heard.
import type { Hooks, RelayOptions } from './relay.js'
import { createSpeaker, RATE, type Speaker } from './speaker.js'
import { problemOf } from './trouble.js'
import { MICROPHONE } from './worklet.js'

export interface Sound {
  readonly speaker: Speaker
  /** Call it after a click or a key: browsers allow sound only then. */
  wake(): void
  /** The browser lets nothing sound yet. */
  isSilenced(): boolean
  /** Of a call: what is said, what plays the answers, and `wake`. */
  ends(): { readonly stream: MediaStream; readonly player: HTMLAudioElement; readonly wake: () => void } | undefined
  readonly listens: boolean
  /** Throws a `Problem`. While the microphone is being opened, the user may want no more of it. */
  listen(isWanted: () => boolean): Promise<void>
  mute(): void
  close(): void
}

export function createSound({ transport, workletUrl: url }: RelayOptions, { tell, onPart, onSpeaking, onListening }: Hooks): Sound {
  /** What is said goes out by WebRTC, not in parts. */
  const isCall = transport === 'webrtc'
  let audio: AudioContext | undefined
  let player: HTMLAudioElement | undefined
  let uplink: MediaStreamAudioDestinationNode | undefined
  /** Closes the microphone. */
  let stop: (() => void) | undefined

  function context(): AudioContext {
    // The browser resamples better than we do, but for a track only at its own rate.
    audio ??= new AudioContext(isCall ? {} : { sampleRate: RATE })
    return audio
  }

  function wake() {
    // Without a click it may never come to an end.
    context()
      .resume()
      .catch(() => undefined)
    player?.play().catch(({ name }) => name === 'NotAllowedError' && tell(problemOf('autoplay')))
  }

  /** A call can begin without a microphone: it is silent then. */
  function uplinkNode(): MediaStreamAudioDestinationNode {
    uplink ??= new MediaStreamAudioDestinationNode(context(), { channelCount: 1 })
    return uplink
  }

  /** A node whose sound comes out in parts, until it gets a message. */
  async function parts(context: AudioContext): Promise<AudioWorkletNode> {
    // One address: a scope that has the module does not run it again.
    url ??= URL.createObjectURL(new Blob([MICROPHONE], { type: 'text/javascript' }))
    await context.audioWorklet.addModule(url).catch(() => {
      throw problemOf('worklet')
    })
    const node = new AudioWorkletNode(context, 'relay', { numberOfOutputs: 0 })
    node.port.onmessage = ({ data }) => onPart(btoa(String.fromCharCode(...new Uint8Array(data.buffer))))
    return node
  }

  /** `undo` grows by what ends it, also if it throws. */
  async function connect(stream: MediaStream, undo: (() => void)[]) {
    let own: AudioContext | undefined
    let source: AudioNode
    try {
      source = context().createMediaStreamSource(stream)
    } catch {
      // Firefox refuses a context of another rate than the device's.
      own = new AudioContext()
      source = own.createMediaStreamSource(stream)
    }
    undo.push(() => {
      source.disconnect()
      own?.close()
    })
    if (isCall) return source.connect(uplinkNode())
    const node = await parts(own ?? context())
    undo.push(() => node.port.postMessage(0))
    source.connect(node)
  }

  async function listen(isWanted: () => boolean) {
    if (stop) return
    if (!navigator.mediaDevices) throw problemOf('InsecureContext')
    const wanted = { audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } }
    const stream = await navigator.mediaDevices.getUserMedia(wanted).catch(({ name }) => {
      throw problemOf(name)
    })
    const [track] = stream.getAudioTracks() as [MediaStreamTrack]
    const undo = [() => track.stop()]
    const end = () => {
      for (const act of undo) act()
    }
    try {
      if (isWanted()) await connect(stream, undo)
    } catch (error) {
      end()
      throw error
    }
    if (!isWanted()) return end()
    stop = end
    track.onended = () => {
      mute()
      tell(problemOf('device_lost'))
    }
    onListening(true)
  }

  function mute() {
    if (!stop) return
    stop()
    stop = undefined
    onListening(false)
  }

  return {
    speaker: createSpeaker(context, onSpeaking),
    wake,
    isSilenced: () => audio?.state === 'suspended',
    ends() {
      if (!isCall) return undefined
      player ??= new Audio()
      return { stream: uplinkNode().stream, player, wake }
    },
    get listens() {
      return stop !== undefined
    },
    listen,
    mute,
    close() {
      mute()
      audio?.close()
      audio = uplink = undefined
    },
  }
}
