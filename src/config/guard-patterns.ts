// Says whether the relay can use a pattern: RE2's syntax, and small enough to be quick on every text.
import { createRequire } from 'node:module'

/** Loads with the first pattern: the library takes longer than the rest of the configuration. */
const load = createRequire(import.meta.url)

const MOST_CHARACTERS = 1000
/** Instructions. A search costs at most so many steps a character, in practice far fewer. */
const MOST_OF_ONE = 2000
/** Of all patterns of a guard, which are tried one after another. */
export const MOST_OF_ALL = 10_000

/** The size, or what is wrong; that quotes no pattern, which may be nobody's business. */
export function sizeOfPattern(pattern: string, ignoreCase: boolean): { readonly value: number } | { readonly problem: string } {
  if (pattern.length > MOST_CHARACTERS) return { problem: `has more than ${MOST_CHARACTERS} characters` }
  const { RE2JS } = load('re2js') as typeof import('re2js')
  try {
    const expression = RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0)
    if (expression.test('')) return { problem: 'matches an empty text, and so every text' }
    const value = expression.programSize()
    return value > MOST_OF_ONE ? { problem: `is too big: its repetitions make ${value} instructions, and ${MOST_OF_ONE} are the most` } : { value }
  } catch (error) {
    return { problem: `is no pattern of RE2, which has neither look-around nor back references (${reasonOf(error)})` }
  }
}

/** The library's words without the piece of the pattern that it quotes. */
function reasonOf(error: unknown): string {
  const words = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '').replace(/:? `[\s\S]*$/, '') : ''
  return words === '' ? 'unknown reason' : words
}
