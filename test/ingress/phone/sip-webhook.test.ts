// What a proven SIP webhook means: a sheet of headers as trunks and attackers write them, and of bodies that are none.
import { describe, expect, it } from 'vitest'
import { sipAddress } from '../../../src/ingress/phone/sip/sip-address.js'
import { readWebhook } from '../../../src/ingress/phone/sip/webhook.js'
import { fc } from '../../support/property.js'

type Header = readonly [name: string, value: unknown]
const FROM: Header = ['From', '"Ann" <sip:+14255550100@trunk.example>;tag=1']
const TO: Header = ['To', '<sip:+18005550199@sip.example>']

function webhook(headers: readonly Header[], over: Record<string, unknown> = {}): Buffer {
  const data = { call_id: 'rtc_abc-1', sip_headers: headers.map(([name, value]) => ({ name, value })) }
  return Buffer.from(JSON.stringify({ object: 'event', id: 'evt_1', type: 'realtime.call.incoming', created_at: 1, data, ...over }))
}
function ringOf(headers: readonly Header[]) {
  const read = readWebhook(webhook(headers))
  if (read.type !== 'ring') throw new Error(read.type)
  return read.ring
}

describe('an address', () => {
  const nobody = { number: undefined, user: undefined }
  const number = (text: string) => ({ number: text, user: text })
  const user = (text: string) => ({ number: undefined, user: text })

  it.each([
    ['sip:+14255550100@trunk.example', number('+14255550100')],
    ['<sip:+14255550100@trunk.example>', number('+14255550100')],
    ['<sips:+14255550100@trunk.example:5061;transport=tls>;tag=as58', number('+14255550100')],
    ['SIP:+14255550100@TRUNK', number('+14255550100')],
    ['"Ann Example" <sip:+14255550100@trunk.example>;tag=1', number('+14255550100')],
    ['Ann <sip:+14255550100@trunk.example>', number('+14255550100')],
    ['tel:+1-425-555-0100', number('+14255550100')],
    ['<tel:+1(425)555.0100;phone-context=example.com>', number('+14255550100')],
    ['<sip:+14255550100;isub=1@trunk.example;user=phone>', number('+14255550100')],
    ['<sip:%2B14255550100@trunk.example>', number('+14255550100')],
    ['<sip:+14255550100:secret@trunk.example>', number('+14255550100')],
    ['<sip:18005550199@sip.example>', number('18005550199')],
    ['<sip:support.desk@sip.example>', user('support.desk')],
    ['<sip:proj_abc123@sip.example;transport=tls>', user('proj_abc123')],
    // The number in the display name, in quotes or not, is the caller's own invention.
    ['"sip:+19005550666@bank.example" <sip:+14255550100@trunk.example>', number('+14255550100')],
    ['"<sip:+19005550666@bank.example>" <sip:+14255550100@trunk.example>', number('+14255550100')],
    ['"a \\" <sip:+19005550666@bank.example>" <sip:+14255550100@trunk.example>', number('+14255550100')],
    ['<sip:+19005550666@bank.example> <sip:+14255550100@trunk.example>', nobody],
    ['"open <sip:+19005550666@bank.example>', nobody],
    ['<sip:+19005550666@bank.example', nobody],
    ['<sip:+19005550666@bank.example@trunk.example>', nobody],
    ['"Anonymous" <sip:anonymous@anonymous.invalid>', nobody],
    ['<sip:+14255550100@anonymous.invalid>', nobody],
    ['<sip:Restricted@trunk.example>', nobody],
    ['<sip:unavailable@unknown.invalid>', nobody],
    ['<sip:@trunk.example>', nobody],
    ['<sip:trunk.example>', nobody],
    ['<sip:%E0%A4%A@trunk.example>', nobody],
    ['<sip:+14255550100%0d%0aVia:x@trunk.example>', nobody],
    ['<sip:a b@trunk.example>', nobody],
    ['<http://trunk.example/+14255550100>', nobody],
    ['javascript:+14255550100', nobody],
    ['+14255550100', nobody],
    [`<sip:${'1'.repeat(21)}@trunk.example>`, user('1'.repeat(21))],
    [`"${'x'.repeat(300)}" <sip:+14255550100@trunk.example>`, nobody],
    ['', nobody],
  ])('%s', (text, expected) => {
    expect(sipAddress(text)).toEqual(expected)
  })

  it('is read out of any text, within its own alphabet', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'<>"\\;:@%sip+14.anonymous \r\n\u0000é'), maxLength: 80 }), (text) => {
        const { number, user } = sipAddress(text)
        expect(number ?? '+000').toMatch(/^\+?[0-9]{3,20}$/)
        expect(user ?? 'none').toMatch(/^[A-Za-z0-9+_.~!*'()-]{1,64}$/)
      }),
    )
  })
})

describe('a ring', () => {
  it('has the numbers, the call and the headers', () => {
    expect(ringOf([FROM, TO, ['X-Account', 'gold'], ['Call-ID', 'xyz@trunk']])).toEqual({
      carrier: 'sip',
      carrierCallId: 'rtc_abc-1',
      from: '+14255550100',
      to: '+18005550199',
      headers: { from: FROM[1], to: TO[1], 'x-account': 'gold', 'call-id': 'xyz@trunk' },
    })
  })

  it.each([
    ['no From', [TO], undefined],
    ['no number', [['From', '<sip:ann@example.com>'], TO], undefined],
    ['a number without its country', [['From', '<sip:4255550100@example.com>'], TO], undefined],
    ['the wish not to be shown', [FROM, TO, ['Privacy', 'id']], undefined],
    ['that wish among others', [FROM, TO, ['Privacy', 'header; user;critical']], undefined],
    ['the wish of nothing', [FROM, TO, ['Privacy', 'none']], '+14255550100'],
    ['two different Froms', [FROM, ['from', '<sip:+19005550666@bank.example>'], TO], undefined],
    ['the same From twice', [FROM, FROM, TO], '+14255550100'],
    ['a From that is no text', [['From', 5], TO], undefined],
    ['a From after forty other headers', [...Array.from({ length: 40 }, (_, n): Header => [`X-${n}`, 'x']), FROM, TO], '+14255550100'],
  ] as const)('of a caller with %s', (_what, headers, from) => {
    expect(ringOf(headers as readonly Header[]).from).toBe(from)
  })

  it('of a call to nobody has an empty callee', () => {
    expect(ringOf([FROM])).toMatchObject({ to: '' })
    expect(ringOf([FROM, ['To', '<sip:+1@x>;<sip:+2@x>']])).toMatchObject({ to: '' })
  })

  it('has at most 32 headers of 256 characters, without control characters', () => {
    const many = Array.from({ length: 50 }, (_, n): Header => [`X-${n}`, 'x'])
    expect(Object.keys(ringOf(many).headers)).toHaveLength(32)
    const hostile: readonly Header[] = [
      ['X-Long', 'x'.repeat(257)],
      ['X-Just', 'x'.repeat(256)],
      ['X-Line', 'a\r\nVia: b'],
      ['X-Nul', 'a\u0000b'],
      ['X-C1', 'a\u0085b'],
      ['X-Break', 'a\u2028b'],
      ['X Space', 'x'],
      ['X:Colon', 'x'],
      ['', 'x'],
      ['N'.repeat(65), 'x'],
      ['X-Twice', 'one'],
      ['x-twice', 'two'],
      ['__proto__', 'polluted'],
      ['constructor', 'mine'],
    ]
    const { headers } = ringOf(hostile)
    expect(Object.keys(headers).sort()).toEqual(['__proto__', 'constructor', 'x-just'])
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

describe('a body', () => {
  it.each(['live.call.incoming', 'live.transport.incoming', 'response.completed', 'realtime.call.incoming.v2', ''])('of the type %j is of no concern', (type) => {
    expect(readWebhook(webhook([FROM, TO], { type }))).toEqual({ type: 'other' })
  })

  it.each([
    ['no JSON', 'hello'],
    ['no object', '[]'],
    ['null', 'null'],
    ['no type', '{"data":{}}'],
    ['a type that is no text', '{"type":{"a":1}}'],
    ['no data', '{"type":"realtime.call.incoming"}'],
    ['no call', '{"type":"realtime.call.incoming","data":{"sip_headers":[]}}'],
    ['a call that leads elsewhere', '{"type":"realtime.call.incoming","data":{"call_id":"../../files/1","sip_headers":[]}}'],
    ['a call of 200 characters', JSON.stringify({ type: 'realtime.call.incoming', data: { call_id: 'x'.repeat(200) } })],
    ['an inherited type', '{"__proto__":{"type":"realtime.call.incoming"}}'],
  ])('with %s is bad', (_what, body) => {
    expect(readWebhook(Buffer.from(body))).toEqual({ type: 'bad' })
  })

  it('of any kind throws nothing, and a ring has nothing unbounded', () => {
    const named = fc.record({
      name: fc.constantFrom('From', 'To', 'Privacy', 'X-A', '__proto__', 'x\r\n'),
      value: fc.oneof(fc.string({ maxLength: 400 }), fc.jsonValue({ maxDepth: 2 })),
    })
    const event = fc.record({
      type: fc.constantFrom('realtime.call.incoming', 'live.call.incoming', 5),
      data: fc.oneof(
        fc.record({ call_id: fc.oneof(fc.constant('rtc_1'), fc.jsonValue()), sip_headers: fc.oneof(fc.array(named, { maxLength: 60 }), fc.jsonValue()) }),
        fc.jsonValue(),
      ),
    })
    fc.assert(
      fc.property(
        fc.oneof(
          event.map((value) => Buffer.from(JSON.stringify(value))),
          fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
        ),
        (body) => {
          const read = readWebhook(body)
          if (read.type !== 'ring') return
          const { from, to, headers, carrierCallId } = read.ring
          expect(carrierCallId).toMatch(/^[\w-]{1,128}$/)
          expect(from ?? '+000').toMatch(/^\+[0-9]{3,20}$/)
          expect(to.length).toBeLessThanOrEqual(64)
          expect(Object.keys(headers).length).toBeLessThanOrEqual(32)
          for (const value of Object.values(headers)) expect(value.length).toBeLessThanOrEqual(256)
        },
      ),
    )
  })
})
