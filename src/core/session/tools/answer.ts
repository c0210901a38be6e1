// Hands the result of a call to the model.
import { hideItem } from '../items.js'
import { relayId, type Step } from '../state.js'
import { changeServerCall } from './ledger.js'

/** The result of a call, as the item the model waits for; the call is answered from here on. */
export function handOver(step: Step, callId: string, output: string): void {
  const eventId = relayId(step)
  const itemId = relayId(step)
  step.set({ items: hideItem(step.state.items, itemId, null), calls: changeServerCall(step.state.calls, callId, { status: 'answered', outputItemId: itemId }) })
  const item = { id: itemId, type: 'function_call_output', call_id: callId, output }
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'conversation.item.create', event_id: eventId, item } })
}
