// Offers as they come from callers: what goes on of them, and what is refused with which words.
import { describe, expect, it } from 'vitest'
import { rewriteOffer } from '../../../src/core/sdp/offer.js'
import { AIORTC, CHROMIUM, channel, chromiumAudio, FINGERPRINT, FIREFOX, PASSWORD, text, UFRAG } from './samples.js'

const rewritten = (offer: string, keepsChannel = false) => {
  const read = rewriteOffer(offer, keepsChannel)
  if (!read.ok) throw new Error(read.problem)
  return read.value
}
const linesOf = (sdp: string) => sdp.split('\r\n')

describe('media-only', () => {
  it('cuts the channel out of Chromium’s offer and changes nothing else', () => {
    const { sdp, sections, cut } = rewritten(CHROMIUM)
    expect(sdp).toBe(
      text('v=0', 'o=- 4611731400430051336 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0', 'a=extmap-allow-mixed', 'a=msid-semantic: WMS', ...chromiumAudio),
    )
    expect(sections).toEqual([{ kind: 'audio', mid: '0' }])
    expect(cut).toMatchObject({ at: 1, section: { kind: 'application', protocol: 'UDP/DTLS/SCTP', formats: 'webrtc-datachannel', mid: '1' } })
  })

  it.each([
    ['Firefox', FIREFOX],
    ['aiortc', AIORTC],
  ])('leaves no address of the caller in %s’s offer', (_name, offer) => {
    const { sdp, cut } = rewritten(offer)
    expect(sdp).not.toMatch(/192\.168|10\.4\.0|candidate|m=application|51234|40222/)
    expect(linesOf(sdp)).toEqual(expect.arrayContaining(['a=group:BUNDLE 0', 'c=IN IP4 0.0.0.0', 'a=rtcp:9 IN IP4 0.0.0.0', `a=fingerprint:sha-256 ${FINGERPRINT}`]))
    expect(sdp).toMatch(/\r\nm=audio 9 UDP\/TLS\/RTP\/SAVPF /)
    expect(cut?.at).toBe(1)
  })

  it('cuts a channel that stands first, and leaves out a group that loses its only member', () => {
    const { sdp, cut } = rewritten(text('v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', 'a=group:BUNDLE 1', 'a=group:LS 1 0', ...channel(), ...chromiumAudio))
    expect(cut?.at).toBe(0)
    expect(sdp).not.toContain('BUNDLE')
    expect(linesOf(sdp)).toContain('a=group:LS 0')
    expect(sdp.match(/^m=/gm)).toHaveLength(1)
  })

  it('takes an offer without a channel as it is', () => {
    const { cut, sdp } = rewritten(text('v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', 'a=group:BUNDLE 0', ...chromiumAudio))
    expect(cut).toBeUndefined()
    expect(linesOf(sdp)).toContain('a=group:BUNDLE 0')
  })
})

describe('shared', () => {
  it('keeps the channel, without its addresses', () => {
    const offer = text('v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', 'a=group:BUNDLE 0 1', ...chromiumAudio, ...channel('1', 'a=candidate:1 1 udp 1 10.0.0.1 5 typ host'))
    const { sdp, sections, cut } = rewritten(offer, true)
    expect(cut).toBeUndefined()
    expect(sections).toEqual([
      { kind: 'audio', mid: '0' },
      { kind: 'application', mid: '1' },
    ])
    expect(sdp).toBe(offer.replace(/a=candidate.*\r\n/, ''))
  })

  it('takes a channel of port 0, which goes the way of the audio', () => {
    const bundled = ['m=application 0 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 0.0.0.0', 'a=mid:1', 'a=bundle-only', 'a=sctp-port:5000']
    const { sdp } = rewritten(text('v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', 'a=group:BUNDLE 0 1', ...chromiumAudio, ...bundled), true)
    expect(sdp).toContain('\r\nm=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n')
  })
})

const video = ['m=video 9 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0', 'a=mid:2']
const without = (start: string) => CHROMIUM.replaceAll(new RegExp(`^${start}.*\r\n`, 'gm'), '')
const with_ = (from: string, to: string) => CHROMIUM.replace(from, to)

describe('refused', () => {
  const table: readonly (readonly [string, string, RegExp])[] = [
    ['nothing', '', /^does not begin with the lines v=0/],
    ['another version', with_('v=0', 'v=1'), /^does not begin/],
    ['no section', text('v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0'), /no media section/],
    ['too long', CHROMIUM + 'a=x:y\r\n'.repeat(2400), /longer than 16384 characters/],
    ['too many lines', CHROMIUM + 'a=x\r\n'.repeat(400), /more than 400 lines/],
    ['a long line', `${CHROMIUM}a=x:${'y'.repeat(1022)}\r\n`, /a line of more than 1024 characters/],
    ['a blank line in between', with_('a=rtcp-mux', '\r\na=rtcp-mux'), /has a line that is not/],
    ['a line break of old', with_('a=rtcp-mux\r\n', 'a=rtcp-mux\ra=x\r\n'), /has a line that is not/],
    ['a character beyond ASCII', with_('s=-', 's=é'), /has a line that is not/],
    ['a null', with_('s=-', 's=\0'), /has a line that is not/],
    ['a section in capitals', with_('m=application', 'M=application'), /has a line that is not/],
    ['a malformed section', with_('m=application 9', 'm= application 9'), /malformed m= line: section 2/],
    ['a port beyond 65535', with_('m=audio 9', 'm=audio 70000'), /malformed m= line: section 1/],
    ['a mid twice', with_('a=mid:1', 'a=mid:0'), /the same a=mid twice/],
    ['two mids in a section', with_('a=mid:1', 'a=mid:1\r\na=mid:7'), /malformed a=mid: section 2/],
    ['an odd mid', with_('a=mid:1', 'a=mid:1 2'), /malformed a=mid: section 2/],
    ['video', CHROMIUM + text(...video), /neither audio nor application: video/],
    ['two audio sections', CHROMIUM + text(...chromiumAudio).replace('a=mid:0', 'a=mid:2'), /exactly one audio section and has 2/],
    ['no audio section', text('v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', ...channel()), /exactly one audio section and has 0/],
    ['two channels', CHROMIUM + text(...channel('2')), /more than one application section/],
    ['sixteen sections', CHROMIUM + text(...Array.from({ length: 16 }, () => 'm=video 0 UDP/TLS/RTP/SAVPF 96')), /more than 16 media sections/],
    ['audio without encryption', with_('UDP/TLS/RTP/SAVPF', 'RTP/AVP'), /protocol is not UDP/],
    ['audio of port 0', with_('m=audio 9', 'm=audio 0'), /audio section of port 0/],
    ['another application', with_('UDP/DTLS/SCTP webrtc', 'TCP/RTP/AVP webrtc'), /no data channel/],
    ['no ufrag', without('a=ice-ufrag'), /no usable a=ice-ufrag for its audio section/],
    ['two ufrags', with_(`a=ice-ufrag:${UFRAG}`, `a=ice-ufrag:${UFRAG}\r\na=ice-ufrag:abcd`), /no usable a=ice-ufrag/],
    ['a short password', CHROMIUM.replaceAll(PASSWORD, 'short'), /no usable a=ice-pwd/],
    ['no fingerprint', without('a=fingerprint'), /no usable sha-256 a=fingerprint/],
    ['a weak fingerprint', CHROMIUM.replaceAll('sha-256', 'sha-1'), /no usable sha-256 a=fingerprint/],
  ]
  it.each(table)('%s', (_name, offer, problem) => {
    const read = rewriteOffer(offer, false)
    expect(read.ok).toBe(false)
    expect(!read.ok && read.problem).toMatch(problem)
  })

  it('in shared also a channel that does not say its way', () => {
    const read = rewriteOffer(CHROMIUM.replace(/(m=application[\s\S]*)a=ice-pwd.*\r\n/, '$1'), true)
    expect(!read.ok && read.problem).toMatch(/no usable a=ice-pwd for its application section/)
  })
})
