// The token check under fuzz: a changed token is either still the same token or refused with one fixed reason.
import { describe, expect, it } from 'vitest'
import { RefusalError } from '../../src/core/protocol/errors.js'
import { authenticator, good, part, sign } from '../auth/tokens.js'
import { anyCharacter } from '../support/any-character.js'
import { fc } from '../support/property.js'
import { PATIENCE, RUNS } from './runs.js'

/** Splices, swaps, repeats and replaces pieces of a text. */
const change = fc.record({
  at: fc.nat({ max: 300 }),
  length: fc.nat({ max: 40 }),
  by: fc.oneof(fc.string({ unit: anyCharacter, maxLength: 12 }), fc.constantFrom('', '.', '=', ' ', '\n', '\0', 'A', '-', '_', '+', '/', '%2e', '\u00e9', 'eyJhbGciOiJub25lIn0')),
})
const apply = (text: string, changes: readonly { at: number; length: number; by: string }[]) =>
  changes.reduce((now, { at, length, by }) => now.slice(0, at % (now.length + 1)) + by + now.slice((at % (now.length + 1)) + length), text)

const header = fc.dictionary(fc.constantFrom('alg', 'kid', 'typ', 'jku', 'jwk', 'x5u', 'x5c', 'crit', 'b64', 'enc', 'zip', 'cty'), fc.jsonValue(), { maxKeys: 5 })
const payload = fc.dictionary(fc.constantFrom('sub', 'exp', 'nbf', 'iat', 'iss', 'aud', 'jti', 'profile', '__proto__'), fc.jsonValue(), { maxKeys: 6 })

async function outcome(verifying: Promise<unknown>): Promise<string> {
  try {
    await verifying
    return 'accepted'
  } catch (error) {
    expect(error).toBeInstanceOf(RefusalError)
    const { code, why } = error as RefusalError
    expect(code).toBe('unauthenticated')
    expect(why).toMatch(/^[a-z_]{1,40}$/)
    return why
  }
}

describe('a token under fuzz', () => {
  it(
    'that was changed anywhere is refused',
    async () => {
      const [token, front] = [await sign(good), authenticator()]
      expect(await outcome(front.verify(token))).toBe('accepted')
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
          const changed = apply(token, changes)
          expect((await outcome(front.verify(changed))) === 'accepted').toBe(changed === token)
        }),
        RUNS,
      )
    },
    PATIENCE,
  )

  it(
    'with any header and claims over somebody else’s signature is refused',
    async () => {
      const [token, front] = [await sign(good), authenticator()]
      const [ownHeader = '', ownPayload = '', signature = ''] = token.split('.')
      await fc.assert(
        fc.asyncProperty(header, payload, fc.constantFrom('both', 'header', 'payload', 'unsigned'), async (head, claims, which) => {
          const pieces = [which === 'payload' ? ownHeader : part(head), which === 'header' ? ownPayload : part(claims), which === 'unsigned' ? '' : signature]
          expect(await outcome(front.verify(pieces.join('.')))).not.toBe('accepted')
        }),
        RUNS,
      )
    },
    PATIENCE,
  )

  it(
    'well signed, with any claims, gives a sane caller or none',
    async () => {
      const front = authenticator()
      await fc.assert(
        fc.asyncProperty(payload, async (claims) => {
          const verified = await front.verify(await sign({ ...good, ...claims })).catch((error: unknown) => error)
          if (verified instanceof RefusalError) return
          expect(verified).toMatchObject({ subject: expect.stringMatching(/^[^\p{C}]{1,256}$/u), expiresAtMs: expect.any(Number) })
          expect(Number.isFinite((verified as { expiresAtMs: number }).expiresAtMs)).toBe(true)
        }),
        RUNS,
      )
    },
    PATIENCE,
  )

  it(
    'of any bytes is refused',
    async () => {
      const front = authenticator()
      await fc.assert(
        fc.asyncProperty(fc.oneof(fc.string({ unit: anyCharacter, maxLength: 400 }), fc.base64String({ maxLength: 400 })), async (text) => {
          expect(await outcome(front.verify(text))).not.toBe('accepted')
        }),
        RUNS,
      )
    },
    PATIENCE,
  )
})
