// What the playbooks of manners share: a profile with all of them, and the usual turns of its upstream.
import type { Manners, SessionProfile } from '../../../../src/core/policy/profile.js'
import type { RealtimeEvent } from '../../../../src/core/protocol/events.js'
import { dueAt } from '../../../../src/core/session/budget.js'
import { withBuiltIns } from '../../../../src/core/session/manners/built-in.js'
import { ev, type Play, play, profile, tool } from '../../../support/playbook.js'

export const SILENCE = { afterMs: 5000, question: 'Are you still there?', times: 2, goodbye: 'I hear nobody. Goodbye.' } as const
export const ENDING = { warnMs: 60_000, warning: 'One minute is left.', goodbye: 'Our time is over.' } as const

/** A live session with these manners, on the telephone. */
export function mannered(manners: Manners, change: Partial<SessionProfile> = {}): Play {
  const { tools } = withBuiltIns(profile({ tools: [tool('get_weather')], ...change, manners }), true)
  return play({ ...change, manners, tools })
}

export const speech = {
  started: { type: 'input_audio_buffer.speech_started', event_id: 's', item_id: 'turn', audio_start_ms: 0 },
  stopped: { type: 'input_audio_buffer.speech_stopped', event_id: 's', item_id: 'turn', audio_end_ms: 0 },
  committed: { type: 'input_audio_buffer.committed', event_id: 's', item_id: 'turn', previous_item_id: null },
}

/** The user says something, and the upstream answers as `id`. */
export function turn(p: Play, id: string): void {
  p.upstream(speech.started)
  p.upstream(speech.stopped)
  p.upstream(speech.committed)
  answered(p, id)
}

/** A response of a spoken message, whoever asked for it. */
export function answered(p: Play, id: string): readonly string[] {
  p.upstream(ev.created(id))
  p.upstream(ev.itemDone(id, ev.message(`item_${id}`)))
  return p.upstream(ev.done(id, [ev.message(`item_${id}`)]))
}

/** A response that calls a tool, and says something before if `says`. */
export function calls(p: Play, id: string, call: object, says: boolean): readonly string[] {
  const output = [...(says ? [ev.message(`item_${id}`)] : []), call]
  p.upstream(ev.created(id))
  const lines = output.flatMap((item) => p.upstream(ev.itemDone(id, item)))
  return [...lines, ...p.upstream(ev.done(id, output))]
}

/** Instructions of the responses that the relay has asked for. */
export function asked(p: Play): readonly string[] {
  return p.allTo('upstream').flatMap((event) => {
    const { instructions } = (event.response ?? {}) as { instructions?: string }
    return event.type === 'response.create' ? [instructions?.split('\n').at(-1) ?? ''] : []
  })
}

/** Outputs of tools that the model was given. */
export function outputs(p: Play): readonly string[] {
  return p.allTo('upstream').flatMap((event) => {
    const { type, output } = (event.item ?? {}) as { type?: string; output?: string }
    return type === 'function_call_output' ? [output ?? ''] : []
  })
}

/** Ticks whenever something is due, up to this time. `unheardMs`: at that time. Returns all lines. */
export function pass(p: Play, to: number, unheardMs: (now: number) => number = () => 0): readonly string[] {
  const lines: string[] = []
  for (let looks = 0; looks < 500; looks++) {
    const at = Math.max(p.now, dueAt(p.state))
    if (at > to || p.state.life === 'closed') break
    lines.push(...p.tick(at === p.now ? at + 1 : at, true, unheardMs(at)))
  }
  p.now = Math.max(p.now, to)
  return lines
}

export function error(p: Play, code: string): RealtimeEvent {
  const last = p.allTo('upstream').findLast((event) => event.type === 'response.create')
  return ev.error(code, String(last?.event_id)) as unknown as RealtimeEvent
}
