// The tokens of the simulated ACS: RS256 with keys of its own that can be rotated, and the wrong ones that a relay must refuse.
import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'

export interface TokenOptions {
  readonly audience?: string
  readonly issuer?: string
  /** Seconds from now. Negative: it is over. */
  readonly lifeSeconds?: number
  readonly claims?: Readonly<Record<string, unknown>>
}

export interface AcsTokens {
  /** As the service makes them: for media sockets they live for a day, for callbacks five minutes. */
  token(options?: TokenOptions): string
  /** Wrong ones. `none`: without a signature. `hs256`: signed with the public key as if it were a secret. `stranger`: a key nobody published. */
  forged(how: 'none' | 'hs256' | 'stranger' | 'altered', options?: TokenOptions): string
  /** The document at the address of the keys. */
  keySet(): { readonly keys: readonly object[] }
  /** From now on another key signs. The old one stays published unless `forget`. */
  rotate(forget?: boolean): void
}

interface Key {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const MEDIA_LIFE_S = 86_400
const MODULUS_BITS = 2048

export function createAcsTokens(setup: { readonly issuer: () => string; readonly audience: string; readonly now: () => number }): AcsTokens {
  let keys: readonly Key[] = [createKey()]
  const current = (): Key => keys.at(-1) as Key

  function payloadOf({ audience = setup.audience, issuer = setup.issuer(), lifeSeconds = MEDIA_LIFE_S, claims = {} }: TokenOptions): string {
    const now = Math.floor(setup.now() / 1000)
    return part({ iss: issuer, aud: audience, nbf: now - 1, iat: now, exp: now + lifeSeconds, jti: randomUUID(), ...claims })
  }
  function signed(key: Key, options: TokenOptions, kid = key.kid): string {
    const text = `${part({ alg: 'RS256', kid, typ: 'JWT' })}.${payloadOf(options)}`
    return `${text}.${sign('sha256', Buffer.from(text), key.privateKey).toString('base64url')}`
  }

  return {
    token: (options = {}) => signed(current(), options),
    forged(how, options = {}) {
      const { kid, publicKey } = current()
      switch (how) {
        case 'none':
          return `${part({ alg: 'none', kid, typ: 'JWT' })}.${payloadOf(options)}.`
        case 'hs256': {
          const text = `${part({ alg: 'HS256', kid, typ: 'JWT' })}.${payloadOf(options)}`
          return `${text}.${createHmac('sha256', publicKey.export({ type: 'spki', format: 'pem' }))
            .update(text)
            .digest('base64url')}`
        }
        case 'stranger':
          return signed(createKey(), options, kid)
        case 'altered': {
          const [head, , signature] = signed(current(), options).split('.')
          return `${head}.${payloadOf({ ...options, claims: { ...options.claims, altered: true } })}.${signature}`
        }
      }
    },
    keySet: () => ({ keys: keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' })) }),
    rotate(forget = false) {
      keys = [...(forget ? [] : keys), createKey()]
    },
  }
}

function createKey(): Key {
  return { kid: randomUUID(), ...generateKeyPairSync('rsa', { modulusLength: MODULUS_BITS }) }
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
