// The way out to the upstream of a call: responses are marked, what will be echoed is remembered, and an answer that is cancelled falls silent at once.
import type { RealtimeEvent } from '../../protocol/events.js'
import type { Action } from '../actions.js'
import { relayId, type Step } from '../state.js'
import { expecting, withMark } from './expected.js'

const CLEAR = 'output_audio_buffer.clear'

/** After every input. `actions`: as they are to be done. */
export function outgoingOfCall(step: Step, actions: readonly Action[]): readonly Action[] {
  if (!step.state.call || !actions.some(isForUpstream)) return actions
  const out: Action[] = []
  for (const [at, action] of actions.entries()) {
    const { call } = step.state
    if (!call || !isForUpstream(action)) {
      out.push(action)
      continue
    }
    const event = withMark(call, action.event, step.state.idsUsed + 1)
    step.set({ call: expecting(call, event), idsUsed: step.state.idsUsed + 1 })
    out.push(event === action.event ? action : { ...action, event })
    // A cancelled answer is not generated on. What was generated would be played to its end.
    const next = actions[at + 1]
    const isCleared = next !== undefined && isForUpstream(next) && next.event.type === CLEAR
    if (event.type === 'response.cancel' && call.plays && !isCleared) out.push({ type: 'send', to: 'upstream', event: clear(step) })
  }
  return out
}

export function clear(step: Step): RealtimeEvent {
  return { type: CLEAR, event_id: relayId(step) }
}

function isForUpstream(action: Action): action is Extract<Action, { type: 'send' }> {
  return action.type === 'send' && action.to === 'upstream'
}
