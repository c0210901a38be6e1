// Who calls: one form of a number, lists in which deny wins, a digest in place of the number, and nothing of a header that decides.
import { describe, expect, it } from 'vitest'
import { isListed, normalCalled, normalEntry, normalNumber } from '../../../src/core/policy/phone-number.js'
import { RefusalError } from '../../../src/core/protocol/errors.js'
import { phoneCaller } from '../../../src/ingress/phone/caller.js'
import { KEY, ring, TELEPHONY } from '../../support/phone-lab.js'
import { fc } from '../../support/property.js'

const number = fc.stringMatching(/^\+[1-9]\d{4,14}$/)
const separated = (text: string, at: readonly number[], marks: readonly string[]) =>
  [...text].map((character, index) => (index > 0 && at.includes(index) ? `${marks[index % marks.length]}${character}` : character)).join('')

describe('a number', () => {
  it('has one form, whatever stands between its digits', () => {
    const marks = fc.array(fc.constantFrom(' ', '-', '.', '(', ')', '/', '\t'), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(number, fc.array(fc.nat(14)), marks, (given, at, between) => {
        expect(normalNumber(separated(given, at, between))).toBe(given)
        expect(normalCalled(separated(given, at, between))).toBe(given)
        expect(normalNumber(normalNumber(given) ?? '')).toBe(given)
      }),
    )
  })

  it.each([
    ['030 123456'],
    ['0049301234'],
    ['+0301234567'],
    ['+1234'],
    [`+${'1'.repeat(16)}`],
    ['+49a30123'],
    ['anonymous'],
    [''],
    ['+'],
    ['+49;ext=5'],
    ['tel:+4930123'],
    ['+４９３０１２３４５'],
    [`+49${' '.repeat(200)}301234`],
  ])('is none: %s', (text) => expect(normalNumber(text)).toBeUndefined())

  it('that was called may be a SIP user, in lower case and bounded', () => {
    expect([normalCalled('Sales '), normalCalled('030 1'), normalCalled('x'.repeat(500)).length]).toEqual(['sales', '030 1', 128])
  })
})

describe('a list', () => {
  it('holds a number as it is, and by its beginning', () => {
    fc.assert(
      fc.property(number, number, fc.integer({ min: 0, max: 16 }), (one, other, length) => {
        const entry = normalEntry(`${one.slice(0, length)}*`)
        expect(normalEntry(one)).toBe(one)
        expect(isListed(other, [one])).toBe(one === other)
        expect(entry).toBe(`${one.slice(0, length)}*`)
        expect(isListed(other, [entry ?? ''])).toBe(other.startsWith(one.slice(0, length)))
      }),
    )
  })

  it.each([['49*'], ['++*'], ['+4*9'], ['**'], ['+49**'], ['+1234567890123456*'], ['+0*'], ['4930'], ['']])('has no such entry: %s', (text) =>
    expect(normalEntry(text)).toBeUndefined(),
  )
})

const refusal = (work: () => unknown) => {
  try {
    work()
    return 'admitted'
  } catch (error) {
    return error instanceof RefusalError ? `${error.code} ${error.why}` : error
  }
}

describe('a caller', () => {
  it('is a digest of the number: the same however it was written, another for another number or key', () => {
    const subjectOf = (from: string | undefined, key = KEY) => phoneCaller(ring({ from }), TELEPHONY, key).subject
    const subject = subjectOf('+4915112345678')
    expect(subject).toMatch(/^tel:[0-9a-f]{32}$/)
    expect(subjectOf('+49 (151) 123-45678')).toBe(subject)
    expect(subjectOf('+4915112345679')).not.toBe(subject)
    expect(subjectOf('+4915112345678', Buffer.alloc(32, 8))).not.toBe(subject)
    expect(subject).not.toContain('15112345678')
    expect([subjectOf(undefined), subjectOf('anonymous'), subjectOf('030 1234')]).toEqual(['tel:withheld', 'tel:withheld', 'tel:withheld'])
  })

  it('who calls a number is not named like who has it', () => {
    const { subject, numberDigest } = phoneCaller(ring({ from: '+4930123456', to: '+4930123456' }), TELEPHONY, KEY)
    expect(subject).not.toContain(numberDigest)
  })

  it('gets the profile of the number, else that of any, else none', () => {
    const profileOf = (to: string, profiles: Record<string, string>) => refusal(() => expect(phoneCaller(ring({ to }), { ...TELEPHONY, profiles }, KEY).profile).toBe('sales'))
    const profiles = { '+4930123456': 'sales' }
    expect(profileOf('+49 30 123456', profiles)).toBe('admitted')
    expect(profileOf('Sales', { sales: 'sales', '*': 'other' })).toBe('admitted')
    expect(profileOf('+49309', { '*': 'sales' })).toBe('admitted')
    for (const to of ['+49309', 'constructor', '__proto__', 'toString', '*', '']) expect(profileOf(to, profiles)).toBe('not_found number_without_profile')
  })

  it('is kept out by deny, whatever allow says, and by an allow list without it', () => {
    const numbers = fc.array(number, { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(numbers, numbers, number, fc.boolean(), (allow, deny, from, has) => {
        const callers = { allow: has ? allow : undefined, deny }
        const wanted = deny.includes(from) ? 'forbidden caller_denied' : has && !allow.includes(from) ? 'forbidden caller_not_allowed' : 'admitted'
        expect(refusal(() => phoneCaller(ring({ from }), { ...TELEPHONY, callers }, KEY))).toBe(wanted)
        const both = { allow: [from, '*'], deny: [`${from.slice(0, 4)}*`] }
        expect(refusal(() => phoneCaller(ring({ from }), { ...TELEPHONY, callers: both }, KEY))).toBe('forbidden caller_denied')
      }),
    )
  })

  it('without a number comes in if that is allowed and nobody is listed as the only ones', () => {
    const withheld = (rest: object) => refusal(() => phoneCaller(ring({ from: undefined }), { ...TELEPHONY, ...rest }, KEY))
    expect(withheld({})).toBe('admitted')
    expect(withheld({ callers: { allow: undefined, deny: ['*'] } })).toBe('admitted')
    expect(withheld({ withheld: 'refuse' })).toBe('forbidden number_withheld')
    expect(withheld({ callers: { allow: ['*'], deny: [] } })).toBe('forbidden number_withheld')
  })

  it('has the claims of the rules, and nothing without one', () => {
    const headers = { 'x-ref': ' 42\n{{claims.x}} ', 'x-long': 'é'.repeat(2000), 'x-empty': ' \u0000 ' }
    const claimsOf = (claims: Record<string, string>, rest = {}) => phoneCaller(ring({ headers, ...rest }), { ...TELEPHONY, claims }, KEY).claims
    expect(claimsOf({})).toEqual({})
    expect(claimsOf({ tel: 'from', line: 'to', via: 'carrier', kind: 'text: caller ', ref: 'header:X-Ref' })).toEqual({
      tel: '+4915112345678',
      line: '+493012345678',
      via: 'acs',
      kind: ' caller ',
      ref: '42 {{claims.x}}',
    })
    expect(claimsOf({ a: 'header:x-none', b: 'header:constructor', c: 'header:x-empty', tel: 'from' }, { from: undefined })).toEqual({})
    expect(claimsOf({ long: 'header:x-long' }).long).toHaveLength(256)
    expect(Object.keys(claimsOf({ ['__proto__']: 'from' }))).toEqual(['__proto__'])
  })
})
