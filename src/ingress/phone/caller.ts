// Decides who calls and what of the server's a call gets, by what the carrier says and the admin's rules alone. Pure.
import { createHmac } from 'node:crypto'
import type { TelephonyConfig } from '../../config/telephony-config.js'
import { isListed, normalCalled, normalNumber } from '../../core/policy/phone-number.js'
import { RefusalError } from '../../core/protocol/errors.js'
import type { Ring } from '../../ports/phone.js'

export const PHONE_ISSUER = 'telephone'
/** All who withhold their number are one caller: none can have more by it. */
export const WITHHELD_SUBJECT = 'tel:withheld'

const DIGEST_CHARS = 32
/** Of one claim. */
const MOST_CLAIM = 256

export interface PhoneCaller {
  readonly subject: string
  readonly isWithheld: boolean
  /** Of the number that was called. */
  readonly numberDigest: string
  readonly profile: string
  readonly claims: Readonly<Record<string, string>>
}

/** The same for all relays that have the key, and no way back to the number without it. */
export function digestOf(key: Buffer, kind: 'caller' | 'called', number: string): string {
  return createHmac('sha256', key).update(`${kind} ${number}`).digest('hex').slice(0, DIGEST_CHARS)
}

/** Throws a `RefusalError`, which names no number. */
export function phoneCaller(ring: Ring, config: Pick<TelephonyConfig, 'profiles' | 'callers' | 'withheld' | 'claims'>, key: Buffer): PhoneCaller {
  const from = ring.from === undefined ? undefined : normalNumber(ring.from)
  const to = normalCalled(ring.to)
  const profile = profileOf(to, config.profiles)
  if (profile === undefined) throw new RefusalError('not_found', 'number_without_profile')
  checkLists(from, config)
  return {
    subject: from === undefined ? WITHHELD_SUBJECT : `tel:${digestOf(key, 'caller', from)}`,
    isWithheld: from === undefined,
    numberDigest: digestOf(key, 'called', to),
    profile,
    claims: claimsOf(ring, from, to, config.claims),
  }
}

function profileOf(to: string, profiles: TelephonyConfig['profiles']): string | undefined {
  return Object.hasOwn(profiles, to) ? profiles[to] : Object.hasOwn(profiles, '*') ? profiles['*'] : undefined
}

/** `deny` wins. A list of those who may come in holds nobody without a number. */
function checkLists(from: string | undefined, { callers: { allow, deny }, withheld }: Pick<TelephonyConfig, 'callers' | 'withheld'>): void {
  if (from === undefined) {
    if (withheld === 'refuse' || allow !== undefined) throw new RefusalError('forbidden', 'number_withheld')
    return
  }
  if (isListed(from, deny)) throw new RefusalError('forbidden', 'caller_denied')
  if (allow !== undefined && !isListed(from, allow)) throw new RefusalError('forbidden', 'caller_not_allowed')
}

/** What the call does not have is no claim. */
function claimsOf(ring: Ring, from: string | undefined, to: string, rules: TelephonyConfig['claims']): Readonly<Record<string, string>> {
  const claims: Record<string, string> = {}
  for (const [claim, source] of Object.entries(rules)) {
    const value = claimValue(source, ring, from, to)
    if (value !== undefined) Object.defineProperty(claims, claim, { value, enumerable: true, configurable: true, writable: true })
  }
  return claims
}

function claimValue(source: string, { carrier, headers }: Ring, from: string | undefined, to: string): string | undefined {
  if (source === 'from') return from
  if (source === 'to') return to
  if (source === 'carrier') return carrier
  if (source.startsWith('text:')) return source.slice('text:'.length)
  const name = source.slice('header:'.length).toLowerCase()
  return Object.hasOwn(headers, name) ? oneLine(headers[name]) : undefined
}

/** Whoever calls may have written it. */
function oneLine(text: string | undefined): string | undefined {
  const line = text
    ?.slice(0, 4 * MOST_CLAIM)
    .replace(/\p{C}+/gu, ' ')
    .trim()
  return line === undefined || line === '' ? undefined : Array.from(line).slice(0, MOST_CLAIM).join('')
}
