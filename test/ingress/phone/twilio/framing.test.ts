// Twilio's frames: what each means, in the spelling of Twilio and in others, and what is written.
import { describe, expect, it } from 'vitest'
import { createTwilioFraming, eventOf, readStart } from '../../../../src/ingress/phone/twilio/framing.js'
import type { MediaFrame } from '../../../../src/ports/phone.js'
import { fc } from '../../../support/property.js'

const STREAM = 'MZ0123456789abcdef0123456789abcdef'
const CALL = 'CA0123456789abcdef0123456789abcdef'
const ACCOUNT = 'AC0123456789abcdef0123456789abcdef'
const AUDIO = Buffer.alloc(160, 0xff).toString('base64')

const read = (message: unknown, isBinary = false): MediaFrame => createTwilioFraming().read(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)), isBinary)
const media = (fields: Record<string, unknown>) => ({ event: 'media', sequenceNumber: '4', media: { track: 'inbound', chunk: '2', timestamp: '20', ...fields }, streamSid: STREAM })
const start = {
  event: 'start',
  sequenceNumber: '1',
  start: {
    accountSid: ACCOUNT,
    streamSid: STREAM,
    callSid: CALL,
    tracks: ['inbound'],
    mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
    customParameters: { ticket: 'once' },
  },
  streamSid: STREAM,
}

describe('read', () => {
  const sheet: readonly (readonly [string, unknown, MediaFrame])[] = [
    ['media', media({ payload: AUDIO }), { type: 'audio', audio: AUDIO, atMs: 20 }],
    ['media without a time', { event: 'media', media: { payload: AUDIO } }, { type: 'audio', audio: AUDIO, atMs: undefined }],
    ['media with other spaces and order', `{ "media": {"payload": "${AUDIO}", "timestamp": "5"}, "event": "media" }`, { type: 'audio', audio: AUDIO, atMs: 5 }],
    ['media with escaped slashes', '{"event":"media","media":{"timestamp":"1","payload":"\\/\\/\\/\\/"}}', { type: 'audio', audio: '////', atMs: 1 }],
    ['media with a number for a time', media({ payload: AUDIO, timestamp: 20 }), { type: 'audio', audio: AUDIO, atMs: undefined }],
    ['media with a negative time', media({ payload: AUDIO, timestamp: '-20' }), { type: 'audio', audio: AUDIO, atMs: undefined }],
    ['media without sound', media({ payload: '' }), { type: 'ignored' }],
    ['media without payload', media({}), { type: 'bad' }],
    ['media that is no base64', media({ payload: 'AAA"' }), { type: 'bad' }],
    ['media that is base64 for addresses', media({ payload: 'A-_A' }), { type: 'bad' }],
    ['media cut in a group', media({ payload: 'AAAAA' }), { type: 'bad' }],
    ['media with a line break', media({ payload: 'AAAA\nAAAA' }), { type: 'bad' }],
    ['media whose payload is an object', media({ payload: { a: 1 } }), { type: 'bad' }],
    ['media that would end the string', '{"event":"media","media":{"payload":"AAAA\\",\\"type\\":\\"x"}}', { type: 'bad' }],
    ['a frame cut off', `{"event":"media","media":{"payload":"${AUDIO}"`, { type: 'bad' }],
    ['dtmf', { event: 'dtmf', streamSid: STREAM, sequenceNumber: '5', dtmf: { track: 'inbound_track', digit: '1' } }, { type: 'key', key: '1' }],
    ['dtmf star', { event: 'dtmf', dtmf: { digit: '*' } }, { type: 'key', key: '*' }],
    ['dtmf of two', { event: 'dtmf', dtmf: { digit: '12' } }, { type: 'bad' }],
    ['dtmf of no key', { event: 'dtmf', dtmf: { digit: 'w' } }, { type: 'bad' }],
    ['dtmf as a number', { event: 'dtmf', dtmf: { digit: 1 } }, { type: 'bad' }],
    ['mark', { event: 'mark', sequenceNumber: '4', streamSid: STREAM, mark: { name: 'my label' } }, { type: 'mark', name: 'my label' }],
    ['mark without a name', { event: 'mark', mark: {} }, { type: 'bad' }],
    ['mark with a long name', { event: 'mark', mark: { name: 'x'.repeat(129) } }, { type: 'bad' }],
    ['stop', { event: 'stop', sequenceNumber: '5', stop: { accountSid: ACCOUNT, callSid: CALL }, streamSid: STREAM }, { type: 'stop' }],
    ['connected', { event: 'connected', protocol: 'Call', version: '1.0.0' }, { type: 'ignored' }],
    ['start', start, { type: 'ignored' }],
    ['something new', { event: 'transcript', text: 'x' }, { type: 'ignored' }],
    ['no event', { type: 'media' }, { type: 'bad' }],
    ['an event of another type', { event: 5 }, { type: 'bad' }],
    ['an inherited event', '{"__proto__":{"event":"stop"}}', { type: 'bad' }],
    ['an array', [media({ payload: AUDIO })], { type: 'bad' }],
    ['null', null, { type: 'bad' }],
    ['no JSON', 'hello', { type: 'bad' }],
    ['nothing', '', { type: 'bad' }],
  ]
  it.each(sheet)('%s', (_name, message, meaning) => {
    expect(read(message)).toEqual(meaning)
  })

  it('refuses every binary frame', () => {
    expect(read(media({ payload: AUDIO }), true)).toEqual({ type: 'bad' })
  })

  it('gives the same text of any sound, and never one that is not base64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (bytes) => {
        const audio = Buffer.from(bytes).toString('base64')
        expect(read(media({ payload: audio }))).toEqual({ type: 'audio', audio, atMs: 20 })
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (payload) => {
        const frame = read(media({ payload }))
        if (frame.type === 'audio') expect(Buffer.from(frame.audio, 'base64').toString('base64')).toHaveLength(payload.length)
        else expect(frame.type).toBe(payload === '' ? 'ignored' : 'bad')
      }),
    )
  })

  it('never throws, whatever comes', () => {
    const framing = createTwilioFraming()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), fc.boolean(), (bytes, isBinary, looksRight) => {
        const frame = Buffer.concat([Buffer.from(looksRight ? '{"event":"media","media":{"payload":"' : ''), bytes, Buffer.from(looksRight ? '"}}' : '')])
        expect(['audio', 'key', 'mark', 'stop', 'ignored', 'bad']).toContain(framing.read(frame, isBinary).type)
      }),
    )
    const deep = Buffer.from(`{"event":"media","media":{"payload":${'['.repeat(30_000)}${']'.repeat(30_000)}}}`)
    expect(framing.read(deep, false)).toEqual({ type: 'bad' })
  })
})

describe('start', () => {
  it('names the call, the account, the stream and the ticket', () => {
    expect(readStart(Buffer.from(JSON.stringify(start)))).toEqual({ callSid: CALL, accountSid: ACCOUNT, streamSid: STREAM, ticket: 'once' })
    expect(eventOf(Buffer.from(JSON.stringify(start)))).toBe('start')
  })

  it.each(['callSid', 'accountSid', 'streamSid', 'customParameters'])('without %s is none', (name) => {
    for (const value of [undefined, '', 5, 'x'.repeat(129), { ticket: 7 }]) {
      expect(readStart(Buffer.from(JSON.stringify({ ...start, start: { ...start.start, [name]: value } })))).toBeUndefined()
    }
  })
})

describe('what is written', () => {
  it('names the stream', () => {
    const framing = createTwilioFraming(STREAM)
    expect(JSON.parse(framing.media(AUDIO))).toEqual({ event: 'media', streamSid: STREAM, media: { payload: AUDIO } })
    expect(JSON.parse(framing.mark('a "b"'))).toEqual({ event: 'mark', streamSid: STREAM, mark: { name: 'a "b"' } })
    expect(JSON.parse(framing.clear())).toEqual({ event: 'clear', streamSid: STREAM })
    expect(JSON.parse(createTwilioFraming('MZ"2').clear())).toEqual({ event: 'clear', streamSid: 'MZ"2' })
    expect(framing.format).toBe('pcmu')
  })
})
