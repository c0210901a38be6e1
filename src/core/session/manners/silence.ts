// How long nobody has spoken: after a while the user is asked, some times, and then the session says goodbye and ends.
import { isOpen } from '../gate.js'
import { isFree } from '../responses/floor.js'
import { isAway } from '../resume-state.js'
import { isReady, type SessionState, type Step } from '../state.js'
import { changeManners } from './change.js'
import { say } from './lines.js'
import { partWith } from './parting.js'

/** A client that works for so long on a call of its own is not taken for a silent user. */
const CLIENT_TOOL_MS = 30_000
/** From the wish to say goodbye to its end. */
const GOODBYE_MS = 30_000

/** After each input. */
export function watchQuiet(step: Step): void {
  const { manners, profile } = step.state
  if (!manners || !profile.manners?.silence) return
  const quiet = isQuiet(step.state)
  if (quiet === (manners.quiet !== undefined)) return
  changeManners(step, { quiet: quiet ? { since: step.now, looked: false, audioMs: step.heard.totalMs } : undefined })
}

/** The user did something: questions count from here. */
export function userHeard(step: Step): void {
  const { manners } = step.state
  if (!manners || (manners.asked === 0 && !manners.quiet)) return
  changeManners(step, { asked: 0, quiet: manners.quiet && { since: step.now, looked: false, audioMs: step.heard.totalMs } })
}

export function quietDueAt({ manners, profile, calls }: SessionState): number {
  const { quiet } = manners ?? {}
  const silence = profile.manners?.silence
  if (!quiet || !silence) return Number.POSITIVE_INFINITY
  if (!quiet.looked) return quiet.since
  return quiet.since + silence.afterMs + (calls.client.some(({ open }) => open) ? CLIENT_TOOL_MS : 0)
}

/** At each tick. `unheardMs`: of answers, not played yet. */
export function tickQuiet(step: Step, unheardMs: number): void {
  const { manners, profile, detectsTurns } = step.state
  const silence = profile.manners?.silence
  if (!manners?.quiet || !silence || step.now < quietDueAt(step.state)) return
  const { looked, audioMs } = manners.quiet
  const { totalMs } = step.heard
  const speaks = !detectsTurns && totalMs > audioMs
  if (!looked || unheardMs > 0) changeManners(step, { quiet: { since: step.now + unheardMs, looked: unheardMs <= 0, audioMs: totalMs } })
  else if (speaks) changeManners(step, { asked: 0, quiet: { since: step.now, looked: true, audioMs: totalMs } })
  else if (manners.asked >= silence.times) partWith(step, 'silence', step.now + GOODBYE_MS)
  else {
    changeManners(step, { asked: manners.asked + 1, quiet: { since: step.now, looked: true, audioMs: totalMs } })
    say(step, 'question')
  }
}

/** Neither side speaks, is about to, or has tools at work. */
function isQuiet(state: SessionState): boolean {
  const { responses, gate, quota, call, manners, life } = state
  if (!isReady(state) || life !== 'open' || isAway(state) || responses.userSpeaks || manners?.parting || manners?.line) return false
  if (!isFree(responses) || !isOpen(gate) || quota.turnUnanswered || call?.plays) return false
  for (const { late } of responses.unanswered.values()) if (!late) return false
  for (const { status, atWork } of state.calls.server.values()) if (status !== 'answered' || atWork) return false
  return true
}
