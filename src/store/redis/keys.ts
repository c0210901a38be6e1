// Names of the Redis keys. Whatever comes from a token or a configuration is percent-encoded, so that it can forge no key and no hash tag.
import type { UsageOwner } from '../../ports/store.js'
import { granularityOf } from '../usage-windows.js'

export interface RedisKeys {
  readonly limits: (deployment: string) => string
  readonly limitsLog: (deployment: string) => string
  readonly limitsApplied: (deployment: string) => string
  readonly limitsWindow: (deployment: string) => string
  readonly limitsOnce: (deployment: string) => string
  readonly usage: (owner: UsageOwner, window: string) => string
  readonly usageOnce: (owner: UsageOwner, window: string) => string
  readonly usageApplied: (owner: UsageOwner, window: string) => string
  readonly held: (subject: string) => string
  readonly lease: (subject: string) => string
  /** Live sessions of one relay. */
  readonly sessions: (relay: string) => string
  readonly relays: string
  readonly bucket: (key: string) => string
  readonly revoked: string
  readonly revokedChannel: string
  readonly health: string
}

/** All keys that one script touches share a hash tag, and so a Redis Cluster slot. */
export function redisKeys(prefix: string): RedisKeys {
  return {
    limits: (deployment) => `${prefix}limits:{${encodeKeyPart(deployment)}}`,
    limitsLog: (deployment) => `${prefix}limits:{${encodeKeyPart(deployment)}}:log`,
    limitsApplied: (deployment) => `${prefix}limits:{${encodeKeyPart(deployment)}}:applied`,
    limitsWindow: (deployment) => `${prefix}limits:{${encodeKeyPart(deployment)}}:window`,
    limitsOnce: (deployment) => `${prefix}limits:{${encodeKeyPart(deployment)}}:once`,
    usage: (owner, window) => `${prefix}usage:${ownerPart(owner)}:${window}`,
    usageOnce: (owner, window) => `${prefix}usage:${ownerPart(owner)}:once${granularityOf(window) === 'day' ? '' : `:${granularityOf(window)}`}`,
    usageApplied: (owner, window) => `${prefix}usage:${ownerPart(owner)}:${window}:applied`,
    held: (subject) => `${prefix}held:{${encodeKeyPart(subject)}}`,
    lease: (subject) => `${prefix}lease:{${encodeKeyPart(subject)}}`,
    sessions: (relay) => `${prefix}sessions:{${encodeKeyPart(relay)}}`,
    relays: `${prefix}relays`,
    bucket: (key) => `${prefix}bucket:{${encodeKeyPart(key)}}`,
    revoked: `${prefix}revoked`,
    revokedChannel: `${prefix}revoked`,
    health: `${prefix}health`,
  }
}

/** `{alice}` for a user, `tenant:{acme}` and so on for the others. */
function ownerPart({ kind, name }: UsageOwner): string {
  return `${kind === 'subject' ? '' : `${kind}:`}{${encodeKeyPart(name)}}`
}

/**
 * `encodeURIComponent` for any string, and different for different strings: a lone surrogate, which has no UTF-8, becomes
 * `%uD800`; the empty string, which would make the hash tag void, becomes `%`.
 */
export function encodeKeyPart(text: string): string {
  if (text === '') return '%'
  let encoded = ''
  for (const character of text) {
    const code = character.charCodeAt(0)
    encoded += character.length === 1 && code >= 0xd800 && code <= 0xdfff ? `%u${code.toString(16).toUpperCase()}` : encodeURIComponent(character)
  }
  return encoded
}
