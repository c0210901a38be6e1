// Every reason for which a token can be refused has a sentence, read from the source that refuses.
import { describe, expect, it } from 'vitest'
import { refusalWords } from '../../src/cli/refusal-words.js'
import { sourceFiles } from '../support/source-files.js'

/** `explain` always has a token, and it is a user's: carriers of telephone calls have secrets. */
const NEVER = ['no_credential', 'wrong_secret']

const text = sourceFiles('src')
  .filter(({ path }) => /^src\/(auth|profiles)\//.test(path))
  .map((file) => file.text)
  .join('\n')
const thrown = [...text.matchAll(/RefusalError\('(?:unauthenticated|forbidden)', '(\w+)'/g)].map(([, why]) => why ?? '')
const causes = [...(/function causeOf[\s\S]*/.exec(text)?.[0].matchAll(/(?:return|\?|\?\?|:) '(\w+_\w+|expired)'/g) ?? [])].map(([, why]) => why ?? '')
const whys = [...new Set([...thrown, ...causes])].filter((why) => !NEVER.includes(why))

describe('a refused token', () => {
  it('is refused for many reasons', () => {
    expect(whys).toEqual(expect.arrayContaining(['malformed_token', 'bad_signature', 'wrong_issuer', 'unknown_profile', 'expired']))
  })

  it.each(whys)('%s has a sentence', (why) => {
    expect(refusalWords(why)).toMatch(/^[A-Z].{20,}[.?]$/)
  })
})
