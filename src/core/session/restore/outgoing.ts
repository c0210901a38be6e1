// The way out to the upstream: what must be answered is remembered, ids are those that this upstream knows, and without one everything waits.
import type { Action } from '../actions.js'
import { isReplay } from '../replay.js'
import type { Step } from '../state.js'
import { reversed, withAliases } from './aliases.js'
import { recorded } from './outbox.js'
import { tidy } from './under-way.js'

type Send = Extract<Action, { type: 'send' }>

/** After every input. Returns the actions as they are to be done. */
export function outgoing(step: Step): readonly Action[] {
  if (!hasForUpstream(step.actions)) return step.actions
  const { state } = step
  if (!state.profile.limits.reconnectMs) return step.actions
  const isWaiting = state.restore !== undefined
  // The first leg's own configuration is no part of what a second would miss.
  if (!isWaiting && state.upstream.phase !== 'ready') return step.actions
  const names = reversed(state.restored.aliases)
  let { sent } = state.underWay
  const actions: Action[] = []
  for (const action of step.actions) {
    if (!isForUpstream(action)) {
      actions.push(action)
      continue
    }
    const isOfReplay = isReplay(action.event, state.relayIdPrefix)
    // Not the names of this leg: by the time it is sent, it may be another.
    if (!isOfReplay) sent = recorded(sent, action.event)
    if (isOfReplay || !isWaiting) actions.push(isOfReplay || names.size === 0 ? action : { ...action, event: withAliases(action.event, names) })
  }
  if (sent !== state.underWay.sent) step.own().underWay = tidy(state.underWay, { ...state.underWay, sent })
  return actions
}

function hasForUpstream(actions: readonly Action[]): boolean {
  for (const action of actions) if (isForUpstream(action)) return true
  return false
}

function isForUpstream(action: Action): action is Send {
  return action.type === 'send' && action.to === 'upstream'
}
