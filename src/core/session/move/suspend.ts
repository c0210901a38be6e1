// What of a session goes on elsewhere: the same as after a lost upstream, with nothing at work, and nothing that waits for an answer of this instance.
import type { Action } from '../actions.js'
import { openGate } from '../gate.js'
import { callOff, STOPPED } from '../manners/parting.js'
import { mannersElsewhere } from '../manners/state.js'
import { noPlaying, playingWith } from '../playing/state.js'
import type { Said } from '../restore/cut.js'
import { withWhatWasSaid } from '../restore/loss.js'
import { outgoing } from '../restore/outgoing.js'
import { beginRestore } from '../restore/state.js'
import { type SessionState, stateWith } from '../session-state.js'
import { Step } from '../state.js'
import { resultReady } from '../tools/run.js'
import { type Heard, heardNothing, noVoice } from '../voice.js'

/** In place of the result of a tool that was at work: it may have done what it was for, and is never run again by the relay. */
export const INTERRUPTED = 'The connection was moved while the tool ran. Its outcome is unknown. Ask the user before you repeat it.'

export interface Suspended {
  readonly state: SessionState
  /** What the client hears of it, before anything that follows elsewhere. */
  readonly told: readonly Action[]
}

/**
 * `said`: what had been delivered of the items that are not done. The session itself is not changed by this. What the user said goes on as words
 * alone; the client's audio clock goes on.
 */
export function suspended(before: SessionState, said: readonly Said[], now: number, { totalMs }: Heard = heardNothing): Suspended {
  const { restore, upstream, gate, quota } = before
  const asked = gate.waiting && typeof gate.waiting.request !== 'string' ? [gate.waiting.request] : []
  const ending = { code: 'upstream_lost', why: 'not_reached_after_move' } as const
  const next = {
    ...beginRestore({ cause: 'moved', ending, since: now, until: now, attempt: 1, attemptUntil: now, said: restore?.said ?? said }),
    dialAt: now,
    // In the client's order: what waited for its quota came before what was read as the lane closed.
    early: [...asked, ...gate.queue, ...(restore?.early ?? [])],
  }
  const step = new Step(
    stateWith(before, {
      life: 'open',
      upstream: { phase: 'lost', leg: upstream.leg },
      conversation: restore ? before.conversation : withWhatWasSaid(before, said),
      drainUntil: undefined,
      parkedUntil: undefined,
      sessionCreated: undefined,
      early: [],
      gate: openGate,
      quota: { ...quota, holds: false, turnUnanswered: quota.turnUnanswered || gate.waiting?.request === 'turn' },
      // Away, so that nothing is started by what follows.
      resume: { isOffered: true, awayUntil: now, leaving: undefined },
      restore: next,
      restored: { ...before.restored, former: undefined },
      voice: { ...noVoice, transcribes: before.voice.transcribes, openFromMs: totalMs },
      // What was sent by then counts as heard: the client has it.
      playing: playingWith(noPlaying, { interrupts: before.playing.interrupts, truncated: before.playing.truncated }),
      rollover: undefined,
      watch: undefined,
    }),
    now,
  )
  for (const { callId, startedAt } of before.calls.server.values()) {
    const call = step.state.calls.server.get(callId)
    if (call?.atWork) resultReady(step, call, INTERRUPTED, false, now - startedAt)
  }
  callOff(step, STOPPED)
  step.set({ manners: mannersElsewhere(step.state.manners, 0) })
  const told = outgoing(step).filter((action) => action.type === 'send' && action.to === 'client')
  return { state: step.state, told }
}
