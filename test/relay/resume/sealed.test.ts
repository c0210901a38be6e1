// What leaves an instance: only a secret of the client opens it, as that of its own session, and as it was sealed.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parcelIn, parcelText } from '../../../src/relay/resume/parcel.js'
import { callerDigest, isSame, newId, newSecret, proofOf } from '../../../src/relay/resume/secrets.js'
import { seal, unseal } from '../../../src/seal/sealed.js'

const id = newId()
const [first, second, other] = [proofOf(id, newSecret()), proofOf(id, newSecret()), proofOf(id, newSecret())]

describe('what is sealed', () => {
  it('is opened by each of the secrets that were good then, and by no other', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const sealed = seal(id, text, [first.key, second.key])
        expect(unseal(id, sealed, first.key)).toBe(text)
        expect(unseal(id, sealed, second.key)).toBe(text)
        expect(unseal(id, sealed, other.key)).toBeUndefined()
        expect(unseal(newId(), sealed, first.key)).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  it('shows nothing of its text, and never looks the same', () => {
    const text = 'My boat is called Albatross.'
    const [one, two] = [seal(id, text, [first.key]), seal(id, text, [first.key])]
    expect(one.includes('Albatross')).toBe(false)
    expect(one.equals(two)).toBe(false)
  })

  it('is not opened if a single bit of it was changed, or the end is missing', () => {
    const sealed = seal(id, 'My boat', [first.key])
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      expect(unseal(id, changed, first.key), `byte ${at}`).toBeUndefined()
      expect(unseal(id, sealed.subarray(0, at), first.key)).toBeUndefined()
    }
    expect(unseal(id, Buffer.alloc(0), first.key)).toBeUndefined()
  })
})

describe('a secret', () => {
  it('is known again, and neither it nor its key follows from what others are told', () => {
    const secret = newSecret()
    const proof = proofOf(id, secret)
    expect(isSame(proof, proofOf(id, secret))).toBe(true)
    expect(isSame(proof, proofOf(id, newSecret()))).toBe(false)
    expect(proof.digest.equals(proof.key)).toBe(false)
    expect(proofOf(newId(), secret).key.equals(proof.key)).toBe(false)
    expect(proof.digest.toString()).not.toContain(secret)
  })

  it('belongs to one caller, in one dialect', () => {
    const digests = [
      callerDigest({ subject: 'a', issuer: 'b' }, 'ga'),
      callerDigest({ subject: 'a', issuer: undefined }, 'ga'),
      callerDigest({ subject: 'a', issuer: 'b' }, 'preview'),
      callerDigest({ subject: 'a","b', issuer: undefined }, 'ga'),
    ]
    expect(new Set(digests).size).toBe(4)
  })
})

describe('a parcel', () => {
  const trace = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
  const counts = { first: 3, messages: ['{}'], received: 4, booked: { responses: 5 }, resumes: 6 }
  const parcel = { from: 'moved', at: 1, clock: 2, requestedModel: 'gpt', state: { a: 1 }, ...counts, trace } as const

  it('is read as it was written', () => {
    expect(parcelIn(parcelText(parcel))).toEqual(parcel)
    expect(parcelIn(parcelText({ ...parcel, requestedModel: undefined }))).toEqual({ ...parcel, requestedModel: undefined })
    expect(parcelIn(parcelText({ ...parcel, trace: undefined }))).toEqual({ ...parcel, trace: undefined })
    for (const trace of ['', 'canary', `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`, `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01\n`]) {
      expect([trace, parcelIn(parcelText({ ...parcel, trace }))?.trace]).toEqual([trace, undefined])
    }
  })

  it.each(['', 'null', '[]', '{}', JSON.stringify({ ...parcel, from: 'else' }), JSON.stringify({ ...parcel, first: '3' }), JSON.stringify({ ...parcel, state: [] })])(
    'is none: %s',
    (text) => {
      expect(parcelIn(text)).toBeUndefined()
    },
  )
})
