// Callers of `npm run bench:phone`: each carrier's frames over a socket of its own, without its playback.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { type AcsOptions, createAcs } from '../../src/simulator/carriers/acs.js'
import { createTwilio } from '../../src/simulator/carriers/twilio.js'

export interface BenchCarrier {
  /** Of 20 ms. */
  readonly frameBytes: number
  /** What the relay must have for it. */
  readonly env: Readonly<Record<string, string>>
  /** Places a call. Resolves to what sends one frame of base64. */
  ring(n: number, heard: (audio: string) => void): Promise<(audio: string) => void>
  close(): Promise<void>
}

export const CARRIERS = { twilio: startTwilio, acs: startAcs } as const

const FRAME_MS = 20
const ACCOUNT = 'AC0123456789abcdef0123456789abcdef'
const CALLED = '+4930555000'
const callerOf = (n: number) => `+49155${String(n).padStart(7, '0')}`

/** The text between this mark and the next quote. */
export function textAfter(text: string, mark: string): string | undefined {
  const at = text.indexOf(mark)
  return at < 0 ? undefined : text.slice(at + mark.length, text.indexOf('"', at + mark.length))
}

/** `url`: of the relay, known once it listens. */
async function startTwilio(url: () => string): Promise<BenchCarrier> {
  const authToken = '0123456789abcdef0123456789abcdef'
  return {
    frameBytes: 160,
    env: { TWILIO_AUTH_TOKEN: authToken },
    async ring(n, heard) {
      const twilio = createTwilio({ relayUrl: url(), authToken, accountSid: ACCOUNT })
      const form = twilio.form({ from: callerOf(n), to: CALLED })
      const { status, text } = await twilio.post('/telephony/twilio/voice', form)
      const ticket = textAfter(text, 'name="ticket" value="')
      if (status !== 200 || ticket === undefined) throw new Error(`not answered: ${status} ${text}`)
      const media = `${url().replace('http', 'ws')}/telephony/twilio/media`
      const socket = new WebSocket(media, { headers: { 'x-twilio-signature': twilio.sign(media) }, perMessageDeflate: false })
      await once(socket, 'open')
      const streamSid = `MZ${String(n).padStart(32, '0')}`
      socket.send(JSON.stringify({ event: 'connected', protocol: 'Call', version: '1.0.0' }))
      const start = { streamSid, accountSid: ACCOUNT, callSid: form.CallSid, tracks: ['inbound'], mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 } }
      socket.send(JSON.stringify({ event: 'start', sequenceNumber: '1', start: { ...start, customParameters: { ticket } }, streamSid }))
      socket.on('message', (data) => {
        const text = String(data)
        const mark = text.includes('"mark"') ? textAfter(text, '"name":"') : undefined
        // A mark is returned at once, as if nothing had to be played before it.
        if (mark !== undefined) return socket.send(JSON.stringify({ event: 'mark', streamSid, mark: { name: mark } }))
        const audio = textAfter(text, '"payload":"')
        if (audio !== undefined) heard(audio)
      })
      let chunk = 0
      return (payload) => {
        const timestamp = String(chunk * FRAME_MS)
        socket.send(JSON.stringify({ event: 'media', sequenceNumber: String(++chunk + 1), media: { track: 'inbound', chunk: String(chunk), timestamp, payload }, streamSid }))
      }
    },
    close: async () => undefined,
  }
}

async function startAcs(url: () => string): Promise<BenchCarrier> {
  const own = { resourceId: randomUUID(), accessKey: Buffer.alloc(32, 3).toString('base64'), secret: 'secret-of-the-event-grid', dials: false, keep: false }
  const acs = await createAcs(Object.defineProperty(own, 'relayUrl', { get: url, enumerable: true }) as typeof own & AcsOptions)
  return {
    frameBytes: 960,
    env: {
      ACS_CONNECTION_STRING: `endpoint=${acs.endpoint}/;accesskey=${own.accessKey}`,
      ...{ ACS_RESOURCE_ID: own.resourceId, ACS_EVENT_GRID_SECRET: own.secret, ACS_ISSUER: acs.issuer, ACS_KEYS_URL: acs.keysUrl },
    },
    async ring(n, heard) {
      const call = await acs.ring({ from: callerOf(n), to: CALLED })
      while (!call.addresses) await new Promise((resolve) => setTimeout(resolve, 5))
      const headers = { authorization: `Bearer ${acs.tokens.token()}`, 'x-ms-call-connection-id': call.names.connectionId }
      const media = url().replace('http', 'ws') + new URL(call.addresses.transportUrl).pathname
      const socket = new WebSocket(media, { headers, perMessageDeflate: false })
      await once(socket, 'open')
      const audioMetadata = { subscriptionId: randomUUID(), encoding: 'PCM', sampleRate: 24_000, channels: 1, length: 960 }
      socket.send(JSON.stringify({ kind: 'AudioMetadata', audioMetadata }))
      socket.on('message', (data) => {
        const audio = textAfter(String(data), '"Data":"')
        if (audio !== undefined) heard(audio)
      })
      const startedAt = Date.now()
      let frames = 0
      return (data) => {
        const timestamp = new Date(startedAt + frames++ * FRAME_MS).toISOString()
        socket.send(JSON.stringify({ kind: 'AudioData', audioData: { timestamp, data, silent: false } }))
      }
    },
    close: () => acs.close(),
  }
}
