// Patterns: what they block and change, and that no pattern and no text takes long.
import { describe, expect, it } from 'vitest'
import type { DenyPattern, RedactPattern } from '../../src/config/guard-config.js'
import { sizeOfPattern } from '../../src/config/guard-patterns.js'
import { createPatternGuard } from '../../src/guards/patterns.js'
import { fc } from '../support/property.js'
import { contextOf, output } from './guard-lab.js'

const LONGEST = 8192
const CARD = '\\b\\d(?:[ -]?\\d){12,18}\\b'

const deny = (...patterns: string[]): DenyPattern[] => patterns.map((pattern) => ({ pattern, category: 'pattern' }))
const redact = (pattern: string, replacement = '[removed]'): RedactPattern => ({ pattern, category: 'cards', replacement })
function guard({ denied = [] as DenyPattern[], redacted = [] as RedactPattern[], ignoreCase = false }) {
  const made = createPatternGuard('p', { kind: 'patterns', deny: denied, redact: redacted, ignoreCase })
  return (text: string) => made.check(output(text), contextOf())
}

describe('patterns', () => {
  it('block with the category of the first that matches, in any case if they say so', async () => {
    const check = guard({
      denied: [
        { pattern: 'bomb', category: 'weapons' },
        { pattern: 'größe', category: 'size' },
      ],
      ignoreCase: true,
    })
    expect(await check('A BOMB of great GRÖSSE')).toEqual({ type: 'block', category: 'weapons' })
    expect(await check('die GRÖßE')).toEqual({ type: 'block', category: 'size' })
    expect(await guard({ denied: deny('bomb') })('BOMB')).toEqual({ type: 'pass' })
  })

  it('redact every match, in order, with the replacement as it is', async () => {
    const check = guard({ redacted: [redact(CARD, '$1\\0'), redact('alice', 'A')] })
    expect(await check('alice pays with 4111 1111 1111 1111, and 5500-0000-0000-0004 too 🎧')).toEqual({
      type: 'redact',
      category: 'cards',
      text: 'A pays with $1\\0, and $1\\0 too 🎧',
    })
    expect(await check('bob pays with 4111')).toEqual({ type: 'pass' })
  })

  it('block what is denied even if it would be redacted, and what matches too often', async () => {
    expect(await guard({ denied: deny('secret'), redacted: [redact('secret')] })('secret')).toMatchObject({ type: 'block', category: 'pattern' })
    expect(await guard({ redacted: [redact('a')] })('a'.repeat(100))).toMatchObject({ type: 'redact' })
    expect(await guard({ redacted: [redact('a')] })('a'.repeat(101))).toEqual({ type: 'block', category: 'cards' })
  })

  it('leave no match behind, whatever the text', async () => {
    const check = guard({ redacted: [redact('[0-9]+', '#')] })
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: fc.constantFrom('1', '2', ' ', 'x', '🎧'), maxLength: 60 }), async (text) => {
        const answer = await check(text)
        expect(answer).toEqual(/[0-9]/.test(text) ? { type: 'redact', category: 'cards', text: text.replace(/[0-9]+/g, '#') } : { type: 'pass' })
      }),
    )
  })

  it('that stop other engines for years take milliseconds here', async () => {
    const catastrophic = [
      '(a+)+$',
      '(a|aa)+b',
      '(.*)*\\d{9}',
      '(x+x+)+y',
      '^(([a-z])+.)+[A-Z]([a-z])+$',
      '(?:a?){64}a{64}b',
      '(a*)*c',
      `${'.*'.repeat(12)}Z`,
      CARD,
      '(?i)([a-z]+)*[0-9]{5}$',
    ]
    const texts = ['a'.repeat(LONGEST - 1), 'x'.repeat(LONGEST), '4111 '.repeat(LONGEST / 5), 'the quick brown fox '.repeat(LONGEST / 20)].map(
      (text) => `${text.slice(0, LONGEST - 1)}!`,
    )
    const figures: string[] = []
    for (const pattern of catastrophic) {
      const checkDenied = guard({ denied: deny(pattern) })
      const checkRedacted = guard({ redacted: [redact(pattern)] })
      let slowest = 0
      for (const text of texts) {
        for (const check of [checkDenied, checkRedacted]) {
          const since = performance.now()
          await check(text)
          slowest = Math.max(slowest, performance.now() - since)
        }
      }
      figures.push(`${slowest.toFixed(1)} ms ${pattern}`)
      expect(slowest, pattern).toBeLessThan(5_000)
    }
    console.log(`slowest of ${LONGEST} characters, per pattern:\n  ${figures.join('\n  ')}`)
  })

  it('add little to a window of an answer', async () => {
    const check = guard({
      denied: deny(...Array.from({ length: 50 }, (_, index) => `\\b(?:word${index}|other${index}s?)\\b`)),
      redacted: [redact(CARD), redact('[\\w.]+@[\\w.]+\\.\\w+')],
      ignoreCase: true,
    })
    const window = 'Your order left our house this morning, and should be with you on Tuesday before noon. Is there anything else that I may do for you?'
    for (let warm = 0; warm < 200; warm++) await check(window)
    const since = performance.now()
    for (let turn = 0; turn < 500; turn++) await check(window)
    console.log(`${(((performance.now() - since) / 500) * 1000).toFixed(0)} µs a window of ${window.length} characters, 52 patterns`)
    expect(await check(window)).toEqual({ type: 'pass' })
  })
})

describe('a pattern', () => {
  it('must be one of RE2, small, and match something', () => {
    for (const pattern of ['(?=x)', '(?<!x)y', '(a)\\1', '(a', 'a{1001}', '((a{100}){100}){100}', '[z-a]', '(?P<n'])
      expect(sizeOfPattern(pattern, false), pattern).toEqual({ problem: expect.stringContaining('no pattern of RE2') })
    expect(sizeOfPattern('(?:[a-z]{1,500}[0-9]{1,500}){2}', false)).toEqual({ problem: expect.stringContaining('too big') })
    expect(sizeOfPattern('a*', false)).toEqual({ problem: expect.stringContaining('empty text') })
    expect(sizeOfPattern('x'.repeat(1001), false)).toEqual({ problem: expect.stringContaining('1000 characters') })
    expect(sizeOfPattern(CARD, true)).toEqual({ value: expect.any(Number) })
  })

  it('is not quoted in what is said about it', () => {
    const problem = sizeOfPattern('hunter2(((', false)
    expect(problem).toEqual({ problem: expect.not.stringContaining('hunter2') })
  })
})
