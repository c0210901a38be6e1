// Who must not get in by the routes of ACS: without a token, with a wrong one, with another call's ticket, a second time, too late, altered, or by flooding.

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { AcsCall } from '../../../../src/simulator/carriers/acs-call.js'
import { callbackEvent } from '../../../../src/simulator/carriers/acs-events.js'
import { CALLED, CALLER, DELIVERY, type Lab, type LabOptions, SECRET, samplesIn, startLab, tone, until } from './acs-lab.js'

let lab: Lab
const start = async (options?: LabOptions): Promise<Lab> => {
  lab = await startLab(options)
  return lab
}
afterEach(() => lab.close())

/** An answered call whose media socket nobody has dialled yet. */
async function unconnected(): Promise<{ readonly call: AcsCall; readonly path: string }> {
  const { call, event } = lab.acs.prepare({ from: CALLER, to: CALLED })
  await lab.acs.deliver([event])
  await until('an answer', () => call.addresses !== undefined)
  return { call, path: new URL(call.addresses?.transportUrl ?? '').pathname }
}
/** The service dials nothing by itself in these. */
const SILENT: LabOptions = { acs: { dials: false } }

interface Dialled {
  readonly status: number
  readonly socket: WebSocket
}

async function dial(path: string, headers: Record<string, string>): Promise<Dialled> {
  const socket = new WebSocket(`${lab.front.ws}${path}`, { headers })
  socket.on('error', () => undefined)
  const status = await new Promise<number>((resolve) => {
    socket.once('open', () => resolve(101))
    socket.once('unexpected-response', (request, response) => {
      resolve(response.statusCode ?? 0)
      request.destroy()
    })
  })
  return { status, socket }
}
const mediaHeaders = (call: AcsCall, token = lab.acs.tokens.token()) => ({ authorization: `Bearer ${token}`, 'x-ms-call-connection-id': call.names.connectionId })
const statusOf = async (path: string, headers: Record<string, string>) => (await dial(path, headers)).status

/** Every proof of the service that must not count, by name. */
function wrongProofs(tokens = lab.acs.tokens): Record<string, Record<string, string>> {
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  return {
    none: {},
    empty: { authorization: '' },
    basic: { authorization: `Basic ${tokens.token()}` },
    garbage: bearer('a.b.c'),
    audience: bearer(tokens.token({ audience: 'another-resource' })),
    issuer: bearer(tokens.token({ issuer: 'https://acscallautomation.communication.azure.com.evil.example' })),
    expired: bearer(tokens.token({ lifeSeconds: -61 })),
    'not yet': bearer(tokens.token({ claims: { nbf: Math.floor(Date.now() / 1000) + 120 } })),
    'no end': bearer(tokens.token({ claims: { exp: undefined } })),
    unsigned: bearer(tokens.forged('none')),
    hs256: bearer(tokens.forged('hs256')),
    stranger: bearer(tokens.forged('stranger')),
    altered: bearer(tokens.forged('altered')),
  }
}

describe('a media socket', () => {
  it('is refused before the 101 without a right token', async () => {
    const { desk } = await start(SILENT)
    const { call, path } = await unconnected()
    const statuses: Record<string, number> = {}
    for (const [name, headers] of Object.entries(wrongProofs())) statuses[name] = await statusOf(path, { ...headers, 'x-ms-call-connection-id': call.names.connectionId })
    expect(new Set(Object.values(statuses)), JSON.stringify(statuses)).toEqual(new Set([401]))
    expect(desk.calls[0]?.links).toEqual([])
    // None of them has used the ticket up.
    expect(await statusOf(path, mediaHeaders(call))).toBe(101)
  })

  it('takes a token whose end has just passed, and keys that were rotated', async () => {
    const { acs } = await start(SILENT)
    const one = await unconnected()
    expect(await statusOf(one.path, mediaHeaders(one.call, acs.tokens.token({ lifeSeconds: -50 })))).toBe(101)
    acs.tokens.rotate()
    const two = await unconnected()
    expect(await statusOf(two.path, mediaHeaders(two.call))).toBe(101)
  })

  it('uses a ticket up, also for one that comes at the same moment', async () => {
    const { desk } = await start(SILENT)
    const { call, path } = await unconnected()
    const statuses = await Promise.all(Array.from({ length: 5 }, () => statusOf(path, mediaHeaders(call))))
    expect(statuses.sort()).toEqual([101, 403, 403, 403, 403])
    expect(await statusOf(path, mediaHeaders(call))).toBe(403)
    expect(desk.calls[0]?.links).toHaveLength(1)
  })

  it('needs the ticket of its own call', async () => {
    await start(SILENT)
    const [one, two] = [await unconnected(), await unconnected()]
    expect(await statusOf(one.path, mediaHeaders(two.call))).toBe(403)
    expect(await statusOf(two.path, mediaHeaders(one.call))).toBe(403)
    expect(await statusOf(one.path, { authorization: `Bearer ${lab.acs.tokens.token()}` })).toBe(400)
    expect(await statusOf(one.path, mediaHeaders(one.call))).toBe(101)
    expect(await statusOf(two.path, mediaHeaders(two.call))).toBe(101)
  })

  it('with a ticket that nobody gave, that is late, or none, is refused', async () => {
    const { desk } = await start(SILENT)
    const { call, path } = await unconnected()
    expect(await statusOf(`/telephony/acs/media/${randomUUID()}`, mediaHeaders(call))).toBe(403)
    expect(await statusOf('/telephony/acs/media/', mediaHeaders(call))).toBe(404)
    expect(await statusOf(`/telephony/acs/media/${'x'.repeat(5000)}`, mediaHeaders(call))).toBeGreaterThanOrEqual(400)
    desk.tickets.clear()
    expect(await statusOf(path, mediaHeaders(call))).toBe(403)
  })

  it('that is asked for without an upgrade is told so', async () => {
    const { front } = await start(SILENT)
    const { path } = await unconnected()
    expect((await fetch(front.http + path)).status).toBe(426)
  })

  it.each([
    ['binary', Buffer.from(JSON.stringify({ kind: 'AudioData', audioData: { data: 'AAAA' } }))],
    ['no JSON', 'hello'],
    ['deep JSON', `{"kind":"AudioData","audioData":${'['.repeat(10_000)}`],
    ['another rate', JSON.stringify({ kind: 'AudioMetadata', audioMetadata: { sampleRate: 16_000, encoding: 'PCM', channels: 1 } })],
    ['no base64', JSON.stringify({ Kind: 'AudioData', AudioData: { Data: '"}' } })],
  ])('hears of a frame that is none: %s', async (_name, frame) => {
    await start(SILENT)
    const { call, path } = await unconnected()
    const { socket } = await dial(path, mediaHeaders(call))
    socket.send(frame)
    const [code] = await once(socket, 'close')
    expect(code).toBe(1007)
  })

  it('is cut at a frame of more than 64 KiB', async () => {
    await start(SILENT)
    const { call, path } = await unconnected()
    const { socket } = await dial(path, mediaHeaders(call))
    socket.send(JSON.stringify({ kind: 'AudioData', audioData: { data: 'A'.repeat(70_000) } }))
    const [code] = await once(socket, 'close')
    expect([1007, 1009]).toContain(code)
  })
})

describe('an event', () => {
  it('without the secret is refused, the handshake too', async () => {
    const { acs, desk, front } = await start()
    for (const query of ['', '?secret=', '?secret=wrong', `?secret=${SECRET}x`, `?secret=${SECRET}&secret=${SECRET}`, `?Secret=${SECRET}`, `?secret=wrong&secret=${SECRET}`]) {
      const { event } = acs.prepare({ from: CALLER, to: CALLED })
      expect((await acs.deliver([event], { query })).status, query).toBe(401)
      expect((await acs.deliver([{ id: '1', eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent', data: { validationCode: 'x' } }], { query })).status).toBe(401)
      expect((await fetch(`${front.http}/telephony/acs/incoming${query}`, { method: 'OPTIONS', headers: { 'webhook-request-origin': 'a.example' } })).status).toBe(401)
    }
    // A token of calls is no token of deliveries.
    expect((await acs.deliver([acs.prepare({ from: CALLER, to: CALLED }).event], { headers: { authorization: `Bearer ${acs.tokens.token()}` } })).status).toBe(401)
    expect(desk.calls).toEqual([])
  })

  it('with a token of our tenant comes in, and with no other', async () => {
    const { acs, desk } = await start({ proof: 'token' })
    await (await acs.ring({ from: CALLER, to: CALLED })).connected
    const token = (over: object, claims: object = { appid: DELIVERY.appId }) =>
      acs.tokens.token({ issuer: DELIVERY.issuer, audience: DELIVERY.audience, lifeSeconds: 600, claims: { ...claims }, ...over })
    const second = acs.prepare({ from: CALLER, to: CALLED })
    expect((await acs.deliver([second.event], { headers: { authorization: `Bearer ${token({}, { azp: DELIVERY.appId })}` } })).status).toBe(200)
    const wrong = [
      token({ issuer: 'https://sts.windows.net/other/' }),
      token({ audience: 'api://other' }),
      token({ lifeSeconds: -100 }),
      token({}, {}),
      token({}, { appid: 'other' }),
      token({}, { appid: DELIVERY.appId, azp: 'other' }),
      acs.tokens.token(),
      acs.tokens.forged('none', { issuer: DELIVERY.issuer, audience: DELIVERY.audience }),
    ]
    for (const [at, one] of wrong.entries())
      expect((await acs.deliver([acs.prepare({ from: CALLER, to: CALLED }).event], { headers: { authorization: `Bearer ${one}` } })).status, String(at)).toBe(401)
    expect((await acs.deliver([acs.prepare({ from: CALLER, to: CALLED }).event], { query: `?secret=${SECRET}` })).status).toBe(401)
    await until('two calls', () => desk.calls.length === 2)
  })

  it('is answered once, however often and under whatever id it comes', async () => {
    const { acs, desk } = await start()
    const call = await acs.ring({ from: CALLER, to: CALLED, copies: 5 })
    await call.connected
    const { call: other, event } = acs.prepare({ from: CALLER, to: CALLED })
    await acs.deliver([event, { ...event, id: randomUUID() }, event])
    await acs.deliver([{ ...event, id: randomUUID() }])
    await other.connected
    expect(desk.calls).toHaveLength(2)
    expect(acs.seen.filter(({ operation }) => operation === 'answer')).toHaveLength(2)
  })

  it('that is older than three minutes, or of the future, rings for nobody', async () => {
    const { acs, desk } = await start()
    for (const lateMs of [181_000, 3_600_000, -181_000]) expect((await acs.deliver([acs.prepare({ from: CALLER, to: CALLED, lateMs }).event])).status).toBe(200)
    const { event } = acs.prepare({ from: CALLER, to: CALLED })
    expect((await acs.deliver([{ ...event, eventTime: undefined }])).status).toBe(200)
    await (await acs.ring({ from: CALLER, to: CALLED, lateMs: 100_000 })).connected
    expect(desk.calls).toHaveLength(1)
  })

  it('that is none is refused, or dropped', async () => {
    const { acs, desk, front } = await start()
    for (const body of ['', 'null', '[]', '5', '[1]', '{', '['.repeat(50_000), JSON.stringify(Array(101).fill({}))]) {
      const response = await fetch(`${front.http}/telephony/acs/incoming?secret=${SECRET}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      expect(response.status, body.slice(0, 20)).toBe(400)
    }
    const typed = await fetch(`${front.http}/telephony/acs/incoming?secret=${SECRET}`, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '[]' })
    expect(typed.status).toBe(415)
    const big = await fetch(`${front.http}/telephony/acs/incoming?secret=${SECRET}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `["${'x'.repeat(300_000)}"]`,
    })
    expect(big.status).toBe(413)
    expect((await acs.deliver([{ id: '1', eventType: 'Microsoft.Communication.Other' }, {}])).status).toBe(200)
    expect(desk.calls).toEqual([])
  })
})

describe('a callback', () => {
  it('without a right token changes nothing', async () => {
    const { acs, desk } = await start()
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    const { callbackUri = '' } = call.addresses ?? {}
    const body = JSON.stringify([callbackEvent('CallDisconnected', call.names)])
    const statuses: Record<string, number> = {}
    for (const [name, headers] of Object.entries(wrongProofs())) {
      const response = await fetch(lab.front.http + new URL(callbackUri).pathname, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
      statuses[name] = response.status
    }
    expect(new Set(Object.values(statuses)), JSON.stringify(statuses)).toEqual(new Set([401]))
    expect(desk.calls[0]?.overs).toBe(0)
  })

  it('of another call, at another path or altered, changes nothing and tells nothing', async () => {
    const { acs, desk, logs } = await start()
    const [one, two] = [await acs.ring({ from: CALLER, to: CALLED }), await acs.ring({ from: '+14255550101', to: CALLED })]
    await Promise.all([one.connected, two.connected])
    const { callbackUri = '' } = one.addresses ?? {}
    const foreign = [callbackEvent('CallDisconnected', two.names)]
    expect((await acs.callBack(callbackUri, foreign)).status).toBe(200)
    await until('a line in the log', () => logs().includes('callback of another call dropped'))
    expect((await acs.callBack(callbackUri.replace(/[^/]+$/, randomUUID()), [callbackEvent('CallDisconnected', one.names)])).status).toBe(200)
    expect((await acs.callBack(callbackUri, [{ type: 'Microsoft.Communication.CallDisconnected', data: {} }, {}])).status).toBe(200)
    await Promise.all([one.say(tone(5, 100)), two.say(tone(6, 100))])
    await until('both echoes', () => samplesIn(one.heard()).has(5) && samplesIn(two.heard()).has(6))
    expect(desk.calls.map(({ overs }) => overs)).toEqual([0, 0])
  })

  it('of the right call ends it, and may come twice', async () => {
    const { acs, desk } = await start()
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    const event = callbackEvent('CallDisconnected', call.names)
    for (let time = 0; time < 2; time++) expect((await acs.callBack(call.addresses?.callbackUri ?? '', [event])).status).toBe(200)
    await until('the end', () => desk.calls[0]?.overs === 1)
  })

  it('says in the log why media failed, in numbers', async () => {
    const { acs, logs } = await start()
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    await acs.callBack(call.addresses?.callbackUri ?? '', [
      callbackEvent('MediaStreamingFailed', call.names, { resultInformation: { code: 400, subCode: 8581, message: `about ${CALLER}` } }),
    ])
    await until('a line in the log', () => logs().includes('8581'))
    expect(logs()).toContain('"code":400')
  })
})

describe('the log', () => {
  it('names no number, key, ticket, token, context or id of the carrier', async () => {
    const { acs, desk, logs } = await start()
    const call = await acs.ring({ from: CALLER, to: CALLED, headers: { 'X-Secret-Header': 'hidden-value' } })
    await call.connected
    call.press('7')
    await until('the key', () => desk.calls[0]?.keys.length === 1)
    call.loseMedia()
    await until('a second socket', () => call.sockets === 2)
    await desk.calls[0]?.line.transfer('+14255550123')
    await call.ended
    acs.prepare({ from: CALLER, to: CALLED })
    await acs.deliver([acs.prepare({ from: CALLER, to: CALLED }).event], { query: '?secret=wrong-secret' })
    const { transportUrl = '', callbackUri = '' } = call.addresses ?? {}
    const names = [
      CALLER,
      CALLED,
      '4255550',
      'hidden-value',
      SECRET,
      'wrong-secret',
      ...Object.values(call.names),
      transportUrl.split('/').at(-1) ?? '-',
      callbackUri.split('/').at(-1) ?? '-',
      'eyJ',
      '+14255550123',
    ]
    expect(logs()).toContain(desk.calls[0]?.sessionId)
    for (const name of names) expect(logs(), name).not.toContain(name)
  })
})
