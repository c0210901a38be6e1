// The page's sound: what is said, in parts or as a call's track, and what is heard.
import { createSpeaker, RATE, type Speaker } from './speaker.js'
import { problemOf } from './trouble.js'
import { MICROPHONE } from './worklet.js'

export interface SoundOptions {
  /** What is said goes out by WebRTC, not in parts. */
  readonly isCall: boolean
  /** Of the file `microphone-worklet.js`, if the page's policy forbids Blob URLs. */
  readonly workletUrl: string | undefined
  /** 50 ms of what is said, as base64. */
  readonly onPart: (base64: string) => void
  readonly onSpeaking: (speaks: boolean) => void
  readonly onListening: (listens: boolean) => void
  /** The device is gone while it was in use. */
  readonly onLost: () => void
}

export interface Sound {
  /** Call it after a click or a key: browsers allow sound only then. */
  wake(): void
  play: Speaker['play']
  done: Speaker['done']
  cut: Speaker['cut']
  /** The browser lets nothing sound yet. */
  isSilenced(): boolean
  /** For a call: what is said, and what plays the answers. */
  ends(): { readonly stream: MediaStream; readonly player: HTMLAudioElement }
  readonly listens: boolean
  /** Throws a `Problem`. */
  listen(): Promise<void>
  mute(): void
  close(): void
}

interface Microphone {
  close(): void
}

export function createSound({ isCall, workletUrl, onPart, onSpeaking, onListening, onLost }: SoundOptions): Sound {
  let audio: AudioContext | undefined
  let speaker: Speaker | undefined
  let player: HTMLAudioElement | undefined
  let uplink: MediaStreamAudioDestinationNode | undefined
  let microphone: Microphone | undefined
  /** Counts what was asked of the microphone: while it is being opened, the user may want no more of it. */
  let asked = 0

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
  }

  function play(itemId: string, contentIndex: number, base64: string): boolean {
    wake()
    speaker ??= createSpeaker(context(), onSpeaking)
    return speaker.play(itemId, contentIndex, base64)
  }

  /** A call can begin without a microphone: it is silent then. */
  function uplinkNode(): MediaStreamAudioDestinationNode {
    uplink ??= new MediaStreamAudioDestinationNode(context(), { channelCount: 1 })
    return uplink
  }

  async function connect(stream: MediaStream): Promise<() => void> {
    let own: AudioContext | undefined
    let source: MediaStreamAudioSourceNode
    try {
      source = context().createMediaStreamSource(stream)
    } catch {
      // Firefox refuses a context of another rate than the device's.
      own = new AudioContext()
      source = own.createMediaStreamSource(stream)
    }
    source.connect(isCall ? uplinkNode() : await parts(own ?? context()))
    return () => {
      source.disconnect()
      own?.close()
    }
  }

  async function parts(context: AudioContext): Promise<AudioNode> {
    const url = workletUrl ?? URL.createObjectURL(new Blob([MICROPHONE], { type: 'text/javascript' }))
    await context.audioWorklet.addModule(url).catch(() => {
      throw problemOf('worklet')
    })
    const node = new AudioWorkletNode(context, 'relay-microphone', { numberOfOutputs: 0 })
    node.port.onmessage = ({ data }) => onPart(btoa(String.fromCharCode(...new Uint8Array(data.buffer))))
    return node
  }

  function mute() {
    asked++
    if (!microphone) return
    microphone.close()
    microphone = undefined
    onListening(false)
  }

  return {
    wake,
    play,
    done: (itemId) => speaker?.done(itemId),
    cut: () => speaker?.cut() ?? [],
    isSilenced: () => context().state !== 'running',
    ends() {
      player ??= new Audio()
      return { stream: uplinkNode().stream, player }
    },
    get listens() {
      return microphone !== undefined
    },
    async listen() {
      if (microphone) return
      const mine = ++asked
      if (!navigator.mediaDevices) throw problemOf('InsecureContext')
      const wanted = { audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } }
      const stream = await navigator.mediaDevices.getUserMedia(wanted).catch(({ name }) => {
        throw problemOf(name)
      })
      const tracks = stream.getTracks()
      const stop = () => tracks.forEach((track) => void track.stop())
      try {
        const disconnect = await connect(stream)
        const opened = {
          close() {
            disconnect()
            stop()
          },
        }
        if (mine !== asked) return opened.close()
        microphone = opened
        onListening(true)
        for (const track of tracks)
          track.onended = () => {
            mute()
            onLost()
          }
      } catch (error) {
        stop()
        throw error
      }
    },
    mute,
    close() {
      mute()
      speaker?.cut()
      audio?.close()
      audio = speaker = uplink = undefined
    },
  }
}
