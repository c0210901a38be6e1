// The simulated Twilio against a relay's side that is written here: the proofs it gives, the frames it sends, and how it obeys.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import twilio from 'twilio'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { createTwilio, type SimulatedTwilio } from '../../../src/simulator/carriers/twilio.js'

const { validateRequest } = twilio as unknown as { validateRequest(token: string, signature: string, url: string, params: Record<string, string>): boolean }

const TOKEN = '0123456789abcdef0123456789abcdef'
const ACCOUNT = 'AC0123456789abcdef0123456789abcdef'
const PUBLIC = 'https://phone.example'
const NUMBERS = { from: '+14155550100', to: '+14155550199' }
const xml = (verbs: string) => `<?xml version="1.0" encoding="UTF-8"?><Response>${verbs}</Response>`
const STREAM = xml('<Connect action="https://phone.example/after"><Stream url="wss://phone.example/media"><Parameter name="ticket" value="t&amp;1"/></Stream></Connect>')

interface Asked {
  readonly path: string
  readonly form: Record<string, string>
  readonly signature: string
}

let server: Server
let sockets: WebSocketServer
let carrier: SimulatedTwilio
let asked: Asked[]
let upgrades: IncomingMessage[]
/** What is answered, by path. */
let answers: Record<string, string[]>
let opened: ((socket: WebSocket, frames: Record<string, unknown>[]) => void) | undefined

beforeEach(async () => {
  asked = []
  upgrades = []
  answers = {}
  opened = undefined
  server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    asked.push({ path: request.url ?? '', form: Object.fromEntries(new URLSearchParams(body)), signature: String(request.headers['x-twilio-signature']) })
    const answer = answers[request.url ?? '']?.shift()
    response.writeHead(answer === undefined ? 500 : 200, { 'content-type': 'text/xml' }).end(answer)
  })
  sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    upgrades.push(request)
    const frames: Record<string, unknown>[] = []
    socket.on('message', (data) => frames.push(JSON.parse(String(data)) as Record<string, unknown>))
    opened?.(socket, frames)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  carrier = createTwilio({ relayUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, publicUrl: PUBLIC, authToken: TOKEN, accountSid: ACCOUNT })
})
afterEach(async () => {
  await carrier.close()
  for (const socket of sockets.clients) socket.terminate()
  sockets.close()
  server.close()
  server.closeAllConnections()
})

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 5000
  while (!holds()) {
    if (performance.now() > end) throw new Error('did not become true')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const VOICE = '/telephony/twilio/voice'

describe('a ring', () => {
  it('is signed as the library of Twilio wants it, webhook, upgrade and question what next', async () => {
    answers = { [VOICE]: [STREAM], '/after': [xml('<Hangup/>')] }
    opened = (socket) => setTimeout(() => socket.close(1000), 50)
    const call = await carrier.ring({ ...NUMBERS, headers: { 'X-Trunk': 'a b' } })
    expect(await call.ended).toEqual({ by: 'relay' })
    expect(asked.map(({ path }) => path)).toEqual([VOICE, '/after'])
    expect(asked[0]?.form).toMatchObject({ CallSid: call.callSid, AccountSid: ACCOUNT, From: NUMBERS.from, To: NUMBERS.to, CallStatus: 'ringing', 'SipHeader_X-Trunk': 'a b' })
    expect(asked[1]?.form).toMatchObject({ CallSid: call.callSid, CallStatus: 'in-progress' })
    for (const { path, form, signature } of asked) expect(validateRequest(TOKEN, signature, PUBLIC + path, form)).toBe(true)
    expect(validateRequest(TOKEN, String(upgrades[0]?.headers['x-twilio-signature']), 'wss://phone.example/media', {})).toBe(true)
  })

  it('without a number comes with that of nobody', async () => {
    answers = { [VOICE]: [xml('<Reject/>')] }
    const call = await carrier.ring({ from: undefined, to: NUMBERS.to })
    await expect(call.connected).rejects.toThrow('refused the call as rejected')
    expect(asked[0]?.form.From).toBe('+266696687')
  })

  it.each([
    ['<Reject reason="busy"/>', 'refused the call as busy'],
    ['<Hangup/>', 'hung up'],
    ['', 'nothing more to say'],
    ['<Play>hello</Play>', 'cannot be read: <Play> is not simulated'],
  ])('answered with %s is not connected', async (verbs, why) => {
    answers = { [VOICE]: [xml(verbs)] }
    const call = await carrier.ring(NUMBERS)
    await expect(call.connected).rejects.toThrow(why)
    expect(await call.ended).toEqual({ by: 'relay' })
  })

  it('that is refused over HTTP names the status; one that is answered in two ways is a fault', async () => {
    await expect((await carrier.ring(NUMBERS)).connected).rejects.toThrow('status 500')
    answers = { [VOICE]: [xml('<Hangup/>'), xml('<Reject/>')] }
    await expect((await carrier.ring({ ...NUMBERS, copies: 2 })).connected).rejects.toThrow('in two ways')
  })

  it('whose upgrade is refused names the status, and asks what next', async () => {
    sockets.options.verifyClient = (_info, done: (ok: boolean, code: number) => void) => done(false, 403)
    answers = { [VOICE]: [STREAM], '/after': [xml('<Hangup/>')] }
    const call = await carrier.ring(NUMBERS)
    await expect(call.connected).rejects.toThrow('refused the media socket with status 403')
    await call.ended
    expect(asked.at(-1)?.path).toBe('/after')
  })
})

describe('a stream', () => {
  it('sends connected, start, then a frame every 20 ms, with strings for numbers', async () => {
    answers = { [VOICE]: [STREAM], '/after': [xml('<Hangup/>')] }
    let frames: Record<string, unknown>[] = []
    opened = (_socket, own) => {
      frames = own
    }
    const call = await carrier.ring(NUMBERS)
    await call.connected
    call.press('5')
    const begin = performance.now()
    await call.say(Buffer.alloc(960 * 25, 0x11))
    expect(performance.now() - begin).toBeGreaterThan(400)
    await until(() => frames.filter(({ event }) => event === 'media').length >= 25)
    const [first, second] = frames as { event: string; start?: Record<string, unknown>; sequenceNumber?: string; streamSid?: string }[]
    expect(first).toEqual({ event: 'connected', protocol: 'Call', version: '1.0.0' })
    expect(second).toMatchObject({
      event: 'start',
      sequenceNumber: '1',
      start: { accountSid: ACCOUNT, callSid: call.callSid, customParameters: { ticket: 't&1' }, tracks: ['inbound'] },
    })
    const media = frames.filter(({ event }) => event === 'media') as unknown as { media: { timestamp: string; chunk: string; payload: string }; streamSid: string }[]
    expect(media.slice(0, 3).map(({ media: { timestamp, chunk } }) => [timestamp, chunk])).toEqual([
      ['0', '1'],
      ['20', '2'],
      ['40', '3'],
    ])
    for (const {
      media: { payload },
      streamSid,
    } of media)
      expect([Buffer.from(payload, 'base64').length, streamSid]).toEqual([160, second?.streamSid])
    expect(frames).toContainEqual(expect.objectContaining({ event: 'dtmf', dtmf: { track: 'inbound_track', digit: '5' } }))
  })

  it('says what the caller hangs up, and that the call is over', async () => {
    answers = { [VOICE]: [STREAM], '/after': [xml('')] }
    let frames: Record<string, unknown>[] = []
    opened = (_socket, own) => {
      frames = own
    }
    const call = await carrier.ring(NUMBERS)
    await call.connected
    await call.hangUp()
    expect(await call.ended).toEqual({ by: 'caller' })
    await until(() => frames.at(-1)?.event === 'stop')
    expect(asked.at(-1)).toMatchObject({ path: '/after', form: { CallStatus: 'completed' } })
  })

  it('plays at wall time, returns marks once they are played, and all of them at a clear', async () => {
    answers = { [VOICE]: [STREAM], '/after': [xml('<Hangup/>')] }
    let socket: WebSocket | undefined
    let frames: Record<string, unknown>[] = []
    opened = (one, own) => {
      socket = one
      frames = own
    }
    const call = await carrier.ring(NUMBERS)
    await call.connected
    await until(() => frames.some(({ event }) => event === 'start'))
    const { streamSid } = frames.find(({ event }) => event === 'start') as { streamSid: string }
    const send = (event: string, rest: object = {}) => socket?.send(JSON.stringify({ event, streamSid, ...rest }))
    const marks = () => frames.filter(({ event }) => event === 'mark').map((frame) => (frame as unknown as { mark: { name: string } }).mark.name)
    const sentAt = performance.now()
    send('media', { media: { payload: Buffer.alloc(1600, 0x80).toString('base64') } })
    send('mark', { mark: { name: 'played' } })
    send('media', { media: { payload: Buffer.alloc(80_000, 0x80).toString('base64') } })
    send('mark', { mark: { name: 'cleared' } })
    await until(() => marks().length > 0)
    expect(performance.now() - sentAt).toBeGreaterThan(190)
    expect(marks()).toEqual(['played'])
    expect(call.queuedMs).toBeGreaterThan(8000)
    expect(call.clearedAt).toEqual([])
    send('clear')
    await until(() => marks().length > 1)
    expect(marks()).toEqual(['played', 'cleared'])
    expect(call.queuedMs).toBe(0)
    expect(call.clearedAt).toHaveLength(1)
    const heardMs = call.heard().filter((byte, at) => at % 2 === 1 && byte !== 0 && byte !== 0xff).length / 24
    expect(heardMs).toBeGreaterThan(150)
    expect(heardMs).toBeLessThan(2000)
    expect(call.faults).toEqual([])
  })

  it('notes what Twilio would refuse or ignore', async () => {
    answers = { [VOICE]: [STREAM], '/after': [xml('<Hangup/>')] }
    opened = (socket, frames) =>
      socket.once('message', async () => {
        await until(() => frames.some(({ event }) => event === 'start'))
        const { streamSid } = frames.find(({ event }) => event === 'start') as { streamSid: string }
        for (const frame of [
          'hello',
          { event: 'clear', streamSid: 'MZ' },
          { event: 'media', streamSid, media: { payload: '???' } },
          { event: 'mark', streamSid },
          { event: 'start', streamSid },
        ])
          socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
      })
    const call = await carrier.ring(NUMBERS)
    await call.connected
    await until(() => call.faults.length === 5)
    expect(call.faults).toEqual(['no JSON object', 'another stream', 'media without base64', 'mark without a name', 'an event that Twilio does not know'])
    expect(call.clearedAt).toEqual([])
  })

  it('that is lost or closed is followed by the question what next, which may bring another, or a transfer', async () => {
    answers = { [VOICE]: [STREAM], '/after': [STREAM, xml('<Dial><Sip>sip:desk@pbx.example</Sip></Dial>')] }
    const names: unknown[] = []
    opened = (socket, frames) => {
      socket.on('message', () => {
        const start = frames.find(({ event }) => event === 'start')
        if (start && !names.includes(start.streamSid)) names.push(start.streamSid)
      })
      if (upgrades.length === 2) setTimeout(() => socket.close(1000), 100)
    }
    const call = await carrier.ring(NUMBERS)
    await call.connected
    await until(() => names.length === 1)
    call.loseMedia()
    expect(await call.ended).toEqual({ by: 'relay', transferredTo: 'sip:desk@pbx.example' })
    expect(call.sockets).toBe(2)
    expect(new Set(names).size).toBe(2)
    expect(call.answers).toHaveLength(3)
  })
})
