// The media socket of one simulated ACS call: dials the relay, sends 20 ms frames at wall time, plays what comes and obeys every spelling of stop.
import { randomUUID } from 'node:crypto'
import { WebSocket } from 'ws'
import { isObject, type Json, type JsonObject } from '../../core/protocol/events.js'
import { FRAME_BYTES, FRAME_MS } from './caller-audio.js'
import { CALLER_RATE } from './carrier.js'
import type { Heard } from './heard.js'

export interface MediaSetup {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Where frames go; a second socket of the same call gets them after the first. */
  readonly heard: Heard
  /** The relay's sound is played only if the call was answered for both ways. */
  readonly bothWays: boolean
  readonly onClose: () => void
}

export interface MediaSocket {
  sendAudio(frame: Buffer): void
  sendKey(key: string): void
  close(): void
  /** No closing handshake, as when a network goes away. */
  destroy(): void
}

/** How the relay answered instead of upgrading. */
export class MediaRefused extends Error {
  override readonly name = 'MediaRefused'
  constructor(readonly status: number | undefined) {
    super(status === undefined ? 'the media socket could not be reached' : `the relay refused the media socket with status ${status}`)
  }
}

const DIAL_MS = 10_000
/** Frames that wait because the relay does not read: more would be no telephone. */
const MAX_BUFFERED_BYTES = 1_048_576
/** Further behind, frames were left out. */
const MOST_LATE_MS = 1000

export function openMedia({ url, headers, heard, bothWays, onClose }: MediaSetup): Promise<MediaSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { headers: { ...headers }, handshakeTimeout: DIAL_MS, perMessageDeflate: false })
    socket.once('unexpected-response', (request, response) => {
      request.destroy()
      reject(new MediaRefused(response.statusCode))
    })
    socket.on('error', () => reject(new MediaRefused(undefined)))
    socket.on('message', (data, isBinary) => {
      const said = isBinary ? undefined : readFrame(String(data))
      if (said === 'stop') heard.clear()
      else if (said && bothWays) heard.play(said)
    })
    socket.once('open', () => {
      socket.on('close', onClose)
      socket.send(
        JSON.stringify({ kind: 'AudioMetadata', audioMetadata: { subscriptionId: randomUUID(), encoding: 'PCM', sampleRate: CALLER_RATE, channels: 1, length: FRAME_BYTES } }),
      )
      let stamp = Date.now() - FRAME_MS
      resolve({
        sendAudio(frame) {
          if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > MAX_BUFFERED_BYTES) return
          // The stamps are of the carrier's clock, which goes on evenly, however late this program sends.
          const late = Date.now() - stamp
          stamp = late > MOST_LATE_MS ? Date.now() : stamp + FRAME_MS
          const audioData = { timestamp: new Date(stamp).toISOString(), data: frame.toString('base64'), silent: frame.every((byte) => byte === 0) }
          socket.send(JSON.stringify({ kind: 'AudioData', audioData }))
        },
        sendKey: (key) => socket.send(JSON.stringify({ kind: 'DtmfData', dtmfData: { data: key } }), () => undefined),
        close: () => socket.close(1000),
        destroy: () => socket.terminate(),
      })
    })
  })
}

/** The relay's sound, its wish to stop, or undefined for anything else. Names in any letter case, as published code writes them. */
export function readFrame(text: string): Buffer | 'stop' | undefined {
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(frame)) return undefined
  const kind = String(valueIn(frame, 'kind')).toLowerCase()
  if (kind === 'stopaudio') return 'stop'
  const data = valueIn(frame, 'audiodata')
  const audio = isObject(data) ? valueIn(data, 'data') : undefined
  return kind === 'audiodata' && typeof audio === 'string' ? Buffer.from(audio, 'base64') : undefined
}

function valueIn(object: JsonObject, name: string): Json | undefined {
  const key = Object.keys(object).find((one) => one.toLowerCase() === name)
  return key === undefined ? undefined : object[key]
}
