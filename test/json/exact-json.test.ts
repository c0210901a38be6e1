// Numbers come out as they went in, and only what is JSON goes in.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { bigIntOf, compareDecimals, decimalOf, isMultiple, isWhole } from '../../src/json/decimal.js'
import { type ExactNumber, isExactNumber, mapExact, numberOf, parseExact, stringifyExact } from '../../src/json/exact-json.js'
import { fc } from '../support/property.js'

const NUMBERS = ['2512292042121000001', '-9007199254740993', '1e400', '-0', '1.0', '0.1', '3.14159265358979323846', '1E+2', '123456789012345678901234567890.5', '1e-400', '0', '7']

describe('exact JSON', () => {
  it.each(NUMBERS)('%s is written as it was read', (number) => {
    const text = `{"a":[${number},{"b":${number}}]}`
    expect(stringifyExact(parseExact(text))).toBe(text)
  })

  it.each(['0', '7', '-1', '0.1', '9007199254740991', '1e-7'])('%s is a plain number', (number) => {
    expect(parseExact(number)).toBe(Number(number))
  })

  it.each([
    ['1.0', 1],
    ['1e2', 100],
    ['0.10', 0.1],
    ['9007199254740992', undefined],
    ['2512292042121000001', undefined],
    ['1e400', undefined],
    ['1e-400', undefined],
    ['0.1000000000000000055', undefined],
  ])('%s is the number %s', (text, value) => {
    expect(numberOf(parseExact(text) as ExactNumber)).toBe(value)
  })

  it('anything but its numbers is what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false } as object), (value) => {
        const text = JSON.stringify(value)
        expect(mapExact(parseExact(text), (exact) => Number(exact.value))).toEqual(JSON.parse(text))
        expect(JSON.parse(stringifyExact(parseExact(text)) ?? '')).toEqual(JSON.parse(text))
      }),
    )
  })

  it('a path names the place', () => {
    const seen: string[] = []
    mapExact(parseExact('{"a/b":[1.0,{"~":1.0}]}'), (exact, path) => seen.push(`${path} ${exact.value}`))
    expect(seen).toEqual(['/a~1b/0 1.0', '/a~1b/1/~0 1.0'])
  })

  it('an object that looks like a kept number is none', () => {
    expect(isExactNumber(parseExact('{"value":"1","isLosslessNumber":true}'))).toBe(false)
  })

  const corpus = '../shared/corpora/json-test-suite/test_parsing'
  it.skipIf(!existsSync(corpus))('skipped without the corpus: takes and refuses what JSON.parse does', () => {
    const accepts = (parse: (text: string) => unknown, text: string) => {
      try {
        parse(text)
        return true
      } catch (error) {
        // Too deep for a reader that recurses. The depth is bounded before.
        expect(error instanceof SyntaxError || error instanceof RangeError).toBe(true)
        return false
      }
    }
    const different = readdirSync(corpus).filter((name) => {
      const text = readFileSync(`${corpus}/${name}`, 'utf8')
      return accepts(JSON.parse, text) !== accepts(parseExact, text)
    })
    expect(different).toEqual([])
  })
})

describe('decimals', () => {
  it('equal values have one text', () => {
    const text = (number: string) => decimalOf(number).text
    expect(new Set(['100', '1e2', '1E+2', '100.0', '0.1e3'].map(text)).size).toBe(1)
    expect(new Set(['0', '-0', '0.00', '0e9'].map(text)).size).toBe(1)
    expect(text('2512292042121000001')).not.toBe(text('2512292042121000000'))
  })

  it('compare and divide as integers do', () => {
    const integer = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
    fc.assert(
      fc.property(integer, integer, fc.bigInt({ min: 1n, max: 1000n }), (a, b, step) => {
        const [left, right] = [decimalOf(String(a)), decimalOf(String(b))]
        expect(Math.sign(compareDecimals(left, right))).toBe(a < b ? -1 : a > b ? 1 : 0)
        expect(isMultiple(left, decimalOf(String(step)))).toBe(a % step === 0n)
        expect(bigIntOf(left)).toBe(a)
      }),
    )
  })

  it('fractions', () => {
    expect([isWhole(decimalOf('1.50e1')), isWhole(decimalOf('1.5'))]).toEqual([true, false])
    expect(isMultiple(decimalOf('0.07'), decimalOf('0.01'))).toBe(true)
    expect(isMultiple(decimalOf('0.075'), decimalOf('0.01'))).toBe(false)
    expect(compareDecimals(decimalOf('0.30000000000000001'), decimalOf('0.3'))).toBeGreaterThan(0)
    expect(compareDecimals(decimalOf('-2'), decimalOf('-10'))).toBeGreaterThan(0)
  })
})
