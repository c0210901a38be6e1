// Twilio's signature, checked against what Twilio's own library makes and accepts.
import twilio from 'twilio'
import { describe, expect, it } from 'vitest'
import { type FormFields, isSignedByTwilio, twilioSignature } from '../../../../src/ingress/phone/twilio/signature.js'
import { fc } from '../../../support/property.js'

const { getExpectedTwilioSignature, validateRequest } = twilio as unknown as {
  getExpectedTwilioSignature(token: string, url: string, params: Record<string, unknown>): string
  validateRequest(token: string, signature: string, url: string, params: Record<string, unknown>): boolean
}

const TOKEN = '0123456789abcdef0123456789abcdef'
const OTHER = 'fedcba9876543210fedcba9876543210'
const publicUrl = new URL('https://phone.example')
const MEDIA = '/telephony/twilio/media'

const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const params = fc.dictionary(
  text.filter((name) => name !== '' && name !== '__proto__'),
  fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 4 })),
  { maxKeys: 12 },
)
const fieldsOf = (form: Record<string, string | string[]>): FormFields => Object.entries(form).flatMap(([name, value]) => [value].flat().map((one) => [name, one] as const))

describe('twilioSignature', () => {
  it('is what the library of Twilio makes, for any form', () => {
    fc.assert(
      fc.property(params, text, (form, token) => {
        const url = 'https://phone.example/telephony/twilio/voice?a=b%20c'
        expect(twilioSignature(token, url, fieldsOf(form))).toBe(getExpectedTwilioSignature(token, url, form))
      }),
    )
  })

  it('is accepted by the library of Twilio, and the other way round, after the form was sent as a form', () => {
    fc.assert(
      fc.property(params, (form) => {
        const sent = [...new URLSearchParams(fieldsOf(form) as [string, string][])]
        const signature = getExpectedTwilioSignature(TOKEN, 'https://phone.example/telephony/twilio/voice', form)
        const request = { publicUrl, isUpgrade: false, target: '/telephony/twilio/voice' }
        expect(isSignedByTwilio([signature], [TOKEN], request, sent)).toBe(true)
        expect(
          validateRequest(TOKEN, twilioSignature(TOKEN, 'https://phone.example/telephony/twilio/voice', fieldsOf(form)), 'https://phone.example/telephony/twilio/voice', form),
        ).toBe(true)
      }),
    )
  })
})

describe('isSignedByTwilio', () => {
  const upgrade = (signedUrl: string, token = TOKEN) => getExpectedTwilioSignature(token, signedUrl, {})
  const isUpgradeSigned = (signature: string, options: { url?: URL; target?: string; tokens?: string[] } = {}) =>
    isSignedByTwilio([signature], options.tokens ?? [TOKEN], { publicUrl: options.url ?? publicUrl, isUpgrade: true, target: options.target ?? MEDIA })

  it('takes the upgrade as it is signed: over wss', () => {
    expect(isUpgradeSigned(upgrade('wss://phone.example/telephony/twilio/media'))).toBe(true)
  })

  it.each([
    ['https instead of wss', 'https://phone.example/telephony/twilio/media'],
    ['a trailing slash', 'wss://phone.example/telephony/twilio/media/'],
    ['the default port', 'wss://phone.example:443/telephony/twilio/media'],
    ['another host', 'wss://phone.example.net/telephony/twilio/media'],
    ['another path', 'wss://phone.example/telephony/twilio/voice'],
    ['a query', 'wss://phone.example/telephony/twilio/media?x=1'],
    ['plain ws', 'ws://phone.example/telephony/twilio/media'],
  ])('refuses a signature over %s', (_what, signed) => {
    expect(isUpgradeSigned(upgrade(signed))).toBe(false)
  })

  it('takes either of two tokens, and no third', () => {
    const tokens = [OTHER, TOKEN]
    const url = 'wss://phone.example/telephony/twilio/media'
    expect(isUpgradeSigned(upgrade(url), { tokens })).toBe(true)
    expect(isUpgradeSigned(upgrade(url, OTHER), { tokens })).toBe(true)
    expect(isUpgradeSigned(upgrade(url, 'a'.repeat(32)), { tokens })).toBe(false)
    expect(isUpgradeSigned(upgrade(url), { tokens: [] })).toBe(false)
  })

  it('takes an address with a port of its own, signed with it or without', () => {
    const url = new URL('https://phone.example:8443')
    for (const signed of ['wss://phone.example:8443/telephony/twilio/media', 'wss://phone.example/telephony/twilio/media'])
      expect(isUpgradeSigned(upgrade(signed), { url })).toBe(true)
    expect(isUpgradeSigned(upgrade('wss://phone.example:443/telephony/twilio/media'), { url })).toBe(false)
  })

  it('checks path and query as they were sent', () => {
    const target = '/telephony/twilio/media/?a=%41&b'
    expect(isUpgradeSigned(upgrade(`wss://phone.example${target}`), { target })).toBe(true)
    expect(isUpgradeSigned(upgrade('wss://phone.example/telephony/twilio/media/?a=A&b'), { target })).toBe(false)
  })

  it('refuses a request target that names a host itself', () => {
    const target = '@evil.example/telephony/twilio/media'
    expect(isUpgradeSigned(upgrade(`wss://phone.example${target}`), { target })).toBe(false)
  })

  it('refuses no signature, two, and what is none', () => {
    const right = upgrade('wss://phone.example/telephony/twilio/media')
    const check = (given: string[] | undefined) => isSignedByTwilio(given, [TOKEN], { publicUrl, isUpgrade: true, target: MEDIA })
    expect(check([right])).toBe(true)
    for (const given of [undefined, [], [''], [right, right], [`${right} `], [right.slice(1)], [`${right},${right}`], [right.toLowerCase()], ['é'.repeat(14)]])
      expect(check(given)).toBe(false)
  })

  it('refuses a form of which one field was changed, added or taken away after signing', () => {
    const form = { CallSid: 'CA1', AccountSid: 'AC1', From: '+14155550100', To: '+14155550199' }
    const signature = getExpectedTwilioSignature(TOKEN, 'https://phone.example/v', form)
    const check = (fields: FormFields) => isSignedByTwilio([signature], [TOKEN], { publicUrl, isUpgrade: false, target: '/v' }, fields)
    const fields = fieldsOf(form)
    expect(check(fields)).toBe(true)
    expect(check([...fields].reverse())).toBe(true)
    for (const [index, [name]] of fields.entries()) {
      expect(check(fields.map((field, at) => (at === index ? ([name, 'x'] as const) : field)))).toBe(false)
      expect(check(fields.filter((_field, at) => at !== index))).toBe(false)
      expect(check([...fields, [name, 'x']])).toBe(false)
    }
  })
})
