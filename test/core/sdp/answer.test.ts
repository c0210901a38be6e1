// Answers as Azure writes them: the cut section is back in its place, and what does not fit the offer is refused.
import { describe, expect, it } from 'vitest'
import { rewriteAnswer } from '../../../src/core/sdp/answer.js'
import { rewriteOffer } from '../../../src/core/sdp/offer.js'
import { AIORTC, AZURE_MEDIA_ONLY, AZURE_SHARED, CHROMIUM, channel, chromiumAudio, text } from './samples.js'

function offered(offer: string, keepsChannel = false) {
  const read = rewriteOffer(offer, keepsChannel)
  if (!read.ok) throw new Error(read.problem)
  return read.value
}

describe('an answer', () => {
  it('has the cut section back at its end, rejected', () => {
    expect(rewriteAnswer(AZURE_MEDIA_ONLY, offered(CHROMIUM))).toEqual({
      ok: true,
      value: AZURE_MEDIA_ONLY + text('m=application 0 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 0.0.0.0', 'a=mid:1', 'a=inactive'),
    })
  })

  it('has it back in front if the caller had it there, spelled as the caller spelled it', () => {
    const offer = text('v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', ...channel(), ...chromiumAudio)
    const answer = rewriteAnswer(AZURE_MEDIA_ONLY, offered(offer))
    expect(answer.ok && answer.value.match(/^m=\w+ \d+/gm)).toEqual(['m=application 0', 'm=audio 9'])
    const old = rewriteAnswer(AZURE_MEDIA_ONLY, offered(AIORTC))
    expect(old.ok && old.value).toContain('\r\nm=application 0 DTLS/SCTP 5000\r\n')
  })

  it('has no mid there if the caller gave none', () => {
    const answer = rewriteAnswer(AZURE_MEDIA_ONLY, offered(CHROMIUM.replace('a=mid:1\r\n', '')))
    expect(answer.ok && answer.value).toMatch(/webrtc-datachannel\r\nc=IN IP4 0\.0\.0\.0\r\na=inactive\r\n$/)
  })

  it('of a shared call is passed on unchanged', () => {
    expect(rewriteAnswer(AZURE_SHARED, offered(CHROMIUM, true))).toEqual({ ok: true, value: AZURE_SHARED })
  })

  it.each([
    ['no description', '<html>', /a line that is not/],
    ['another number of sections', AZURE_SHARED, /other sections than the offer/],
    ['another mid', AZURE_MEDIA_ONLY.replace('a=mid:0', 'a=mid:9'), /other sections than the offer/],
    ['another kind', AZURE_MEDIA_ONLY.replace('m=audio', 'm=video'), /other sections than the offer/],
    ['refused audio', AZURE_MEDIA_ONLY.replace('m=audio 9', 'm=audio 0'), /refuses the audio section/],
    ['no fingerprint', AZURE_MEDIA_ONLY.replace(/a=fingerprint.*\r\n/, ''), /without ufrag, pwd or fingerprint/],
    ['too long', AZURE_MEDIA_ONLY + 'a=x:y\r\n'.repeat(20_000), /longer than 65536 characters/],
  ])('is refused: %s', (_name, answer, problem) => {
    const read = rewriteAnswer(answer, offered(CHROMIUM))
    expect(!read.ok && read.problem).toMatch(problem)
  })
})
