// Waits until everything that was said has been heard, with a deadline, before a session ends or its caller is transferred.
import { isOpen } from '../gate.js'
import { isFree } from '../responses/floor.js'
import type { SessionState, Step } from '../state.js'
import { changeManners } from './change.js'
import type { Parting } from './state.js'

/** From the end of what is being played. */
const HEARD_MS = 15_000
/** The upstream plays by itself, and says only when it has played all. */
const CALL_HEARD_MS = 60_000
/** On its way to the ear: networks, and what players keep. */
const TAIL_MS = 300
/** Between looks while something else is under way. */
const LOOK_MS = 250

export function beginHearing(step: Step): void {
  const { manners, call } = step.state
  if (!manners?.parting) return
  const until = Math.max(manners.parting.how === 'maximum_length' ? manners.parting.until : 0, step.now + (call ? CALL_HEARD_MS : HEARD_MS))
  changeManners(step, { parting: { ...manners.parting, phase: 'hearing', lookAt: step.now + TAIL_MS, until, measured: false } })
}

/** At a tick while it is heard. True: all of it was, or it took too long. */
export function wasHeard(step: Step, parting: Parting, unheardMs: number): boolean {
  const { now } = step
  if (now >= parting.until) return true
  if (now < parting.lookAt) return false
  if (isAtWork(step.state, parting) || step.state.call?.plays) return look(step, parting, now + LOOK_MS, parting.until)
  if (unheardMs <= 0) return true
  return look(step, parting, now + unheardMs + TAIL_MS, parting.measured ? parting.until : now + unheardMs + HEARD_MS)
}

function look(step: Step, parting: Parting, lookAt: number, until: number): false {
  changeManners(step, { parting: { ...parting, lookAt, until, measured: true } })
  return false
}

/** A response, or a tool other than the one that parts. */
function isAtWork({ responses, gate, calls }: SessionState, { callId, responseId }: Parting): boolean {
  if (!isFree(responses) || !isOpen(gate)) return true
  for (const [id, { late }] of responses.unanswered) if (id !== responseId && !late) return true
  for (const call of calls.server.values()) if (call.callId !== callId && (call.status !== 'answered' || call.atWork)) return true
  return false
}
