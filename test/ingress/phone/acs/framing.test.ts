// Frames of ACS media sockets, in every spelling that documents, samples and SDKs use; what is lifted is the same text that a parser finds.
import { StreamingData } from '@azure/communication-call-automation'
import { describe, expect, it } from 'vitest'
import { createAcsFraming } from '../../../../src/ingress/phone/acs/framing.js'
import { readFrame } from '../../../../src/simulator/carriers/acs-media.js'
import { fc } from '../../../support/property.js'

const AUDIO = Buffer.alloc(960, 'sound of a caller').toString('base64')
const AT = '2024-11-15T19:16:12.925Z'
const read = (frame: unknown, isBinary = false, framing = createAcsFraming()) => framing.read(Buffer.from(typeof frame === 'string' ? frame : JSON.stringify(frame)), isBinary)

describe('a frame with audio', () => {
  it.each([
    ['of the service', { kind: 'AudioData', audioData: { timestamp: AT, participantRawID: '8:acs:3d20e1de', data: AUDIO, silent: false } }, Date.parse(AT)],
    ['mixed', { kind: 'AudioData', audioData: { timestamp: AT, data: AUDIO, silent: false } }, Date.parse(AT)],
    ['marked as silent', { kind: 'AudioData', audioData: { timestamp: AT, data: AUDIO, silent: true } }, Date.parse(AT)],
    ['without a flag', { kind: 'AudioData', audioData: { timestamp: AT, data: AUDIO } }, Date.parse(AT)],
    ['without a time', { kind: 'AudioData', audioData: { data: AUDIO } }, undefined],
    ['with a time that is none', { kind: 'AudioData', audioData: { timestamp: 'never and ever', data: AUDIO } }, undefined],
    ['of another order', { audioData: { silent: false, data: AUDIO, timestamp: AT }, kind: 'AudioData' }, Date.parse(AT)],
    ['of the Python samples', { Kind: 'AudioData', AudioData: { Data: AUDIO }, StopAudio: null }, undefined],
    ['of Semantic Kernel', { kind: 'AudioData', audioData: { data: AUDIO } }, undefined],
    ['of the JavaScript SDK', { kind: 'audioData', audioData: { data: AUDIO, isSilent: false }, stopAudio: {} }, undefined],
    ['in capitals', { KIND: 'AUDIODATA', AUDIODATA: { DATA: AUDIO, TIMESTAMP: AT } }, Date.parse(AT)],
    ['with white space', JSON.stringify({ kind: 'AudioData', audioData: { timestamp: AT, data: AUDIO, silent: false } }, null, 2), Date.parse(AT)],
    [
      'with escapes, as .NET writes them',
      `{"kind":"AudioData","audioData":{"timestamp":"${AT}","data":"${AUDIO.replaceAll('+', '\\u002B').replaceAll('/', '\\/').replace('c', '\\u0063')}","silent":false}}`,
      Date.parse(AT),
    ],
    ['with a participant whose name looks like audio', { kind: 'AudioData', audioData: { participantRawID: '","data":"AAAA', data: AUDIO, silent: false } }, undefined],
    ['with more fields', { kind: 'AudioData', audioData: { inner: { data: 'AAAA' }, data: AUDIO, silent: false, more: { data: 'AAAA' } } }, undefined],
  ])('%s', (_name, frame, atMs) => {
    expect(read(frame)).toEqual({ type: 'audio', audio: AUDIO, atMs })
  })

  it('that names the audio twice means what a parser takes', () => {
    expect(read(`{"kind":"AudioData","audioData":{"data":"AAAA","data":"${AUDIO}"}}`)).toMatchObject({ audio: AUDIO })
    expect(read(`{"kind":"AudioData","audioData":{"data":"AAAA","silent":false},"audioData":{"data":"${AUDIO}","silent":false}}`)).toMatchObject({ audio: AUDIO })
  })

  it('is read as the SDK reads it, whatever stands in it', () => {
    const party = fc.option(fc.string({ maxLength: 20 }), { nil: undefined })
    const frames = fc.record({
      data: fc.uint8Array({ minLength: 1, maxLength: 40 }),
      participantRawID: party,
      silent: fc.boolean(),
      timestamp: fc.option(fc.constant(AT), { nil: undefined }),
    })
    fc.assert(
      fc.property(frames, fc.shuffledSubarray(['timestamp', 'participantRawID', 'data', 'silent'] as const, { minLength: 4 }), ({ data, ...others }, order) => {
        const fields = { ...others, data: Buffer.from(data).toString('base64') }
        const frame = JSON.stringify({ kind: 'AudioData', audioData: Object.fromEntries(order.map((name) => [name, fields[name]])) })
        expect(read(frame)).toEqual({ type: 'audio', audio: (StreamingData.parse(frame) as { data: string }).data, atMs: others.timestamp && Date.parse(AT) })
      }),
    )
  })
})

describe('another frame', () => {
  const metadata = (over: object = {}) => ({
    kind: 'AudioMetadata',
    audioMetadata: { subscriptionId: '89e8cb59', encoding: 'PCM', sampleRate: 24_000, channels: 1, length: 960, ...over },
  })

  it.each([
    ['the format as asked', metadata(), { type: 'ignored' }],
    ['no audio', { kind: 'AudioData', audioData: { data: '' } }, { type: 'ignored' }],
    ['a key', { kind: 'DtmfData', dtmfData: { data: '3' } }, { type: 'key', key: '3' }],
    ['a key in capitals', { Kind: 'DtmfData', DtmfData: { Data: '#' } }, { type: 'key', key: '#' }],
    ['a letter key', { kind: 'DtmfData', dtmfData: { data: 'd' } }, { type: 'key', key: 'D' }],
    ['a key by name', { kind: 'DtmfData', dtmfData: { data: 'pound' } }, { type: 'key', key: '#' }],
    ['a number by name', { kind: 'DtmfData', dtmfData: { data: 'Seven' } }, { type: 'key', key: '7' }],
    ['two keys', { kind: 'DtmfData', dtmfData: { data: '12' } }, { type: 'bad' }],
    ['a key that is a property', { kind: 'DtmfData', dtmfData: { data: 'constructor' } }, { type: 'bad' }],
    ['no key', { kind: 'DtmfData' }, { type: 'bad' }],
    ['words', { kind: 'TranscriptionData', transcriptionData: { text: 'x' } }, { type: 'ignored' }],
    ['what nobody knows', { kind: 'Tomorrow' }, { type: 'ignored' }],
    ['no kind', { audioData: { data: AUDIO } }, { type: 'bad' }],
    ['a kind that is none', { kind: 5 }, { type: 'bad' }],
    ['no base64', { kind: 'AudioData', audioData: { data: 'AAA*' }, more: 1 }, { type: 'bad' }],
    ['half a group', { kind: 'AudioData', audioData: { data: 'AAAAA' } }, { type: 'bad' }],
    ['audio that is no text', { kind: 'AudioData', audioData: { data: 5 } }, { type: 'bad' }],
    ['a list', '[]', { type: 'bad' }],
    ['nothing', '', { type: 'bad' }],
    ['half of one', '{"kind":"AudioData","audioData":{"data":"AAAA', { type: 'bad' }],
    ['depth', '{"kind":'.repeat(5000), { type: 'bad' }],
    ['too much', { kind: 'AudioData', audioData: { data: 'A'.repeat(65_536) } }, { type: 'bad' }],
  ])('%s', (_name, frame, expected) => {
    expect(read(frame)).toEqual(expected)
  })

  it('is none if it is binary', () => {
    expect(read({ kind: 'AudioData', audioData: { data: AUDIO } }, true)).toEqual({ type: 'bad' })
  })

  it.each([[metadata({ sampleRate: 16_000 })], [metadata({ channels: 2 })], [metadata({ encoding: 'MULAW' })], [{ kind: 'AudioMetadata' }]])(
    'that announces noise makes noise of what follows: %j',
    (announced) => {
      const framing = createAcsFraming()
      const audio = { kind: 'AudioData', audioData: { timestamp: AT, data: AUDIO, silent: false } }
      expect([read(announced, false, framing), read(audio, false, framing)]).toEqual([{ type: 'bad' }, { type: 'bad' }])
      expect([read(metadata(), false, framing).type, read(audio, false, framing).type]).toEqual(['ignored', 'audio'])
      expect(read(audio).type).toBe('audio')
    },
  )

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), fc.boolean(), (text, isBinary) => {
        expect(['audio', 'key', 'ignored', 'bad']).toContain(read(text, isBinary).type)
      }),
    )
  })
})

describe('what is written', () => {
  it('is spelled as the samples spell it', () => {
    const framing = createAcsFraming()
    expect(JSON.parse(framing.media(AUDIO))).toEqual({ Kind: 'AudioData', AudioData: { Data: AUDIO }, StopAudio: null })
    expect(JSON.parse(framing.clear())).toEqual({ Kind: 'StopAudio', AudioData: null, StopAudio: {} })
    expect(framing.mark).toBeUndefined()
    expect(readFrame(framing.media(AUDIO))).toEqual(Buffer.from(AUDIO, 'base64'))
    expect(readFrame(framing.clear())).toBe('stop')
  })

  it('has the same sound in every frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 2000 }), (bytes) => {
        const audio = Buffer.from(bytes).toString('base64')
        const framing = createAcsFraming()
        expect(read(framing.media(audio))).toEqual({ type: 'audio', audio, atMs: undefined })
      }),
    )
  })
})
