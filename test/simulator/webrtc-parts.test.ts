// Parts of WebRTC calls by themselves: offers, RTP packets, and how loud a caller is.
import { describe, expect, it } from 'vitest'
import { isShown } from '../../src/simulator/webrtc/channel-filter.js'
import { readOffer } from '../../src/simulator/webrtc/offer.js'
import { toneFrame } from '../../src/simulator/webrtc/opus-tones.js'
import { createRtpWriter, readRtp } from '../../src/simulator/webrtc/rtp.js'
import { createSecrets } from '../../src/simulator/webrtc/secrets.js'
import { createUplink } from '../../src/simulator/webrtc/uplink.js'
import { fc } from '../support/property.js'

const LEVEL_ID = 3
/** A packet whose first byte of Opus is `toc`, with these bytes of header extensions. */
function packet(toc: number, { profile = 0xbede, extension = [] as number[], sequence = 1, type = 111, size = 60 } = {}): Buffer {
  const head = Buffer.alloc(12)
  head[0] = extension.length > 0 ? 0x90 : 0x80
  head[1] = type
  head.writeUInt16BE(sequence, 2)
  const about = Buffer.alloc(extension.length > 0 ? 4 : 0)
  if (extension.length > 0) {
    about.writeUInt16BE(profile, 0)
    about.writeUInt16BE(extension.length / 4, 2)
  }
  return Buffer.concat([head, about, Buffer.from(extension), Buffer.from([toc]), Buffer.alloc(size - 1)])
}

describe('an RTP packet', () => {
  it.each([
    ['SILK, 10 ms', 0x00, 10],
    ['SILK, 60 ms', 0x18, 60],
    ['hybrid, 20 ms', 0x78, 20],
    ['CELT, 2.5 ms', 0x80, 2.5],
    ['CELT, 20 ms', 0xf8, 20],
    ['two frames of 20 ms', 0xf9, 40],
  ])('has the length that its Opus says: %s', (_name, toc, ms) => {
    expect(readRtp(packet(toc), undefined)).toMatchObject({ ms, size: 60, level: undefined })
  })

  it.each([
    ['one byte', 0xbede, [0x10, 0x07, LEVEL_ID << 4, 0x80 | 33]],
    ['one byte, after padding', 0xbede, [0, 0, LEVEL_ID << 4, 33]],
    ['two bytes', 0x1000, [LEVEL_ID, 1, 0x80 | 33, 0]],
  ])('tells its level in an extension with a head of %s', (_name, profile, extension) => {
    expect(readRtp(packet(0xf8, { profile, extension }), LEVEL_ID)?.level).toBe(33)
    expect(readRtp(packet(0xf8, { profile, extension }), undefined)?.level).toBeUndefined()
    expect(readRtp(packet(0xf8, { profile, extension }), 9)?.level).toBeUndefined()
  })

  it('of any bytes is read or not, and never breaks', () => {
    const valid = fc.constantFrom(0x80, 0x90, 0xb0, 0x9f)
    fc.assert(
      fc.property(valid, fc.uint8Array({ maxLength: 80 }), (first, bytes) => {
        const read = readRtp(Buffer.from([first, ...bytes]), LEVEL_ID)
        if (read) expect([read.ms >= 0 && read.ms <= 120, read.size >= 0 && read.size <= bytes.length - 11, (read.level ?? 0) <= 127]).toEqual([true, true, true])
      }),
    )
  })

  it('is written as it is read, around the end of its numbers', () => {
    const writer = createRtpWriter(7, 111, { sequence: 0xfffe, time: 0xffff_ffff })
    const written = [writer.write(toneFrame(0), 960, true), writer.write(toneFrame(51), 960, false)]
    expect(written.map((one) => readRtp(one, undefined))).toEqual([
      { sequence: 0xffff, payloadType: 111, ms: 20, size: 40, level: undefined },
      { sequence: 0, payloadType: 111, ms: 20, size: 40, level: undefined },
    ])
    expect(written.map((one) => [one[1], one.readUInt32BE(4), one.readUInt32BE(8)])).toEqual([
      [0x80 | 111, 959, 7],
      [111, 1919, 7],
    ])
    expect(toneFrame(51)).toEqual(toneFrame(1))
  })
})

describe('a caller', () => {
  function hearing(levelId: number | undefined) {
    const heard: Buffer[] = []
    const uplink = createUplink({ opus: 111, levelId, hear: (pcm) => heard.push(pcm), speaking: () => false, after: () => undefined })
    return { heard, uplink }
  }

  it('is as loud as each packet says, for as long as it lasts', () => {
    const { heard, uplink } = hearing(LEVEL_ID)
    for (const [index, level] of [0, 20, 40, 127].entries()) uplink.take(packet(0xf8, { sequence: index, extension: [LEVEL_ID << 4, level, 0, 0] }))
    expect(heard.map((pcm) => [pcm.length, Math.abs(pcm.readInt16LE(0))])).toEqual([
      [960, 32_767],
      [960, 3277],
      [960, 328],
      [960, 0],
    ])
  })

  it('is heard by the size of packets without levels', () => {
    const { heard, uplink } = hearing(undefined)
    for (const [index, size] of [10, 80].entries()) uplink.take(packet(0xf8, { sequence: index, size }))
    expect(heard.map((pcm) => Math.abs(pcm.readInt16LE(0)))).toEqual([0, 3277])
  })

  it('is not heard twice, nor late, nor in another codec', () => {
    const { heard, uplink } = hearing(undefined)
    for (const sequence of [0xffff, 0xffff, 0, 0xfffe, 1]) uplink.take(packet(0xf8, { sequence }))
    uplink.take(packet(0xf8, { sequence: 2, type: 0 }))
    uplink.take(Buffer.from('not a packet'))
    expect(heard.length).toBe(3)
  })
})

describe('an offer', () => {
  const AUDIO = 'm=audio 9 UDP/TLS/RTP/SAVPF 96 9 0 8\r\na=mid:0\r\na=rtpmap:96 opus/48000/2\r\na=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n'
  const CHANNEL = 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n'

  it('is read in its order, with G.711 that has no line of its own', () => {
    expect(readOffer(`v=0\r\na=group:BUNDLE 0 1\r\n${CHANNEL}${AUDIO}`)).toMatchObject({
      ok: true,
      offer: {
        audio: { mid: '0', opus: 96, pcmu: 0, pcma: 8, levelId: 2 },
        bundles: true,
        parts: [
          { kind: 'channel', mid: '1' },
          { kind: 'audio', mid: '0' },
        ],
      },
    })
  })

  it('with bare line ends is made whole', () => {
    const read = readOffer(`v=0\n${AUDIO.replaceAll('\r\n', '\n')}`)
    expect(read.ok && read.offer.sdp).toBe(`v=0\r\n${AUDIO}`)
  })

  it('puts no name of its own making into our lines', () => {
    expect(readOffer(`v=0\r\n${AUDIO.replace('a=mid:0', 'a=mid:0 x=y')}`)).toMatchObject({ ok: true, offer: { audio: { mid: '0' } } })
  })

  it('of any lines is read or refused, and never breaks', () => {
    const line = fc.constantFrom(
      'v=0',
      'm=audio',
      'm=audio 9 x 111',
      'm=application 9 webrtc-datachannel',
      'a=mid:',
      'a=rtpmap:111 opus/48000',
      'a=rtpmap:999 opus/48000',
      'a=extmap:',
      '',
      '\r',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(line, fc.string())), (lines) => {
        const read = readOffer(['v=0', ...lines].join('\n'))
        if (read.ok) expect(read.offer.audio.opus).toBeLessThanOrEqual(127)
        else expect(read.message).toMatch(/^The SDP offer cannot be used: .+\.$/)
      }),
    )
  })
})

it('a client secret is forgotten in time, and the oldest when there are too many', () => {
  let now = 100
  const secrets = createSecrets(() => now)
  const session = { type: 'realtime', deployment: 'a', settings: {} } as const
  secrets.keep('ek_first', session, 110)
  expect(secrets.find('ek_first')).toBe(session)
  now = 110
  expect(secrets.find('ek_first')).toBeUndefined()
  now = 0
  for (let i = 0; i < 1000; i++) secrets.keep(`ek_${i}`, session, 110)
  expect(['ek_first', 'ek_0', 'ek_999'].map((value) => secrets.find(value) !== undefined)).toEqual([false, true, true])
})

it('the filter hides the session, calls, responses and errors', () => {
  const hidden = [
    'session.created',
    'session.updated',
    'response.created',
    'response.done',
    'response.function_call_arguments.done',
    'rate_limits.updated',
    'error',
    'output_audio_buffer.cleared',
  ]
  expect(hidden.filter(isShown)).toEqual([])
  expect(['conversation.item.added', 'response.output_audio_transcript.done', 'input_audio_buffer.speech_started'].every(isShown)).toBe(true)
})
