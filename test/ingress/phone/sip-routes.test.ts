// The SIP webhook over real sockets: what is proven gets in once, everything else never does, and the answer waits for nothing.
import { createHmac } from 'node:crypto'
import { connect } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import OpenAI from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSipRoutes, type SipRoutesDeps, type WebhookResult } from '../../../src/ingress/phone/sip/routes.js'
import { sendError, sendNotFound } from '../../../src/ingress/refusal-reply.js'
import { fastifyServerOptions } from '../../../src/ingress/server-options.js'
import type { Ring } from '../../../src/ports/phone.js'

const KEY = Buffer.from('a key of the tests, no more')
const SECRET = `whsec_${KEY.toString('base64')}`

let app: FastifyInstance
let url: string
let rings: Ring[]
let results: WebhookResult[]
let logged: string
let seen: Set<string>
/** Instead of the usual answer of `take`. */
let taking: () => Promise<void>
let deps: SipRoutesDeps

beforeEach(() => {
  rings = []
  results = []
  logged = ''
  seen = new Set()
  taking = async () => undefined
  deps = {
    keys: [KEY],
    async isFirst(key) {
      const isNew = !seen.has(key)
      seen.add(key)
      return isNew
    },
    take(ring) {
      rings.push(ring)
      return taking()
    },
    onWebhook: (result) => void results.push(result),
    isOpen: () => true,
    log: {
      info(fields, message) {
        logged += `${JSON.stringify(fields)} ${message}\n`
      },
    },
    now: Date.now,
  }
})
afterEach(async () => {
  app.server.closeAllConnections()
  await app.close()
})

async function start(over: Partial<SipRoutesDeps> = {}): Promise<void> {
  app = Fastify(fastifyServerOptions({ limits: { handshakeTimeoutMs: 2000 } } as never) as never) as unknown as FastifyInstance
  app.setErrorHandler(sendError)
  app.setNotFoundHandler(sendNotFound)
  createSipRoutes({ ...deps, ...over })(app)
  app.post('/echo', async ({ body }) => ({ body }))
  url = await app.listen({ port: 0, host: '127.0.0.1' })
}

const now = () => Math.floor(Date.now() / 1000)
function announced(callId = 'rtc_1', type = 'realtime.call.incoming'): string {
  const sip_headers = [
    { name: 'From', value: '<sip:+14255550100@trunk.example>' },
    { name: 'To', value: '<sip:+18005550199@sip.example>' },
  ]
  return JSON.stringify({ object: 'event', id: 'evt_1', type, created_at: now(), data: { call_id: callId, sip_headers } })
}
function proofOf(body: string, { id = 'wh_1', at = now(), key = KEY }: { id?: string; at?: number; key?: Buffer } = {}): Record<string, string> {
  const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': `v1,${signature}` }
}
async function send(body: string, headers: Record<string, string> = proofOf(body)): Promise<number> {
  const answer = await fetch(`${url}/telephony/sip/webhook`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
  await answer.text()
  return answer.status
}

describe('a webhook', () => {
  it('that is proven rings', async () => {
    await start()
    expect(await send(announced())).toBe(200)
    expect(rings).toMatchObject([{ carrier: 'sip', carrierCallId: 'rtc_1', from: '+14255550100', to: '+18005550199' }])
    expect(results).toEqual(['ring'])
  })

  it('is answered while its call is still being accepted', async () => {
    await start()
    taking = () => new Promise(() => undefined)
    expect(await send(announced())).toBe(200)
    expect(rings).toHaveLength(1)
  })

  it('is read as it came, whatever it says of its type', async () => {
    await start()
    const spaced = ` ${announced()}\n`
    expect(await send(spaced, { ...proofOf(spaced), 'content-type': 'text/plain; charset=latin1' })).toBe(200)
    expect(rings).toHaveLength(1)
  })

  it('is what the library of customers unwraps', async () => {
    await start()
    const body = announced()
    const headers = proofOf(body)
    const event = await new OpenAI({ apiKey: 'none' }).webhooks.unwrap(body, headers, SECRET)
    expect(event.type).toBe('realtime.call.incoming')
    expect(await send(body, headers)).toBe(200)
  })

  it('of another type is taken note of and nothing else', async () => {
    await start()
    for (const type of ['live.call.incoming', 'live.transport.incoming', 'batch.completed']) {
      const body = announced('rtc_1', type)
      expect(await send(body, proofOf(body, { id: type.replaceAll('.', '-') }))).toBe(200)
    }
    expect([rings, results, seen.size]).toEqual([[], ['other', 'other', 'other'], 0])
  })

  it('leaves the bodies of other routes alone', async () => {
    await start()
    const answer = await fetch(`${url}/echo`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' })
    expect(await answer.json()).toEqual({ body: { a: 1 } })
  })
})

describe('nobody gets in', () => {
  const body = announced()
  it.each([
    ['without a proof', {}],
    ['with another key', proofOf(body, { key: Buffer.from('another key') })],
    ['with the proof of another body', proofOf(`${body} `)],
    ['with an old webhook', proofOf(body, { at: now() - 301 })],
    ['with a webhook from the future', proofOf(body, { at: now() + 320 })],
    ['with a new time over an old proof', { ...proofOf(body, { at: now() - 400 }), 'webhook-timestamp': String(now()) }],
    ['with a new id over an old proof', { ...proofOf(body), 'webhook-id': 'wh_2' }],
    ['without an id', { ...proofOf(body), 'webhook-id': '' }],
    ['with a token of the relay', { authorization: 'Bearer x' }],
    ['with an empty signature', { ...proofOf(body), 'webhook-signature': 'v1,' }],
  ])('%s', async (_how, headers) => {
    await start()
    expect(await send(body, headers)).toBe(401)
    expect([rings, results, seen.size]).toEqual([[], ['forged'], 0])
  })

  it('by sending one again: the same, under another id, or ten at once', async () => {
    await start()
    const headers = proofOf(body)
    expect(await Promise.all(Array.from({ length: 10 }, () => send(body, headers)))).toEqual(Array(10).fill(200))
    expect(await send(body, proofOf(body, { id: 'wh_2' }))).toBe(200)
    const other = announced('rtc_2')
    expect(await send(other, headers)).toBe(401)
    expect(await send(other, proofOf(other))).toBe(200)
    expect(rings.map(({ carrierCallId }) => carrierCallId)).toEqual(['rtc_1'])
    expect(results.filter((result) => result === 'repeated')).toHaveLength(11)
  })

  it('if there is no key', async () => {
    await start({ keys: [] })
    expect(await send(body, proofOf(body, { key: Buffer.alloc(0) }))).toBe(401)
    expect(rings).toEqual([])
  })

  it.each([
    ['no JSON', '{"type":'],
    ['a call that leads elsewhere', announced('../x')],
    ['nothing', ''],
  ])('with a proven body that is %s', async (_what, bad) => {
    await start()
    expect(await send(bad)).toBe(400)
    expect([rings, results]).toEqual([[], ['bad']])
  })

  it('with more than 64 KiB', async () => {
    await start()
    const big = announced().padEnd(65_537)
    expect(await send(big)).toBe(413)
    const just = announced().padEnd(65_536)
    expect(await send(just)).toBe(200)
    expect(rings).toHaveLength(1)
  })

  it('by another method', async () => {
    await start()
    expect((await fetch(`${url}/telephony/sip/webhook`, { headers: proofOf('') })).status).toBe(404)
  })

  it('with a proof that comes twice', async () => {
    await start()
    const proof = proofOf(body)
    const lines = Object.entries(proof).map(([name, value]) => `${name}: ${value}`)
    const head = [`POST /telephony/sip/webhook HTTP/1.1`, 'host: x', 'content-type: application/json', `content-length: ${Buffer.byteLength(body)}`, 'connection: close']
    expect(await raw([...head, ...lines, `webhook-id: ${proof['webhook-id']}`, '', body].join('\r\n'))).toMatch(/^HTTP\/1\.1 401 /)
    expect(await raw([...head, ...lines, '', body].join('\r\n'))).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('before a body is read, if the head has no proof', async () => {
    await start()
    const head = ['POST /telephony/sip/webhook HTTP/1.1', 'host: x', 'content-length: 60000', '', '']
    expect(await raw(head.join('\r\n'))).toMatch(/^HTTP\/1\.1 401 /)
  })
})

describe('a call that cannot be taken now', () => {
  it('is announced again if the relay drains, and taken then', async () => {
    let isOpen = false
    await start({ isOpen: () => isOpen })
    expect(await send(announced())).toBe(503)
    isOpen = true
    expect(await send(announced())).toBe(200)
    expect([rings.length, results]).toEqual([1, ['full', 'ring']])
  })

  it('is announced again if too many are being accepted', async () => {
    await start({ most: 1 })
    let accepted: () => void = () => undefined
    taking = () =>
      new Promise((resolve) => {
        accepted = resolve
      })
    expect(await send(announced('rtc_1'))).toBe(200)
    const second = announced('rtc_2')
    expect(await send(second, proofOf(second, { id: 'wh_2' }))).toBe(503)
    accepted()
    await expect.poll(() => send(second, proofOf(second, { id: 'wh_2' }))).toBe(200)
    expect(rings).toHaveLength(2)
  })

  it('is announced again if the store is away', async () => {
    await start({ most: 1, isFirst: () => Promise.reject(new Error('redis://user:secret@host')) })
    for (const id of ['wh_1', 'wh_2', 'wh_3']) expect(await send(announced(), proofOf(announced(), { id }))).toBe(500)
    expect(rings).toEqual([])
  })
})

it('no number, no id and no key is in a log or in the store', async () => {
  await start()
  await send(announced('rtc_canary'))
  await send(announced('rtc_canary'), { ...proofOf(announced('rtc_canary')), 'webhook-id': 'wh_canary' })
  await send('{"canary":"+14255550100"}')
  const kept = logged + [...seen].join(' ')
  for (const secret of ['+14255550100', '4255550100', 'rtc_canary', 'wh_canary', 'wh_1', KEY.toString()]) expect(kept).not.toContain(secret)
  expect(logged).toContain('wrong_signature')
})

function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => socket.write(text))
    socket.on('data', (data) => {
      answer += data
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}
