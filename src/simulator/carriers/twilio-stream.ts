// The media socket of one simulated Twilio call: dials the relay, speaks the protocol of Media Streams, and plays what comes.
import { WebSocket } from 'ws'
import { isObject, objectAt, stringAt } from '../../core/protocol/events.js'
import type { Heard } from './heard.js'

export interface StreamSetup {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly ids: { readonly accountSid: string; readonly callSid: string; readonly streamSid: string }
  readonly parameters: Readonly<Record<string, string>>
  readonly heard: Heard
  readonly onClear: () => void
  /** The relay sent what Twilio would refuse or ignore. */
  readonly onFault: (what: string) => void
  readonly onClose: () => void
}

export interface TwilioStream {
  /** Mu-law. `atMs`: since the stream began. */
  sendAudio(frame: Buffer, atMs: number): void
  sendKey(key: string): void
  /** The call is over for the caller: says so, and closes. */
  stop(): void
  /** No closing handshake, as when a network goes away. */
  destroy(): void
}

/** How the relay answered instead of upgrading. */
export class StreamRefused extends Error {
  override readonly name = 'StreamRefused'
  constructor(readonly status: number | undefined) {
    super(status === undefined ? 'the media socket could not be reached' : `the relay refused the media socket with status ${status}`)
  }
}

const DIAL_MS = 10_000
/** Frames that wait because the relay does not read: more would be no telephone. */
const MAX_BUFFERED_BYTES = 1_048_576
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

export function openStream({ url, headers, ids, parameters, heard, onClear, onFault, onClose }: StreamSetup): Promise<TwilioStream> {
  return new Promise((resolve, reject) => {
    const { accountSid, callSid, streamSid } = ids
    let sequence = 0
    let chunk = 0
    const socket = new WebSocket(url, { headers: { ...headers }, handshakeTimeout: DIAL_MS, perMessageDeflate: false })
    const send = (event: string, rest: object) => {
      if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > MAX_BUFFERED_BYTES) return
      socket.send(JSON.stringify({ event, sequenceNumber: String(++sequence), ...rest, streamSid }), () => undefined)
    }
    socket.once('unexpected-response', (request, response) => {
      request.destroy()
      reject(new StreamRefused(response.statusCode))
    })
    socket.on('error', () => reject(new StreamRefused(undefined)))
    socket.on('message', (data, isBinary) => take(isBinary ? '' : String(data)))
    socket.once('open', () => {
      socket.on('close', onClose)
      socket.send(JSON.stringify({ event: 'connected', protocol: 'Call', version: '1.0.0' }))
      const mediaFormat = { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 }
      send('start', { start: { accountSid, streamSid, callSid, tracks: ['inbound'], mediaFormat, customParameters: parameters } })
      resolve({
        sendAudio: (frame, atMs) => send('media', { media: { track: 'inbound', chunk: String(++chunk), timestamp: String(atMs), payload: frame.toString('base64') } }),
        sendKey: (digit) => send('dtmf', { dtmf: { track: 'inbound_track', digit } }),
        stop() {
          send('stop', { stop: { accountSid, callSid } })
          socket.close(1000)
        },
        destroy: () => socket.terminate(),
      })
    })

    function take(text: string): void {
      const message = parsed(text)
      if (!isObject(message)) return onFault('no JSON object')
      if (stringAt(message, 'streamSid') !== streamSid) return onFault('another stream')
      switch (stringAt(message, 'event')) {
        case 'media': {
          const payload = stringAt(objectAt(message, 'media'), 'payload')
          if (payload === undefined || !BASE64.test(payload)) return onFault('media without base64')
          if (!heard.play(Buffer.from(payload, 'base64'))) onFault('more media than Twilio keeps')
          return
        }
        case 'mark': {
          const name = stringAt(objectAt(message, 'mark'), 'name')
          if (name === undefined) return onFault('mark without a name')
          return heard.mark(() => send('mark', { mark: { name } }))
        }
        case 'clear':
          onClear()
          return heard.clear()
        default:
          return onFault('an event that Twilio does not know')
      }
    }
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
