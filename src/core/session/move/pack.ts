// A session's state as JSON and back, for another instance. Profile and server tools are never in it: they are the other instance's own.
import { withClientTools } from '../../policy/client-tools.js'
import type { SessionProfile, SessionTool } from '../../policy/profile.js'
import { isObject, type Json, type JsonObject } from '../../protocol/events.js'
import { guardsBegin, guardsElsewhere } from '../guards/state.js'
import { itemsOf, type KeptItem, splitItems } from '../kept-items.js'
import { mannersBegin, mannersElsewhere } from '../manners/state.js'
import type { Rates } from '../rates.js'
import { responsesWith } from '../responses/state.js'
import type { Restore } from '../restore/state.js'
import { openingState, type SessionState, stateWith } from '../session-state.js'
import type { Caller } from '../token-term.js'

/** Raised with every change of what a state holds: an instance does not read what another version has written. */
export const STATE_VERSION = 4

/** What an object says of itself that JSON has no form for. An object of the session that has this key itself is wrapped. */
const TAG = '~'
/** After a death, ids may have been given out that the state does not know of. */
const IDS_SKIPPED = 1000

export interface Unpacking {
  readonly profile: SessionProfile
  /** On the session's new clock. */
  readonly now: number
  /** From the clock on which it was packed to the new one, in milliseconds. */
  readonly shift: number
  readonly caller: Caller
  readonly expiresAt: number
  readonly exp: number
  /** The instance that had it has died: nothing of it was booked, and the client is told of a loss. */
  readonly isLost: boolean
}

/** A state as it is packed: its items in one list, however they are kept. */
type Packed = Omit<SessionState, 'profile' | 'conversation'> & {
  readonly conversation: { readonly items: readonly KeptItem[]; readonly size: number; readonly leftOut: number }
}

export function packed({ profile, ...state }: SessionState): JsonObject {
  const registered = profile.tools.filter((tool) => tool.registered)
  const { size, leftOut } = state.conversation
  const all: Packed = { ...state, conversation: { items: itemsOf(state.conversation), size, leftOut } }
  return { version: STATE_VERSION, state: toJson(all), tools: toJson(registered) }
}

/** The state, about to dial. Undefined: it is of another version, or of no session. */
export function unpacked({ version, state, tools }: JsonObject, { profile, now, shift, caller, expiresAt, exp, isLost }: Unpacking): SessionState | undefined {
  if (version !== STATE_VERSION || !isObject(state) || !Array.isArray(tools)) return undefined
  const found = fromJson(state) as unknown as Packed
  const { restore, openedAt, relayIdPrefix } = found
  if (!restore || typeof openedAt !== 'number' || typeof relayIdPrefix !== 'string') return undefined
  const own = new Set(profile.tools.map(({ definition }) => definition.name))
  const brought = profile.clientTools ? (fromJson(tools) as unknown as readonly SessionTool[]).filter(({ definition }) => !own.has(definition.name)) : []
  const opening = openingState({ profile, relayIdPrefix, requestedModel: undefined, now, caller, expiresAt, exp })
  const until = now + (profile.limits.reconnectMs ?? 0)
  const next: Restore = { ...restore, cause: isLost ? 'closed' : restore.cause, since: now, until, dialAt: now, attemptUntil: until }
  return stateWith(stateWith(opening, later(found, shift)), {
    profile: brought.length > 0 ? withClientTools(profile, brought) : profile,
    idsUsed: found.idsUsed + (isLost ? IDS_SKIPPED : 0),
    privateWords: [],
    caller,
    token: opening.token,
    lastActive: now,
    resume: { isOffered: true, awayUntil: now + (profile.limits.resumeMs ?? 0), leaving: undefined },
    restore: next,
    guards: guardsBegin(profile) && (guardsElsewhere(found.guards) ?? guardsBegin(profile)),
    manners: profile.manners && (mannersElsewhere(found.manners, shift) ?? mannersBegin(profile, true)),
  })
}

/** Every time in it, on the new clock. */
function later(state: Packed, shift: number): Omit<SessionState, 'profile'> {
  const { openedAt, conversation, calls, responses, rates, quota, restored } = state
  const { items, size, leftOut } = conversation
  const { filler, turnSince } = responses
  const server = new Map([...calls.server].map(([id, call]) => [id, { ...call, startedAt: call.startedAt + shift, askedAt: call.askedAt + shift }]))
  return {
    ...state,
    openedAt: openedAt + shift,
    conversation: { ...splitItems(items), size, leftOut },
    calls: { ...calls, server },
    responses: responsesWith(responses, { filler: filler && { ...filler, until: filler.until + shift }, turnSince: turnSince === undefined ? undefined : turnSince + shift }),
    rates: laterRates(rates, shift),
    quota: { ...quota, spentUntil: quota.spentUntil === undefined ? undefined : quota.spentUntil + shift },
    restored: { ...restored, times: restored.times.map((time) => time + shift) },
  }
}

function laterRates({ items, ...buckets }: Rates, shift: number): Rates {
  const shifted = Object.entries(buckets).map(([name, bucket]) => [name, bucket && { ...bucket, at: bucket.at + shift }] as const)
  return { ...(Object.fromEntries(shifted) as Omit<Rates, 'items'>), items }
}

/** Bytes are left out: a frame is written anew from its event. */
function toJson(value: unknown): Json {
  if (value === undefined || value instanceof Uint8Array) return { [TAG]: 'undefined' }
  if (typeof value === 'number' && !Number.isFinite(value)) return { [TAG]: 'number', value: String(value) }
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  if (value instanceof Map) return { [TAG]: 'map', value: [...value].map(([key, one]) => [toJson(key), toJson(one)]) }
  if (value instanceof Set) return { [TAG]: 'set', value: [...value].map(toJson) }
  if (Array.isArray(value)) return value.map(toJson)
  const fields = Object.fromEntries(Object.entries(value as object).map(([key, one]) => [key, toJson(one)]))
  return Object.hasOwn(fields, TAG) ? { [TAG]: 'object', value: fields } : fields
}

function fromJson(value: Json | undefined): unknown {
  if (Array.isArray(value)) return value.map(fromJson)
  if (!isObject(value)) return value
  const inner = value.value
  switch (value[TAG]) {
    case undefined:
      return fieldsOf(value)
    case 'number':
      return Number(inner)
    case 'map':
      return new Map(Array.isArray(inner) ? inner.map((pair): [unknown, unknown] => (Array.isArray(pair) ? [fromJson(pair[0]), fromJson(pair[1])] : [undefined, undefined])) : [])
    case 'set':
      return new Set(Array.isArray(inner) ? inner.map(fromJson) : [])
    case 'object':
      return isObject(inner) ? fieldsOf(inner) : {}
    default:
      return undefined
  }
}

function fieldsOf(object: JsonObject): unknown {
  return Object.fromEntries(Object.entries(object).map(([key, one]) => [key, fromJson(one)]))
}
