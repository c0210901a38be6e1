// What Twilio is told, compared with what Twilio's own library writes, and with any text in it.
import twilio from 'twilio'
import { describe, expect, it } from 'vitest'
import { connectStream, dial, hangUp, reject } from '../../../../src/ingress/phone/twilio/twiml.js'
import { fc } from '../../../support/property.js'

const address = { media: 'wss://phone.example/telephony/twilio/media', after: 'https://phone.example/telephony/twilio/after' }

describe('TwiML', () => {
  it('is what the library of Twilio writes', () => {
    const connected = new twilio.twiml.VoiceResponse()
    const stream = connected.connect({ action: address.after, method: 'POST' }).stream({ url: address.media })
    stream.parameter({ name: 'ticket', value: 'one-time' })
    expect(connectStream(address, 'one-time')).toBe(connected.toString())

    for (const reason of ['busy', 'rejected'] as const) {
      const refused = new twilio.twiml.VoiceResponse()
      refused.reject({ reason })
      expect(reject(reason)).toBe(refused.toString())
    }

    const ended = new twilio.twiml.VoiceResponse()
    ended.hangup()
    expect(hangUp()).toBe(ended.toString())

    const toNumber = new twilio.twiml.VoiceResponse()
    toNumber.dial('+14155550123')
    expect(dial('+14155550123')).toBe(toNumber.toString())
    expect(dial('tel:+14155550123')).toBe(toNumber.toString())

    const toSip = new twilio.twiml.VoiceResponse()
    toSip.dial().sip('sip:desk@pbx.example;transport=tls?x-a=1&x-b=2')
    expect(dial('sip:desk@pbx.example;transport=tls?x-a=1&x-b=2')).toBe(toSip.toString())
  })

  it('lets no text leave its place', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(dial(`+${text}`)).toMatch(/^<\?xml version="1\.0" encoding="UTF-8"\?><Response><Dial>[^<>"']*<\/Dial><\/Response>$/)
        expect(dial(`sip:${text}`)).toMatch(/^<\?xml version="1\.0" encoding="UTF-8"\?><Response><Dial><Sip>sip:[^<>"']*<\/Sip><\/Dial><\/Response>$/)
        expect(connectStream(address, text)).toMatch(/<Parameter name="ticket" value="[^<>"']*"\/><\/Stream><\/Connect><\/Response>$/)
        expect(dial(`+${text}`).replace(/&(amp|lt|gt|quot|apos);/g, '')).not.toContain('&')
      }),
    )
  })
})
