// Tells a client that asked for the relay's own events which tools run for it, by name, time and success, and shows arguments only of calls that it must approve.
import type { SessionProfile } from '../../policy/profile.js'
import { publicEventId, type Step } from '../state.js'
import { changeServerCall, type ServerCall } from './ledger.js'

/** A name the model made up is text of the model, so calls of such names are not told. */
export function noticeStarted(step: Step, call: ServerCall): void {
  if (!isTold(step.state.profile, call)) return
  tell(step, 'relay.tool.started', { id: publicIdOf(step, call), name: call.name })
}

/** Until the answer, the call is held with exactly these arguments. */
export function askApproval(step: Step, call: ServerCall): void {
  tell(step, 'relay.tool.approval_request', { id: publicIdOf(step, call), name: call.name, arguments: call.arguments })
  step.set({ calls: changeServerCall(step.state.calls, call.callId, { status: 'asking', askedAt: step.now }) })
}

/** Only for a call that was told before, so that every `relay.tool.finished` has its beginning; a call that never ran after all took no time. */
export function noticeFinished(step: Step, call: ServerCall, ok: boolean, durationMs: number): void {
  if (call.publicId === undefined) return
  tell(step, 'relay.tool.finished', { id: call.publicId, name: call.name, ok, duration_ms: Math.round(durationMs) })
}

export function isTold({ relayEvents, tools }: SessionProfile, call: ServerCall): boolean {
  return relayEvents && tools.some((tool) => tool.definition.name === call.name)
}

/** The id under which the client knows a call: ours, since the model's own belongs to hidden events. */
function publicIdOf(step: Step, call: ServerCall): string {
  if (call.publicId !== undefined) return call.publicId
  step.set({ idsUsed: step.state.idsUsed + 1 })
  const publicId = `tool_relay_${step.state.idsUsed}`
  step.set({ calls: changeServerCall(step.state.calls, call.callId, { publicId }) })
  return publicId
}

function tell(step: Step, type: `relay.tool.${string}`, fields: Readonly<Record<string, string | number | boolean>>): void {
  step.actions.push({ type: 'send', to: 'client', event: { type, event_id: publicEventId(step), ...fields } })
}
