// Decides which upstream leg a session has: when one is dialled, when it is switched to, and what its end means.
import { attachFailed, sidebandClosed, sidebandOpened } from './call/sideband.js'
import { close, closeNow } from './ending.js'
import type { Input } from './inputs.js'
import type { Said } from './restore/cut.js'
import { attemptFailed, lost, tickRestore } from './restore/loss.js'
import type { Step } from './state.js'

/** The first leg is dialled as soon as there is a client. A session that comes from another instance is restored. */
export function clientAttached(step: Step): void {
  if (step.state.restore) return tickRestore(step)
  const leg = step.state.upstream.leg + 1
  step.set({ upstream: { phase: 'dialling', leg } })
  step.actions.push({ type: 'dial', leg, reason: 'first', urgent: true })
}

/** `privateWords`: names that must not appear in any text towards the client. */
export function upstreamOpened(step: Step, privateWords: readonly string[]): void {
  step.set({ privateWords })
  step.actions.push({ type: 'switch', leg: step.state.upstream.leg })
  if (step.state.call) sidebandOpened(step)
}

/** The service ends a session at its maximum length with 1001. Before our configuration is in force for the first time, any end is a refusal. */
export function upstreamClosed(step: Step, code: number, said: readonly Said[] = []): void {
  const { upstream, restore, call } = step.state
  if (call) return sidebandClosed(step, code, said)
  if (restore) return attemptFailed(step, 'closed')
  if (upstream.phase !== 'ready') close(step, 'upstream_refused', 'closed_before_live')
  else if (code === 1001) lost(step, 'closed', said, { code: 'session_over', why: 'upstream_session_over' })
  else lost(step, 'closed', said, { code: 'upstream_lost', why: 'upstream_closed' })
}

/** It takes nothing any more, or is silent although an answer is awaited. */
export function upstreamStuck(step: Step, cause: 'stalled' | 'silent', said: readonly Said[] = []): void {
  const why = cause === 'stalled' ? 'no_progress' : 'silent'
  if (step.state.restore) attemptFailed(step, why)
  else if (step.state.upstream.phase === 'ready') lost(step, cause, said, { code: 'upstream_lost', why })
  else closeNow(step, 'upstream_lost', why)
}

export function dialFailed(step: Step, { code, why, retryAfterSeconds }: Extract<Input, { type: 'upstream.failed' }>): void {
  const { call, restore } = step.state
  if (call && (restore || code === 'not_found')) attachFailed(step, why, code === 'not_found', (retryAfterSeconds ?? 0) * 1000)
  else if (restore) attemptFailed(step, why, (retryAfterSeconds ?? 0) * 1000)
  else close(step, code, why, retryAfterSeconds)
}
