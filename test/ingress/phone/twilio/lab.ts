// Twilio's routes in a real server, with a desk that only keeps books, and the requests that Twilio would send, signed by its own library.
import twilio from 'twilio'
import { WebSocket } from 'ws'
import { Secret } from '../../../../src/config/secret.js'
import type { RefusalError } from '../../../../src/core/protocol/errors.js'
import { createTwilioRoutes, type TwilioRoutesDeps } from '../../../../src/ingress/phone/twilio/routes.js'
import type { Link } from '../../../../src/ports/link.js'
import type { AnsweredPhoneCall, Line, MediaFraming, PhoneDesk, Ring } from '../../../../src/ports/phone.js'
import { createMemoryTickets } from '../../../../src/store/memory/tickets.js'
import { type Front, startFront } from '../../front.js'

export const TOKEN = '0123456789abcdef0123456789abcdef'
export const ACCOUNT = 'AC0123456789abcdef0123456789abcdef'
export const PUBLIC = 'https://phone.example'

const { getExpectedTwilioSignature } = twilio as unknown as { getExpectedTwilioSignature(token: string, url: string, params: Record<string, string>): string }

export function sign(url: string, params: Record<string, string> = {}, token = TOKEN): string {
  return getExpectedTwilioSignature(token, url, params)
}

export interface FakeCall extends AnsweredPhoneCall {
  readonly ring: Ring
  readonly line: Line
  /** Of the last media socket. */
  framing: MediaFraming
  readonly links: Link[]
  /** What came of the media socket, as the framing reads it. */
  readonly frames: ReturnType<MediaFraming['read']>[]
  readonly closes: number[]
  isOver: boolean
}

export interface FakeDesk extends PhoneDesk {
  readonly calls: FakeCall[]
  readonly issued: string[]
}

/** Desks that share `books` are those of several instances. */
export function fakeDesk(books = createBooks(), refuse?: (ring: Ring) => RefusalError | undefined): FakeDesk {
  const calls: FakeCall[] = []
  const issued: string[] = []
  const open = (ring: Ring, line: Line, framing: MediaFraming): FakeCall => {
    const call: FakeCall = {
      sessionId: `session-${books.serial++}`,
      ring,
      line,
      framing,
      links: [],
      frames: [],
      closes: [],
      isOver: false,
      ended: new Promise(() => undefined),
      attach(link, media) {
        if (call.isOver || call.links.length > call.closes.length) return false
        call.framing = media?.framing ?? framing
        call.links.push(link)
        link.onFrame((frame, isBinary) => call.frames.push(call.framing.read(frame, isBinary)))
        link.onClose((code) => call.closes.push(code))
        link.resume()
        return true
      },
      over() {
        call.isOver = true
      },
    }
    calls.push(call)
    return call
  }
  return {
    calls,
    issued,
    admit: () => Promise.reject(new Error('not used')),
    async answer(ring, line, framing) {
      const refusal = refuse?.(ring)
      if (refusal) throw refusal
      return open(ring, line, framing)
    },
    async ticketFor(call, ring) {
      const ticket = `ticket-${books.serial++}`
      books.tickets.set(ticket, { ring, call })
      issued.push(ticket)
      return ticket
    },
    async redeem(ticket, make) {
      const found = books.tickets.get(ticket)
      books.tickets.delete(ticket)
      if (!found) return undefined
      if (calls.includes(found.call as FakeCall)) return found
      const { line, framing } = make(found.ring)
      return { ring: found.ring, call: open(found.ring, line, framing) }
    },
    async isFirst(key) {
      const isFirst = !books.keys.has(key)
      books.keys.add(key)
      return isFirst
    },
  }
}

export function createBooks() {
  return { serial: 1, tickets: new Map<string, { ring: Ring; call: AnsweredPhoneCall }>(), keys: new Set<string>(), parcels: createMemoryTickets(Date.now) }
}

export interface Lab {
  readonly front: Front
  readonly desk: FakeDesk
  post(path: string, params: Record<string, string>, options?: PostOptions): Promise<{ status: number; text: string; type: string }>
  dial(options?: DialOptions): WebSocket
  readonly logged: readonly string[]
  close(): Promise<void>
}

export interface PostOptions {
  readonly signature?: string | undefined
  readonly headers?: Record<string, string>
  readonly body?: string
}

export interface DialOptions {
  readonly signature?: string | undefined
  readonly target?: string
  readonly headers?: Record<string, string>
}

export async function startLab({
  books,
  deps,
  refuse,
}: {
  readonly books?: ReturnType<typeof createBooks>
  readonly deps?: Partial<TwilioRoutesDeps>
  readonly refuse?: (ring: Ring) => RefusalError | undefined
} = {}): Promise<Lab> {
  const own = books ?? createBooks()
  const desk = fakeDesk(own, refuse)
  const logged: string[] = []
  const remember = (fields: object, message: string) => void logged.push(JSON.stringify({ ...fields, message }))
  const routes = createTwilioRoutes({
    desk,
    config: { authTokens: [new Secret(TOKEN)], accountSid: undefined },
    publicUrl: new URL(PUBLIC),
    tickets: own.parcels,
    maxCallMs: 60_000,
    log: { info: remember, error: remember },
    ...deps,
  })
  const sockets: WebSocket[] = []
  const front = await startFront({ deps: { phoneRoutes: routes } })
  return {
    front,
    logged,
    desk,
    async post(path, params, options = {}) {
      const signature = 'signature' in options ? options.signature : sign(`${PUBLIC}${path}`, params)
      const answer = await fetch(`${front.http}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...(signature === undefined ? {} : { 'x-twilio-signature': signature }), ...options.headers },
        body: options.body ?? new URLSearchParams(params).toString(),
      })
      return { status: answer.status, text: await answer.text(), type: answer.headers.get('content-type') ?? '' }
    },
    dial(options = {}) {
      const target = options.target ?? '/telephony/twilio/media'
      const signature = 'signature' in options ? options.signature : sign(`wss://phone.example${target}`)
      const socket = new WebSocket(`${front.ws}${target}`, { headers: { ...(signature === undefined ? {} : { 'x-twilio-signature': signature }), ...options.headers } })
      socket.on('error', () => {})
      sockets.push(socket)
      return socket
    },
    async close() {
      for (const socket of sockets) socket.terminate()
      await front.close()
    },
  }
}

let serial = 0
/** A ring's form, of a call of its own unless it says which. */
export function ringForm(fields: Record<string, string> = {}): Record<string, string> {
  const callSid = `CA${String(++serial).padStart(32, '0')}`
  return { CallSid: callSid, AccountSid: ACCOUNT, From: '+14155550100', To: '+14155550199', Direction: 'inbound', CallStatus: 'ringing', ApiVersion: '2010-04-01', ...fields }
}

export function startFrame(form: Record<string, string>, ticket: string, streamSid = 'MZ0123456789abcdef0123456789abcdef'): string {
  return JSON.stringify({
    event: 'start',
    sequenceNumber: '1',
    start: {
      accountSid: form.AccountSid,
      streamSid,
      callSid: form.CallSid,
      tracks: ['inbound'],
      mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
      customParameters: { ticket },
    },
    streamSid,
  })
}

export const CONNECTED = JSON.stringify({ event: 'connected', protocol: 'Call', version: '1.0.0' })

export function mediaFrame(fill = 0xff, bytes = 160): string {
  return JSON.stringify({ event: 'media', sequenceNumber: '2', media: { track: 'inbound', chunk: '1', timestamp: '20', payload: Buffer.alloc(bytes, fill).toString('base64') } })
}

export function ticketIn(twiml: string): string {
  return /<Parameter name="ticket" value="([^"]+)"\/>/.exec(twiml)?.[1] ?? ''
}
