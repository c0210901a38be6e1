// The secrets that clients come back with: how they are made, how they are known again, and the key that each of them seals with.
import { createHash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { DialectName } from '../../core/protocol/dialect.js'
import type { Identity } from '../../ports/caller.js'

/** What is kept of a secret. */
export interface Proof {
  /** SHA-256 of the secret. */
  readonly digest: Buffer
  /** Seals what another instance may need. Neither the secret nor the digest follows from it. */
  readonly key: Buffer
}

const ID_BYTES = 16
const SECRET_BYTES = 32
const KEY_BYTES = 32
const PURPOSE = 'realtime relay: session export 1'

export function newId(): string {
  return randomBytes(ID_BYTES).toString('base64url')
}

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

export function proofOf(id: string, secret: string): Proof {
  return { digest: createHash('sha256').update(secret).digest(), key: Buffer.from(hkdfSync('sha256', secret, id, PURPOSE, KEY_BYTES)) }
}

export function isSame(a: Proof, b: Proof): boolean {
  return timingSafeEqual(a.digest, b.digest)
}

/** Under which the caller of a session is known to other instances. */
export function callerDigest({ issuer, subject }: Pick<Identity, 'issuer' | 'subject'>, dialect: DialectName): string {
  return createHash('sha256')
    .update(JSON.stringify([issuer ?? null, subject, dialect]))
    .digest('hex')
}
