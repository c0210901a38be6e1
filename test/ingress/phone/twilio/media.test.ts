// Twilio's media socket, over real ones: which are upgraded, which find their call, and what ends one.
import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { WebSocket } from 'ws'
import { eventually } from '../../front.js'
import { CONNECTED, createBooks, type Lab, mediaFrame, PUBLIC, ringForm, sign, startFrame, startLab, ticketIn } from './lab.js'

const labs: Lab[] = []
const lab = async (options?: Parameters<typeof startLab>[0]) => {
  const started = await startLab(options)
  labs.push(started)
  return started
}
afterEach(async () => {
  vi.useRealTimers()
  for (const one of labs.splice(0)) await one.close()
})

const VOICE = '/telephony/twilio/voice'
const AFTER = '/telephony/twilio/after'
const MEDIA = '/telephony/twilio/media'

async function rung(from: Lab, form = ringForm()) {
  const { text } = await from.post(VOICE, form)
  return { form, ticket: ticketIn(text) }
}

async function opened(from: Lab): Promise<WebSocket> {
  const socket = from.dial()
  await once(socket, 'open')
  return socket
}

const closeOf = async (socket: WebSocket): Promise<number> => ((await once(socket, 'close')) as [number])[0]
const statusOf = async (socket: WebSocket): Promise<number> => {
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number; resume(): void }]
  response.resume()
  return response.statusCode
}

/** A call whose media flow. */
async function talking(from: Lab) {
  const { form, ticket } = await rung(from)
  const socket = await opened(from)
  socket.send(CONNECTED)
  socket.send(startFrame(form, ticket))
  const call = from.desk.calls.at(-1)
  await eventually(() => call?.links.length === 1)
  return { form, ticket, socket, call: call! }
}

describe('the upgrade', () => {
  it.each([
    ['no signature', undefined],
    ['a signature of another token', sign(`wss://phone.example${MEDIA}`, {}, 'f'.repeat(32))],
    ['a signature over https', sign(`https://phone.example${MEDIA}`)],
    ['a signature with a port', sign(`wss://phone.example:443${MEDIA}`)],
    ['a signature with a trailing slash', sign(`wss://phone.example${MEDIA}/`)],
    ['a signature over another path', sign(`wss://phone.example${AFTER}`)],
    ['the signature of the webhook', sign(`${PUBLIC}${VOICE}`, ringForm())],
  ])('with %s is refused before the 101', async (_what, signature) => {
    const own = await lab()
    expect(await statusOf(own.dial({ signature }))).toBe(403)
  })

  it('is refused with the right signature on another path, and with a query that was not signed', async () => {
    const own = await lab()
    const signature = sign(`wss://phone.example${MEDIA}`)
    expect(await statusOf(own.dial({ signature, target: VOICE }))).toBe(404)
    expect(await statusOf(own.dial({ signature, target: `${MEDIA}?ticket=x` }))).toBe(403)
    expect((await fetch(`${own.front.http}${MEDIA}`)).status).toBe(426)
  })
})

describe('a media socket', () => {
  it('finds its call by ticket and ids, and its frames get there in order, those of the first packet too', async () => {
    const own = await lab()
    const { form, ticket } = await rung(own)
    const socket = await opened(own)
    const raw = (socket as unknown as { _socket: { cork(): void; uncork(): void } })._socket
    raw.cork()
    for (const frame of [CONNECTED, startFrame(form, ticket), mediaFrame(1), mediaFrame(2), mediaFrame(3)]) socket.send(frame)
    raw.uncork()
    const [call] = own.desk.calls
    await eventually(() => call?.frames.length === 3)
    socket.send(mediaFrame(4))
    await eventually(() => call?.frames.length === 4)
    expect(call?.frames.map((frame) => (frame.type === 'audio' ? Buffer.from(frame.audio, 'base64')[0] : undefined))).toEqual([1, 2, 3, 4])
    call?.links[0]?.send(call.framing.media('AAAA'))
    const [data] = (await once(socket, 'message')) as [Buffer]
    expect(JSON.parse(data.toString())).toEqual({ event: 'media', streamSid: 'MZ0123456789abcdef0123456789abcdef', media: { payload: 'AAAA' } })
    socket.close()
    await eventually(() => call?.closes.length === 1)
  })

  it('on another instance opens the call there', async () => {
    const books = createBooks()
    const [one, two] = [await lab({ books }), await lab({ books })]
    const { form, ticket } = await rung(one)
    const socket = await opened(two)
    socket.send(startFrame(form, ticket))
    await eventually(() => two.desk.calls[0]?.links.length === 1)
    expect(one.desk.calls[0]?.links).toEqual([])
    await two.desk.calls[0]?.line.hangUp()
    expect(await closeOf(socket)).toBe(1000)
    expect((await two.post(AFTER, { ...form, CallStatus: 'in-progress' })).text).toContain('<Hangup/>')
  })

  it.each<[string, number, (own: { form: Record<string, string>; ticket: string }) => (string | Buffer)[]]>([
    ['media before start', 1008, () => [CONNECTED, mediaFrame()]],
    ['anything else before start', 1008, () => [JSON.stringify({ event: 'stop' })]],
    ['no JSON', 1008, () => ['hello']],
    ['deep JSON', 1008, () => [`${'['.repeat(20_000)}${']'.repeat(20_000)}`]],
    ['a binary frame', 1008, ({ form, ticket }) => [Buffer.from(startFrame(form, ticket))]],
    ['a frame over 64 KiB', 1009, () => [JSON.stringify({ event: 'connected', filler: 'x'.repeat(65_536) })]],
    ['a ticket that nobody made', 1008, ({ form }) => [startFrame(form, 'ticket-0')]],
    ['no ticket', 1008, ({ form }) => [startFrame(form, '')]],
    ['the ticket and another call', 1008, ({ form, ticket }) => [startFrame({ ...form, CallSid: `CA${'0'.repeat(32)}` }, ticket)]],
    ['the ticket and another account', 1008, ({ form, ticket }) => [startFrame({ ...form, AccountSid: `AC${'0'.repeat(32)}` }, ticket)]],
    ['start twice at once', 1008, ({ form, ticket }) => [startFrame(form, ticket), startFrame(form, ticket)]],
  ])('is closed at %s', async (_what, code, framesFor) => {
    const own = await lab()
    const ring = await rung(own)
    const socket = await opened(own)
    const closed = closeOf(socket)
    for (const frame of framesFor(ring)) socket.send(frame)
    expect(await closed).toBe(code)
    expect(own.desk.calls[0]?.frames).toEqual([])
  })

  it.each<[string, number, (form: Record<string, string>, ticket: string) => string | Buffer]>([
    ['start again', 1008, startFrame],
    ['a binary frame', 1008, () => Buffer.from(mediaFrame())],
    ['a frame over 64 KiB', 1009, () => mediaFrame(0xff, 49_152)],
  ])('with a call is closed at %s', async (_what, code, frameFor) => {
    const own = await lab()
    const { form, ticket, socket, call } = await talking(own)
    const closed = closeOf(socket)
    socket.send(frameFor(form, ticket))
    expect(await closed).toBe(code)
    expect(call.frames.filter(({ type }) => type === 'audio')).toEqual([])
  })

  it('does not get the call of another ticket, and takes nothing from the call it named', async () => {
    const own = await lab()
    const [one, two] = [await rung(own), await rung(own)]
    const socket = await opened(own)
    socket.send(startFrame(one.form, two.ticket))
    expect(await closeOf(socket)).toBe(1008)
    expect(own.desk.calls[1]?.isOver).toBe(true)
    const honest = await opened(own)
    honest.send(startFrame(one.form, one.ticket))
    await eventually(() => own.desk.calls[0]?.links.length === 1)
  })

  it('is one for a ticket, also if two come at once', async () => {
    const own = await lab()
    const { form, ticket } = await rung(own)
    const sockets = await Promise.all([opened(own), opened(own)])
    const first = Promise.race(sockets.map(closeOf))
    for (const socket of sockets) socket.send(startFrame(form, ticket))
    expect(await first).toBe(1008)
    expect(own.desk.calls[0]?.links).toHaveLength(1)
    const late = await opened(own)
    late.send(startFrame(form, ticket))
    expect(await closeOf(late)).toBe(1008)
  })

  it('that comes with another ticket while media flow is closed, and changes nothing', async () => {
    const own = await lab()
    const { form, socket, call } = await talking(own)
    const ticket = await own.desk.ticketFor(call, call.ring)
    const second = await opened(own)
    second.send(startFrame(form, ticket, 'MZ2'))
    expect(await closeOf(second)).toBe(1008)
    call.links[0]?.send(call.framing.clear())
    const [data] = (await once(socket, 'message')) as [Buffer]
    expect(JSON.parse(data.toString())).toEqual({ event: 'clear', streamSid: 'MZ0123456789abcdef0123456789abcdef' })
    await call.line.hangUp()
    expect(await closeOf(socket)).toBe(1000)
  })

  it('that comes after the end of the call is closed', async () => {
    const own = await lab()
    const { form, ticket } = await rung(own)
    own.desk.calls[0]?.over()
    const socket = await opened(own)
    socket.send(startFrame(form, ticket))
    expect(await closeOf(socket)).toBe(1008)
  })

  it('that says nothing is closed after five seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const own = await lab()
    const socket = await opened(own)
    const closed = closeOf(socket)
    await vi.advanceTimersByTimeAsync(4999)
    expect(socket.readyState).toBe(socket.OPEN)
    await vi.advanceTimersByTimeAsync(1)
    expect(await closed).toBe(1008)
  })

  it('that says nothing harms nobody, however many there are', async () => {
    const own = await lab()
    const { form, ticket } = await rung(own)
    const honest = await talking(own)
    const signature = sign(`wss://phone.example${MEDIA}`)
    let open = 0
    let most = 0
    for (let round = 0; round < 12; round++) {
      await Promise.all(
        Array.from({ length: 100 }, async () => {
          const socket = own.dial({ signature })
          socket.on('close', () => open--)
          await once(socket, 'open')
          most = Math.max(most, ++open)
        }),
      )
    }
    await eventually(() => open <= 256)
    expect(most).toBeLessThan(256 + 300)
    honest.socket.send(mediaFrame(7))
    await eventually(() => honest.call.frames.length === 1)
    const late = await opened(own)
    late.send(startFrame(form, ticket))
    await eventually(() => own.desk.calls[0]?.links.length === 1)
  })
})

describe('the line', () => {
  it('hangs up by closing the socket, and Twilio hears the end', async () => {
    const own = await lab()
    const { form, socket, call } = await talking(own)
    const closed = closeOf(socket)
    await call.line.hangUp()
    expect(await closed).toBe(1000)
    expect((await own.post(AFTER, { ...form, CallStatus: 'in-progress' })).text).toContain('<Hangup/>')
  })

  it.each([
    ['+14155550123', '<Dial>+14155550123</Dial>'],
    ['sip:desk@pbx.example;transport=tls', '<Dial><Sip>sip:desk@pbx.example;transport=tls</Sip></Dial>'],
  ])('transfers to %s once Twilio asks', async (target, verb) => {
    const own = await lab()
    const { form, socket, call } = await talking(own)
    const closed = closeOf(socket)
    let isDone = false
    const transfer = call.line.transfer(target).then(() => {
      isDone = true
    })
    expect(await closed).toBe(1000)
    expect(isDone).toBe(false)
    // The session may end meanwhile, which must not undo it.
    await call.line.hangUp()
    expect((await own.post(AFTER, { ...form, CallStatus: 'in-progress' })).text).toContain(verb)
    await transfer
    await call.line.hangUp()
    expect((await own.post(AFTER, { ...form, CallStatus: 'in-progress' })).text).toContain('<Hangup/>')
  })

  it('transfers if Twilio asks another instance', async () => {
    const books = createBooks()
    const [one, two] = [await lab({ books }), await lab({ books })]
    const { form, call } = await talking(one)
    const transfer = call.line.transfer('+14155550123')
    await eventually(() => call.closes.length === 1)
    expect((await two.post(AFTER, { ...form, CallStatus: 'in-progress' })).text).toContain('<Dial>+14155550123</Dial>')
    await transfer
    expect(two.desk.calls).toEqual([])
  })

  it('says so if Twilio never asks, and then transfers nobody', async () => {
    const own = await lab()
    const { form, call } = await talking(own)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    const transfer = expect(call.line.transfer('+14155550123')).rejects.toThrow('the carrier did not ask where to transfer the call')
    await vi.advanceTimersByTimeAsync(10_000)
    await transfer
    vi.useRealTimers()
    expect((await own.post(AFTER, { ...form, CallStatus: 'in-progress' })).text).toContain('<Hangup/>')
  })

  it('transfers no call without media, and none twice at once', async () => {
    const own = await lab()
    await rung(own)
    await expect(own.desk.calls[0]?.line.transfer('+14155550123')).rejects.toThrow('cannot be transferred now')
    const { form, call } = await talking(own)
    const transfer = call.line.transfer('+14155550123')
    await expect(call.line.transfer('+14155550124')).rejects.toThrow('cannot be transferred now')
    await eventually(() => call.closes.length === 1)
    await own.post(AFTER, { ...form, CallStatus: 'in-progress' })
    await transfer
  })
})

describe('a lost media socket', () => {
  it('is replaced once: by another stream, with a name of its own, for the same call', async () => {
    const own = await lab()
    const { form, ticket, socket, call } = await talking(own)
    socket.terminate()
    await eventually(() => call.closes.length === 1)
    const again = ticketIn((await own.post(AFTER, { ...form, CallStatus: 'in-progress' })).text)
    expect(again).not.toBe(ticket)
    const next = await opened(own)
    next.send(startFrame(form, again, 'MZ2'))
    await eventually(() => call.links.length === 2)
    call.links[1]?.send(call.framing.clear())
    const [data] = (await once(next, 'message')) as [Buffer]
    expect(JSON.parse(data.toString())).toEqual({ event: 'clear', streamSid: 'MZ2' })
    next.terminate()
    await eventually(() => call.closes.length === 2)
    expect((await own.post(AFTER, { ...form, CallStatus: 'in-progress' })).text).toContain('<Hangup/>')
  })

  it('of a call that its session gave up meanwhile is not replaced', async () => {
    const own = await lab()
    const { form, call, socket } = await talking(own)
    socket.terminate()
    await eventually(() => call.closes.length === 1)
    await call.line.hangUp()
    expect((await own.post(AFTER, { ...form, CallStatus: 'in-progress' })).text).toContain('<Hangup/>')
  })

  it('that this side has not noticed is cut off when Twilio asks', async () => {
    const own = await lab()
    const { form, call, socket } = await talking(own)
    const closed = closeOf(socket)
    expect(ticketIn((await own.post(AFTER, { ...form, CallStatus: 'in-progress' })).text)).not.toBe('')
    expect(await closed).toBe(1006)
    await eventually(() => call.closes.length === 1)
  })

  it('of a caller who left is not replaced', async () => {
    const own = await lab()
    const { form, call, socket } = await talking(own)
    socket.send(JSON.stringify({ event: 'stop', stop: { accountSid: form.AccountSid, callSid: form.CallSid } }))
    socket.close()
    await eventually(() => call.closes.length === 1)
    expect(call.frames.at(-1)).toEqual({ type: 'stop' })
    expect((await own.post(AFTER, { ...form, CallStatus: 'completed' })).text).toContain('<Hangup/>')
    expect(call.isOver).toBe(true)
  })
})

it('numbers, ids, tickets and tokens are in no line of the log', async () => {
  const own = await lab()
  const { form, ticket, call } = await talking(own)
  const transfer = call.line.transfer('+14155550123')
  await eventually(() => call.closes.length === 1)
  await own.post(AFTER, { ...form, CallStatus: 'in-progress' })
  await transfer
  await own.post(VOICE, ringForm(), { signature: 'wrong' })
  await rung(own)
  const logs = own.front.logs() + own.logged.join('\n')
  expect(logs).toContain('bad_signature')
  for (const secret of [form.CallSid, form.AccountSid, '14155550100', '14155550199', '14155550123', ticket, sign(`wss://phone.example${MEDIA}`)]) expect(logs).not.toContain(secret)
})
