// What the simulated Twilio reads of TwiML, written by Twilio's own library, and what it refuses.
import twilio from 'twilio'
import { describe, expect, it } from 'vitest'
import { readTwiml } from '../../../src/simulator/carriers/twiml-reader.js'
import { fc } from '../../support/property.js'

const xml = (verbs: string) => `<?xml version="1.0" encoding="UTF-8"?><Response>${verbs}</Response>`

describe('readTwiml', () => {
  it('reads what the library of Twilio writes, with any text in it', () => {
    const texts = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((text) => text.trim() === text && !/\p{Cc}/u.test(text))
    fc.assert(
      fc.property(texts, texts, (value, target) => {
        const response = new twilio.twiml.VoiceResponse()
        const stream = response.connect({ action: 'https://phone.example/after?a=1&b=2' }).stream({ url: 'wss://phone.example/media' })
        stream.parameter({ name: 'ticket', value })
        response.dial(target)
        response.dial().sip(target)
        response.reject({ reason: 'busy' })
        response.hangup()
        expect(readTwiml(response.toString())).toEqual([
          { type: 'stream', url: 'wss://phone.example/media', parameters: { ticket: value }, action: 'https://phone.example/after?a=1&b=2' },
          { type: 'dial', target },
          { type: 'dial', target },
          { type: 'reject', reason: 'busy' },
          { type: 'hangup' },
        ])
      }),
    )
  })

  it('reads documents with spaces between the verbs, and empty ones', () => {
    expect(readTwiml('<Response>\n  <Hangup />\n</Response>')).toEqual([{ type: 'hangup' }])
    expect(readTwiml(xml(''))).toEqual([])
  })

  it.each([
    ['', 'not well-formed'],
    ['<Response>', 'not well-formed'],
    ['<Response></Response><Response></Response>', 'not well-formed'],
    ['<Response></Reponse>', 'closes nothing'],
    ['<Response><Hangup></Response></Hangup>', 'closes nothing'],
    ['<response></response>', 'begins with <Response>'],
    ['<Response a=b></Response>', 'not well-formed'],
    [xml('<Dial>a & b</Dial>'), 'is no entity'],
    [xml('<Dial>&evil;</Dial>'), 'is no entity'],
    [xml('<Dial></Dial>'), 'names nobody'],
    [xml('<Play>hello</Play>'), '<Play> is not simulated'],
    [xml('<Connect></Connect>'), 'has one <Stream>'],
    [xml('<Connect><Stream url="wss://phone.example/media?ticket=1"/></Connect>'), 'without query'],
    [xml('<Connect><Stream url="https://phone.example/media"/></Connect>'), 'without query'],
    [xml('<Connect><Stream url="wss://phone.example/media"><Parameter name="a"/></Stream></Connect>'), '<Parameter name value>'],
    [xml('x'.repeat(65_536)), 'at most 64 KiB'],
  ])('refuses %s', (document, why) => {
    expect(() => readTwiml(document)).toThrow(why)
  })
})
