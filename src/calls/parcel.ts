// What is sealed of a call or of a ticket for one: who calls, and what was asked for. Nothing of it is readable in the store.
import { isObject, type Json, type JsonObject } from '../core/protocol/events.js'
import type { Identity } from '../ports/caller.js'
import type { CallMode } from '../ports/calls.js'
import { seal, unseal } from '../seal/sealed.js'

export interface CallParcel {
  readonly identity: Identity
  readonly sessionId: string
  readonly mode: CallMode
  readonly requestedModel: string | undefined
  readonly trace: string | undefined
  readonly wishes: JsonObject
  /** Absent: the caller came by WebRTC. */
  readonly carrier?: 'sip' | undefined
}

/** `id` names what is sealed, so that one parcel cannot stand for another. */
export function sealParcel(id: string, parcel: CallParcel, key: Buffer): Buffer {
  return seal(id, JSON.stringify(parcel), [key])
}

/** Undefined: another key, another id, or no parcel. */
export function openParcel(id: string, sealed: Buffer, key: Buffer): CallParcel | undefined {
  const found = parsed(unseal(id, sealed, key))
  if (!isObject(found)) return undefined
  const { identity, sessionId, mode, requestedModel, trace, wishes, carrier } = found
  const who = identityIn(identity)
  if (!who || typeof sessionId !== 'string' || (mode !== 'media-only' && mode !== 'shared') || !isObject(wishes)) return undefined
  return { identity: who, sessionId, mode, requestedModel: textIn(requestedModel), trace: textIn(trace), wishes, ...(carrier === 'sip' && { carrier }) }
}

function identityIn(value: Json | undefined): Identity | undefined {
  if (!isObject(value)) return undefined
  const { subject, issuer, tokenId, expiresAtMs, claims, profile } = value
  if (typeof subject !== 'string' || typeof expiresAtMs !== 'number' || !isObject(claims)) return undefined
  return { subject, issuer: textIn(issuer), tokenId: textIn(tokenId), expiresAtMs, claims, ...(typeof profile === 'string' && { profile }) }
}

function textIn(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function parsed(text: string | undefined): Json | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Json)
  } catch {
    return undefined
  }
}
