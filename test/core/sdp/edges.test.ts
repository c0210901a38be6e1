// Offers and answers at the edge of what is allowed: the last size that passes and the first that does not, and what only nearly has a form.
import { describe, expect, it } from 'vitest'
import { rewriteAnswer } from '../../../src/core/sdp/answer.js'
import { rewriteOffer } from '../../../src/core/sdp/offer.js'
import { AZURE_MEDIA_ONLY, AZURE_SHARED, CHROMIUM, channel, chromiumAudio, FINGERPRINT, PASSWORD, text, UFRAG } from './samples.js'

const problemOf = (read: ReturnType<typeof rewriteOffer> | ReturnType<typeof rewriteAnswer>) => (read.ok ? 'none' : read.problem)
const offerProblem = (offer: string, keepsChannel = false) => problemOf(rewriteOffer(offer, keepsChannel))
const shared = { sections: ['audio', 'application'].map((kind, mid) => ({ kind, mid: String(mid) })), cut: undefined }
const answerProblem = (answer: string) => problemOf(rewriteAnswer(answer, { sections: [{ kind: 'audio', mid: '0' }], cut: undefined }))
const lineCount = (description: string) => description.split('\r\n').length - 1

/** With lines behind it, so that it is `chars` long. */
function grownTo(description: string, chars: number): string {
  const left = chars - description.length
  const whole = Math.floor(left / 500) - 1
  return [description, ...Array.from({ length: whole }, () => `a=x:${'y'.repeat(494)}\r\n`), `a=x:${'y'.repeat(left - whole * 500 - 6)}\r\n`].join('')
}

describe('a size', () => {
  it.each([
    ['an offer', offerProblem, CHROMIUM, 16_384, 400, 1024],
    ['an answer', answerProblem, AZURE_MEDIA_ONLY, 65_536, 1000, 2048],
  ] as const)('of %s may be the largest', (_, problem, good, chars, lines, lineChars) => {
    expect(problem(grownTo(good, chars))).toBe('none')
    expect(problem(grownTo(good, chars + 1))).toBe(`is longer than ${chars} characters`)
    const left = lines - lineCount(good)
    expect(problem(good + 'a=x\r\n'.repeat(left))).toBe('none')
    expect(problem(good + 'a=x\r\n'.repeat(left + 1))).toBe(`has more than ${lines} lines`)
    expect(problem(`${good}a=${'y'.repeat(lineChars - 2)}\r\n`)).toBe('none')
    expect(problem(`${good}a=${'y'.repeat(lineChars - 1)}\r\n`)).toBe(`has a line of more than ${lineChars} characters`)
  })

  it('may be sixteen sections and port 65535, as far as the form goes', () => {
    const sections = (count: number) => CHROMIUM + text(...Array.from({ length: count - 2 }, () => 'm=video 0 UDP/TLS/RTP/SAVPF 96'))
    expect(offerProblem(sections(16))).toMatch(/neither audio nor application/)
    expect(offerProblem(sections(17))).toBe('has more than 16 media sections')
    expect(offerProblem(CHROMIUM.replace('m=audio 9', 'm=audio 65535'))).toBe('none')
    expect(offerProblem(CHROMIUM.replace('m=audio 9', 'm=audio 65536'))).toBe('has a malformed m= line: section 1')
  })
})

describe('an offer is refused', () => {
  it.each([
    ['a version that only begins with zero', 'v=0', 'v=01', 'does not begin with the lines v=0, o= and s='],
    ['another third line', 's=-', 'i=-', 'does not begin with the lines v=0, o= and s='],
    ['a section with words before it', 'm=audio 9', 'm=x m=audio 9', 'has a malformed m= line: section 1'],
    ['a section with a blank behind it', 'SAVPF 111 0 8', 'SAVPF 111 0 8 ', 'has a malformed m= line: section 1'],
    ['a ufrag with a sign before it', `ufrag:${UFRAG}`, `ufrag:!${UFRAG}`, 'has no usable a=ice-ufrag for its audio section'],
    ['a ufrag with a sign behind it', `ufrag:${UFRAG}`, `ufrag:${UFRAG}!`, 'has no usable a=ice-ufrag for its audio section'],
    ['a password with a sign before it', `pwd:${PASSWORD}`, `pwd:!${PASSWORD}`, 'has no usable a=ice-pwd for its audio section'],
    ['a password with a sign behind it', `pwd:${PASSWORD}`, `pwd:${PASSWORD}!`, 'has no usable a=ice-pwd for its audio section'],
    ['a fingerprint of another name', 'fingerprint:sha-256', 'fingerprint:x-sha-256', 'has no usable sha-256 a=fingerprint for its audio section'],
    ['a fingerprint that is too long', FINGERPRINT, `${FINGERPRINT}:00`, 'has no usable sha-256 a=fingerprint for its audio section'],
    ['a channel with words before its protocol', '9 UDP/DTLS', '9 X/UDP/DTLS', 'has an application section that is no data channel'],
    ['a channel with words behind its protocol', 'DTLS/SCTP', 'DTLS/SCTP/X', 'has an application section that is no data channel'],
  ])('for %s', (_, from, to, problem) => {
    expect(CHROMIUM).toContain(from)
    expect(offerProblem(CHROMIUM.replaceAll(from, to))).toBe(problem)
  })
})

describe('an offer', () => {
  it('may have sections that are not named', () => {
    expect(offerProblem(CHROMIUM.replaceAll(/a=mid:.*\r\n/g, ''), true)).toBe('none')
  })

  it('keeps a line that only speaks of addresses', () => {
    const read = rewriteOffer(CHROMIUM.replace('a=sendrecv', 'a=sendrecv\r\na=note:a=candidate'), false)
    expect(read.ok && read.value.sdp).toContain('\r\na=note:a=candidate\r\n')
  })

  it('has no blanks in the groups that lose a member, nor a group of blanks', () => {
    const read = rewriteOffer(text('v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', 'a=group:BUNDLE  0  1', 'a=group:LS  1', ...chromiumAudio, ...channel()), false)
    expect(read.ok && read.value.sdp).toContain('\r\na=group:BUNDLE 0\r\n')
    expect(read.ok && read.value.sdp).not.toContain('a=group:LS')
  })
})

describe('an answer', () => {
  it.each(['ice-ufrag', 'ice-pwd', 'fingerprint'])('is refused without %s', (name) => {
    expect(answerProblem(AZURE_MEDIA_ONLY.replace(new RegExp(`a=${name}.*\r\n`), ''))).toBe('has a section without ufrag, pwd or fingerprint')
  })

  it('may refuse the channel, which then needs no way, and may not give one of port 1 without it', () => {
    const [audio = ''] = AZURE_SHARED.split('m=application')
    const answer = (port: number) => `${audio}m=application ${port} UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n`
    expect(problemOf(rewriteAnswer(answer(0), shared))).toBe('none')
    expect(problemOf(rewriteAnswer(answer(1), shared))).toBe('has a section without ufrag, pwd or fingerprint')
  })
})
