// An upstream that says nothing while an answer is awaited is asked for a sign of life, and given up without one.
import { floorOf } from '../responses/floor.js'
import { isReady, type SessionState, type Step } from '../state.js'
import { upstreamStuck } from '../upstream.js'
import type { Said } from './cut.js'

const FIRST_LOOK_MS = 1000
const PING_AFTER_MS = 2000
/** A service that thinks for long still answers a ping. */
const GIVEN_UP_AFTER_MS = 5000

/** After every input. An idle session is not watched: the pings of its link show what its socket is worth. */
export function watchWhileAwaited(step: Step): void {
  const { state } = step
  const isAwaited = isReady(state) && (state.profile.limits.reconnectMs ?? 0) > 0 && (floorOf(state.responses) !== 'free' || state.underWay.owed !== undefined)
  if (isAwaited === (state.watch !== undefined)) return
  step.own().watch = isAwaited ? { since: step.now, heard: undefined, pinged: false } : undefined
}

export function silenceDueAt({ watch }: SessionState): number {
  if (!watch) return Number.POSITIVE_INFINITY
  if (watch.heard === undefined) return watch.since + FIRST_LOOK_MS
  return watch.since + (watch.pinged ? GIVEN_UP_AFTER_MS : PING_AFTER_MS)
}

/** `heard`: frames of the upstream so far, pongs as well; undefined if it is not being read. */
export function tickSilence(step: Step, heard: number | undefined, said: readonly Said[] | undefined): void {
  const { watch } = step.state
  if (!watch || step.now < silenceDueAt(step.state)) return
  if (heard === undefined || heard !== watch.heard) step.set({ watch: { since: step.now, heard: heard ?? watch.heard, pinged: false } })
  else if (step.now - watch.since >= GIVEN_UP_AFTER_MS) upstreamStuck(step, 'silent', said)
  else {
    step.set({ watch: { ...watch, pinged: true } })
    step.actions.push({ type: 'ping' })
  }
}
