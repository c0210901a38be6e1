// Proofs of SIP webhooks, with the `openai` library as oracle: what it accepts is accepted, except where it is careless.
import { createHmac } from 'node:crypto'
import OpenAI from 'openai'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { webhookKeys } from '../../../src/auth/webhook-keys.js'
import { Secret } from '../../../src/config/secret.js'
import { isProven, readProof } from '../../../src/ingress/phone/sip/webhook-proof.js'
import { fc } from '../../support/property.js'

const SECRET = `whsec_${Buffer.from('a key of thirty-two bytes, no more').toString('base64')}`
const OTHER = `whsec_${Buffer.from('another key, for a rotation').toString('base64')}`
const BODY = '{"object":"event","type":"realtime.call.incoming","data":{"call_id":"rtc_1"}}'
const openai = new OpenAI({ apiKey: 'none' })

const seconds = () => Math.floor(Date.now() / 1000)
function signed(body = BODY, { id = 'wh_1', at = seconds(), secret = SECRET }: { id?: string; at?: number | string; secret?: string } = {}) {
  const [key] = webhookKeys([new Secret(secret)])
  const signature = createHmac('sha256', key as Buffer)
    .update(`${id}.${at}.${body}`)
    .digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': `v1,${signature}` }
}
function verdict(headers: Record<string, string | string[] | undefined>, body: string | Buffer = BODY, secrets: readonly string[] = [SECRET]) {
  const proof = readProof(headers, Date.now())
  if (typeof proof === 'string') return proof
  return isProven(proof, Buffer.from(body), webhookKeys(secrets.map((secret) => new Secret(secret)))) ? 'proven' : 'wrong_signature'
}
const library = (headers: Record<string, string>, body = BODY, secret = SECRET) =>
  openai.webhooks.verifySignature(body, headers, secret).then(
    () => true,
    () => false,
  )

afterEach(() => {
  vi.useRealTimers()
})

describe('a proof', () => {
  it('is accepted here as by the library that customers use, and a changed body by neither', async () => {
    for (const body of [BODY, '', '{"a":"é\u{1f600}"}', ' {\n}']) {
      const headers = signed(body)
      expect([verdict(headers, body), await library(headers, body)]).toEqual(['proven', true])
      expect([verdict(headers, `${body} `), await library(headers, `${body} `)]).toEqual(['wrong_signature', false])
    }
  })

  it('is the one that Standard Webhooks describes: a vector that other software computed', () => {
    const key = Buffer.from(Array.from({ length: 32 }, (_, at) => at))
    const proof = { id: 'wh_lighthouse', timestamp: '1700000000', signatures: [Buffer.from('uvGb0iK3UXIooui7+LT3aGXSYV2zCjbL+X5H8vCQvcg=', 'base64')] }
    expect(isProven(proof, Buffer.from('{"lamp": "lit"}'), [key])).toBe(true)
    expect(isProven({ ...proof, timestamp: '1700000001' }, Buffer.from('{"lamp": "lit"}'), [key])).toBe(false)
  })

  it.each([
    ['300 seconds old', -300, 'proven', true],
    ['301 seconds old', -301, 'too_old', false],
    ['300 seconds ahead', 300, 'proven', true],
    ['301 seconds ahead', 301, 'too_new', false],
  ])('%s', async (_what, offset, expected, byLibrary) => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 })
    const headers = signed(BODY, { at: seconds() + offset })
    expect([verdict(headers), await library(headers)]).toEqual([expected, byLibrary])
  })

  it('may come under either of two secrets while they are rotated, and under no third', () => {
    const third = `whsec_${Buffer.from('whoever wants in').toString('base64')}`
    expect(verdict(signed(BODY, { secret: OTHER }), BODY, [SECRET, OTHER])).toBe('proven')
    expect(verdict(signed(BODY, { secret: SECRET }), BODY, [OTHER, SECRET])).toBe('proven')
    expect(verdict(signed(BODY, { secret: third }), BODY, [SECRET, OTHER])).toBe('wrong_signature')
    expect(verdict(signed(), BODY, [])).toBe('wrong_signature')
  })

  it('may have several signatures, and those of other versions are passed over', () => {
    const headers = signed()
    const good = headers['webhook-signature']
    const bad = `v1,${Buffer.alloc(32, 7).toString('base64')}`
    const withSignature = (value: string) => verdict({ ...headers, 'webhook-signature': value })
    expect(withSignature(`${bad} ${good}`)).toBe('proven')
    expect(withSignature(`v1a,c29tZXRoaW5n ${good} ${bad}`)).toBe('proven')
    expect(withSignature(`${bad} ${bad}`)).toBe('wrong_signature')
    expect(withSignature(good.replace('v1,', 'v2,'))).toBe('bad_proof')
    expect(withSignature(good.replace('v1,', ''))).toBe('bad_proof')
    expect(withSignature(Array(9).fill(bad).join(' '))).toBe('wrong_signature')
    expect(withSignature(`${Array(8).fill(bad).join(' ')} ${good}`)).toBe('wrong_signature')
    expect(withSignature(`${good}${' '.repeat(3000)}`)).toBe('bad_proof')
  })

  it('needs all its headers once, and an id even where the library signs without one', async () => {
    const headers = signed()
    for (const name of Object.keys(headers)) {
      expect(verdict({ ...headers, [name]: undefined })).toBe('no_proof')
      expect(verdict({ ...headers, [name]: [headers[name as keyof typeof headers], 'x'] })).toBe('no_proof')
      expect(verdict({ ...headers, [name]: [headers[name as keyof typeof headers]] })).toBe('proven')
    }
    const at = seconds()
    const signature = createHmac('sha256', Buffer.from(SECRET.slice(6), 'base64'))
      .update(`${at}.${BODY}`)
      .digest('base64')
    const without = { 'webhook-id': '', 'webhook-timestamp': String(at), 'webhook-signature': `v1,${signature}` }
    expect(await library(without)).toBe(true)
    expect(verdict(without)).toBe('bad_proof')
  })

  it.each(['', ' ', '-5', '1e9', '0x10', 'soon', '12345678901234', '1700000000.5'])('has a time in whole seconds, not %j', (at) => {
    expect(verdict(signed(BODY, { at }))).toBe('bad_proof')
  })

  it('does not let a part of the id become a part of the time', () => {
    const at = seconds()
    expect(verdict(signed(BODY, { id: `wh.${at}` }))).toBe('bad_proof')
  })

  it('is none under a secret that is no key', () => {
    expect(webhookKeys([new Secret('whsec_'), new Secret('whsec_%%%%'), new Secret('')])).toEqual([])
    expect(webhookKeys([new Secret('plain words')])).toEqual([Buffer.from('plain words')])
  })

  it('no single changed byte passes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, at, flip) => {
        const body = Buffer.from(bytes)
        const headers = readProof(signedBytes(body), Date.now())
        const changed = Buffer.from(body)
        changed[at % body.length] = (changed[at % body.length] ?? 0) ^ flip
        const keys = webhookKeys([new Secret(SECRET)])
        if (typeof headers === 'string') throw new Error(headers)
        expect([isProven(headers, body, keys), isProven(headers, changed, keys)]).toEqual([true, false])
      }),
    )
  })
})

function signedBytes(body: Buffer) {
  const at = seconds()
  const signature = createHmac('sha256', Buffer.from(SECRET.slice(6), 'base64'))
    .update(`wh_1.${at}.`)
    .update(body)
    .digest('base64')
  return { 'webhook-id': 'wh_1', 'webhook-timestamp': String(at), 'webhook-signature': `v1,${signature}` }
}
