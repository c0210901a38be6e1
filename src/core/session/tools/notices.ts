// Tells a client that asked for the relay's own events which tools run for it, by name, time and success, and shows arguments only where it is asked to approve them.
import type { SessionProfile } from '../../policy/profile.js'
import { publicEventId, type Turn } from '../state.js'
import { changeServerCall, type ServerCall } from './ledger.js'

/** A name the model made up is text of the model, so calls of such names are not told. */
export function noticeStarted(turn: Turn, call: ServerCall): void {
  if (!isTold(turn.s.profile, call)) return
  tell(turn, 'relay.tool.started', { id: shownIdOf(turn, call), name: call.name })
}

/** Until the answer, the call is held with exactly these arguments. */
export function askApproval(turn: Turn, call: ServerCall): void {
  tell(turn, 'relay.tool.approval_request', { id: shownIdOf(turn, call), name: call.name, arguments: call.arguments })
  turn.s = { ...turn.s, calls: changeServerCall(turn.s.calls, call.callId, { status: 'asking', askedAt: turn.s.now }) }
}

/** Only for a call that was told before, so that every `relay.tool.finished` has its beginning; a call that never ran after all took no time. */
export function noticeFinished(turn: Turn, call: ServerCall, ok: boolean, durationMs: number): void {
  if (call.shownId === undefined) return
  tell(turn, 'relay.tool.finished', { id: call.shownId, name: call.name, ok, duration_ms: Math.round(durationMs) })
}

export function isTold({ relayEvents, tools }: SessionProfile, call: ServerCall): boolean {
  return relayEvents && tools.some((tool) => tool.definition.name === call.name)
}

/** The id under which the client knows a call: ours, since the model's own belongs to hidden events. */
function shownIdOf(turn: Turn, call: ServerCall): string {
  if (call.shownId !== undefined) return call.shownId
  turn.s = { ...turn.s, idsUsed: turn.s.idsUsed + 1 }
  const shownId = `tool_relay_${turn.s.idsUsed}`
  turn.s = { ...turn.s, calls: changeServerCall(turn.s.calls, call.callId, { shownId }) }
  return shownId
}

function tell(turn: Turn, type: `relay.tool.${string}`, fields: Readonly<Record<string, string | number | boolean>>): void {
  turn.actions.push({ do: 'send', to: 'client', event: { type, event_id: publicEventId(turn), ...fields } })
}
