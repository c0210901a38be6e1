// Decides which upstream leg a session has: when one is dialled, when it is switched to, and what its end means.
import { close } from './ending.js'
import type { Step } from './state.js'

/** The first leg is dialled as soon as there is a client. */
export function clientAttached(step: Step): void {
  const leg = step.state.upstream.leg + 1
  step.state = { ...step.state, upstream: { phase: 'dialling', leg } }
  step.actions.push({ type: 'dial', leg, reason: 'first' })
}

/** `privateWords`: names that must not appear in any text towards the client. */
export function upstreamOpened(step: Step, privateWords: readonly string[]): void {
  step.state = { ...step.state, privateWords }
  step.actions.push({ type: 'switch', leg: step.state.upstream.leg })
}

/** The service ends a session at its maximum length with 1001. Before our configuration is in force, any end is a refusal. */
export function upstreamClosed(step: Step, code: number): void {
  const { upstream } = step.state
  step.state = { ...step.state, upstream: { ...upstream, phase: 'lost' } }
  if (upstream.phase !== 'ready') close(step, 'upstream_refused', 'closed_before_live')
  else if (code === 1001) close(step, 'session_over', 'upstream_session_over')
  else close(step, 'upstream_lost', 'upstream_closed')
}
