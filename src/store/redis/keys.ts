// Names of the Redis keys. Text from a token or the configuration is percent-encoded, so that it can forge no key and no hash tag.
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
  readonly holds: (subject: string) => string
  readonly lease: (subject: string) => string
  /** Live sessions of one instance. */
  readonly sessions: (instance: string) => string
  readonly instances: string
  /** What one instance says of itself while operators watch, and what pseudonyms are made with then. */
  readonly live: (instance: string) => string
  readonly pseudonyms: string
  /** A session that may go on elsewhere, what goes on of it under an epoch, and what does if its instance dies. */
  readonly resume: (id: string) => string
  readonly resumeExport: (id: string, epoch: number) => string
  readonly resumeSnapshot: (id: string) => string
  readonly resumeChannel: (instance: string) => string
  /** When each WebRTC call has no owner any more, and one of them. */
  readonly calls: string
  readonly call: (id: string) => string
  readonly callsChannel: (instance: string) => string
  readonly ticket: (name: string) => string
  readonly once: (name: string) => string
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
    holds: (subject) => `${prefix}held:{${encodeKeyPart(subject)}}`,
    lease: (subject) => `${prefix}lease:{${encodeKeyPart(subject)}}`,
    sessions: (instance) => `${prefix}sessions:{${encodeKeyPart(instance)}}`,
    instances: `${prefix}relays`,
    live: (instance) => `${prefix}live:{${encodeKeyPart(instance)}}`,
    pseudonyms: `${prefix}live:pseudonyms`,
    resume: (id) => `${prefix}resume:{${encodeKeyPart(id)}}`,
    resumeExport: (id, epoch) => `${prefix}resume:{${encodeKeyPart(id)}}:export:${epoch}`,
    resumeSnapshot: (id) => `${prefix}resume:{${encodeKeyPart(id)}}:snapshot`,
    resumeChannel: (instance) => `${prefix}resume:${encodeKeyPart(instance)}`,
    calls: `${prefix}calls:{calls}`,
    call: (id) => `${prefix}calls:{calls}:${encodeKeyPart(id)}`,
    callsChannel: (instance) => `${prefix}calls:${encodeKeyPart(instance)}`,
    ticket: (name) => `${prefix}ticket:{${encodeKeyPart(name)}}`,
    once: (name) => `${prefix}once:{${encodeKeyPart(name)}}`,
    bucket: (key) => `${prefix}bucket:{${encodeKeyPart(key)}}`,
    revoked: `${prefix}revoked`,
    revokedChannel: `${prefix}revoked`,
    health: `${prefix}health`,
  }
}

/** `{alice}` for a user, `tenant:{acme}` for a tenant, and so on. */
function ownerPart({ kind, name }: UsageOwner): string {
  return `${kind === 'subject' ? '' : `${kind}:`}{${encodeKeyPart(name)}}`
}

/**
 * `encodeURIComponent` for any string. Different strings get different results. A lone surrogate has no UTF-8 and becomes `%uD800`.
 * An empty hash tag would be no hash tag, so the empty string becomes `%`.
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
