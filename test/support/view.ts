// A session as policy sees it, made by hand for sheets: some hidden items and one open call of the client's.

import type { SessionView } from '../../src/core/policy/policy.js'
import type { SessionProfile } from '../../src/core/policy/profile.js'
import { settablePaths } from '../../src/core/policy/settable.js'
import { PREFIX, profile } from './playbook.js'

export const HIDDEN = 'item_hidden'
export const HIDDEN_FIRST = 'item_hidden_first'
export const OPEN_CALL = 'call_open'
export const CLOSED_CALL = 'call_closed'
export const CLIENT_CALL_ITEM = 'item_client_call'
export const DEPLOYMENT = 'secret-deployment'

/** `item_hidden` follows `item_seen`; `item_hidden_first` begins the conversation. */
export function view(change: Partial<SessionProfile> = {}): SessionView {
  const owned = profile(change)
  const hidden = new Map<string, string | null>([
    [HIDDEN, 'item_seen'],
    [HIDDEN_FIRST, null],
  ])
  return {
    profile: owned,
    relayIdPrefix: PREFIX,
    requestedModel: undefined,
    privateWords: [DEPLOYMENT, 'contoso.example'],
    toolOwner: (name) => owned.tools.find((tool) => tool.definition.name === name)?.owner ?? 'server',
    isHiddenItem: (itemId) => hidden.has(itemId),
    visibleItem: (itemId) => (hidden.has(itemId) ? (hidden.get(itemId) ?? null) : itemId),
    isClientCallItem: (itemId) => itemId === CLIENT_CALL_ITEM,
    isOpenClientCall: (callId) => callId === OPEN_CALL,
    isCall: false,
    isClientCall: (callId) => callId === OPEN_CALL || callId === CLOSED_CALL,
  }
}

/** The same, of a WebRTC call. */
export function callView(change: Partial<SessionProfile> = {}): SessionView {
  return { ...view(change), isCall: true }
}

/** A client that may set everything that a client can be allowed to set. */
export function generous(change: Partial<SessionProfile> = {}): SessionView {
  return view({ clientMaySet: new Set(settablePaths()), ...change })
}
