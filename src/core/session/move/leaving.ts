// Decides when a session leaves this instance for another: at once if another asks for it, at a quiet point if this one drains.
import { close } from '../ending.js'
import { isOpen } from '../gate.js'
import { holdsBack } from '../guards/state.js'
import { isFree } from '../responses/floor.js'
import type { Said } from '../restore/cut.js'
import { isQuiet } from '../restore/rollover.js'
import { publicEventId, type SessionState, type Step } from '../state.js'
import { hasUnanswered } from '../tools/ledger.js'
import { packed } from './pack.js'
import { suspended } from './suspend.js'

/** Before the end of a drain a session is moved whatever is under way, so that there is time to write it. */
const LAST_MS = 1000
const LAST_SHARE = 0.1
/** After this share of its time, a session also moves although a spoken turn has no words yet. */
const STRICT_SHARE = 0.5

/** It ends here, and can go on wherever its client comes to. What it has used is booked here, and nowhere else. */
export function moveAway(step: Step, code: 'superseded' | 'draining', said: readonly Said[]): void {
  const { life, profile, calls } = step.state
  if (life !== 'open' && life !== 'draining') return
  const { state, told } = suspended(step.state, said, step.now, step.heard)
  const finishing = new Set(profile.tools.filter(({ onCancel, background }) => onCancel === 'finish' || background).map(({ definition }) => definition.name))
  const spared = [...calls.server.values()].flatMap(({ callId, name, atWork }) => (atWork && finishing.has(name) ? [callId] : []))
  step.actions.push(...told, { type: 'export', state: packed(state), code, spared })
  step.set({ resume: { ...step.state.resume, leaving: undefined } })
  close(step, code, 'moved')
}

/** The client is told that it will be back, and is served as ever until then. */
export function leaveWhenQuiet(step: Step, untilMs: number): void {
  const { resume } = step.state
  if (resume.leaving) return
  const left = Math.max(0, untilMs - step.now)
  const leaving = { relaxedAt: step.now + left * STRICT_SHARE, lastAt: untilMs - Math.min(LAST_MS, left * LAST_SHARE), relaxed: false }
  step.set({ resume: { ...resume, leaving } })
  step.actions.push({ type: 'send', to: 'client', event: { type: 'relay.draining', event_id: publicEventId(step), resume: true } })
}

/** After every input of such a session. `said` matters only if an answer is under way, and so at ticks, which bring it. */
export function moveWhenQuiet(step: Step, said: readonly Said[]): void {
  const { leaving } = step.state.resume
  if (!leaving) return
  if (!leaving.relaxed && step.now >= leaving.relaxedAt) step.set({ resume: { ...step.state.resume, leaving: { ...leaving, relaxed: true } } })
  if (maySetOut(step)) moveAway(step, 'draining', said)
}

export function leavingDueAt({ resume }: SessionState): number {
  const { leaving } = resume
  if (!leaving) return Number.POSITIVE_INFINITY
  return leaving.relaxed ? leaving.lastAt : leaving.relaxedAt
}

function maySetOut(step: Step): boolean {
  const { state, now } = step
  const { leaving } = state.resume
  if (!leaving) return false
  if (now >= leaving.lastAt || state.restore) return true
  if (state.responses.unanswered.size > 0 || hasUnanswered(state.calls) || holdsBack(state.guards)) return false
  return isQuiet(step) || (leaving.relaxed && isStill(state))
}

/** Nobody speaks, and nothing is asked for. */
function isStill({ responses, gate, underWay }: SessionState): boolean {
  return isFree(responses) && isOpen(gate) && !responses.userSpeaks && underWay.sent.length === 0 && underWay.speech === undefined
}
