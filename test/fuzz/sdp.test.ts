// Hostile session descriptions: whatever a caller sends, no second way to the model's side comes out of it.
import { describe, expect, it } from 'vitest'
import { rewriteAnswer } from '../../src/core/sdp/answer.js'
import { rewriteOffer } from '../../src/core/sdp/offer.js'
import { AIORTC, AZURE_MEDIA_ONLY, CHROMIUM, FIREFOX } from '../core/sdp/samples.js'
import { anyCharacter } from '../support/any-character.js'
import { fc } from '../support/property.js'
import { PATIENCE, RUNS } from './runs.js'

const piece = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 12 }),
  fc.constantFrom(
    '\r',
    '\n',
    '\r\n',
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n',
    'm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n',
    'm=',
    'a=mid:1\r\n',
    'a=candidate:1 1 udp 1 10.9.8.7 5 typ host\r\n',
    'a=group:BUNDLE 1\r\n',
    '\0',
    ' ',
  ),
)
const change = fc.record({ at: fc.nat({ max: 4000 }), length: fc.nat({ max: 60 }), by: piece })
const changed = (sample: string, changes: readonly { at: number; length: number; by: string }[]) =>
  changes.reduce((now, { at, length, by }) => now.slice(0, at % (now.length + 1)) + by + now.slice((at % (now.length + 1)) + length), sample)
const offers = fc.tuple(fc.constantFrom(CHROMIUM, FIREFOX, AIORTC), fc.array(change, { maxLength: 6 })).map(([sample, changes]) => changed(sample, changes))

describe('an offer under fuzz', () => {
  it(
    'comes out with one audio section, no channel and no address, or is refused in one of our sentences',
    () => {
      fc.assert(
        fc.property(offers, (offer) => {
          const read = rewriteOffer(offer, false)
          if (!read.ok) return void expect(read.problem).toMatch(/^[a-z][\x20-\x7e]{1,120}$/)
          expect(read.value.sdp).toMatch(/^([a-z]=[\x20-\x7e]*\r\n)+$/)
          expect(read.value.sdp.match(/^m=/gim)).toEqual(['m='])
          expect(read.value.sdp).toMatch(/^m=audio 9 UDP\/TLS\/RTP\/SAVPF /m)
          expect(read.value.sdp).not.toMatch(/^a=candidate/m)
          // What was written is read again as the same.
          expect(rewriteOffer(read.value.sdp, false)).toEqual({ ok: true, value: { sdp: read.value.sdp, sections: read.value.sections, cut: undefined } })
        }),
        RUNS,
      )
    },
    PATIENCE,
  )

  it(
    'that is accepted has as many sections in its answer',
    () => {
      fc.assert(
        fc.property(offers, fc.array(change, { maxLength: 3 }), (offer, changes) => {
          const read = rewriteOffer(offer, false)
          if (!read.ok) return
          const answer = rewriteAnswer(changed(AZURE_MEDIA_ONLY, changes), read.value)
          if (answer.ok) expect(answer.value.match(/^m=/gm)).toHaveLength(1 + (read.value.cut ? 1 : 0))
          else expect(answer.problem).toMatch(/^[a-z][\x20-\x7e]{1,120}$/)
        }),
        RUNS,
      )
    },
    PATIENCE,
  )

  it(
    'of any text at all is refused',
    () => {
      fc.assert(
        fc.property(fc.string({ unit: anyCharacter, maxLength: 400 }), fc.boolean(), (text, keeps) => {
          expect(rewriteOffer(text, keeps).ok).toBe(false)
        }),
        RUNS,
      )
    },
    PATIENCE,
  )
})
