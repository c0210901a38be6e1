// Plays the move of a session in a playbook: what leaves one instance as text, and what another makes of it.
import type { SessionProfile } from '../../../../src/core/policy/profile.js'
import type { JsonObject } from '../../../../src/core/protocol/events.js'
import type { Action } from '../../../../src/core/session/actions.js'
import { packed, unpacked } from '../../../../src/core/session/move/pack.js'
import { suspended } from '../../../../src/core/session/move/suspend.js'
import type { Said } from '../../../../src/core/session/restore/cut.js'
import type { SessionState } from '../../../../src/core/session/state.js'
import { type Play, play } from '../../../support/playbook.js'

export type Export = Extract<Action, { type: 'export' }>

/** A session whose client may come back. */
export function movable(change: Parameters<typeof play>[0] = {}): Play {
  const p = play({ relayEvents: true, ...change, limits: { resumeMs: 60_000, reconnectMs: 10_000, ...change.limits } as never })
  p.client({ type: 'relay.resume.enable' })
  p.input({ type: 'resume.offered', token: 'id.secret' })
  return p
}

export function exportOf(actions: readonly Action[]): Export | undefined {
  return actions.find((action): action is Export => action.type === 'export')
}

const asText = (state: JsonObject) => JSON.parse(JSON.stringify(state)) as JsonObject

export interface Elsewhere {
  readonly profile?: SessionProfile
  readonly now?: number
  readonly shift?: number
  readonly isLost?: boolean
}

export function arrived(state: JsonObject, from: Play, { profile = from.state.profile, now = from.now, shift = 0, isLost = false }: Elsewhere = {}): SessionState | undefined {
  const own = { ...profile, tools: profile.tools.filter((tool) => !tool.registered) }
  return unpacked(asText(state), { profile: own, now, shift, caller: from.state.caller, expiresAt: 1e12, exp: 1e12, isLost })
}

/** As another instance asks for it: the same playbook goes on there, from the first dial on. Returns what the old instance did. */
export function moved(p: Play, said: readonly Said[] = [], elsewhere: Elsewhere = {}): readonly Action[] {
  const actions = p.input({ type: 'move', said })
  const state = exportOf(actions)?.state
  goOn(p, state ?? {}, elsewhere)
  return actions
}

/** As after the death of its instance. */
export function died(p: Play, said: readonly Said[] = []): void {
  goOn(p, packed(suspended(p.state, said, p.now).state), { isLost: true })
}

function goOn(p: Play, state: JsonObject, elsewhere: Elsewhere): void {
  const there = arrived(state, p, elsewhere)
  if (!there) throw new Error('nothing arrived')
  p.state = there
  p.input({ type: 'client.attached' })
  p.input({ type: 'client.back', recovered: true, caller: there.caller, expiresAt: 1e12, exp: 1e12, tokenId: undefined })
}
