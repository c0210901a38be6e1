// Lets a new leg hear what the lost one had heard: turns whose words nobody knows, speech that goes on, and audio that belongs to no turn yet.
import { type Json, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { readPath, writePath } from '../../protocol/paths.js'
import { itemsOf } from '../kept-items.js'
import type { Step } from '../state.js'
import { keptPart, LEAST_TURN_MS, openPart, type Sound } from '../voice.js'

const TURNS = 'audio.input.turn_detection'

/** Spoken turns that the new leg must hear, since it cannot be told their words. */
export function soundsToTell({ state, heard }: Step): readonly Sound[] {
  const { voice, conversation, restore } = state
  if (restore?.soundless) return []
  const unknown = voice.turns.filter(({ id }) => (itemsOf(conversation).find((item) => item.id === id)?.text ?? '') === '')
  // Speech that is over: nobody knows it as a turn yet.
  const ended = voice.speech?.toMs === undefined ? [] : [{ ...voice.speech, toMs: voice.speech.toMs }]
  return [...unknown, ...ended].flatMap((turn) => {
    const part = keptPart(turn, heard)
    return part ? [{ id: turn.id, ...part }] : []
  })
}

/**
 * What goes around the replay if it has sound in it: voice detection would end turns of its own otherwise, and answer them. Undefined: it is off anyway.
 * `session`: as the leg runs it.
 */
export function withoutDetection(session: JsonObject | undefined, prefix: string): { readonly off: RealtimeEvent; readonly on: RealtimeEvent } | undefined {
  const detection = session && readPath(session, TURNS)
  if (detection === undefined || detection === null) return undefined
  const update = (name: string, value: Json): RealtimeEvent => {
    const changed: JsonObject = { type: 'realtime' }
    writePath(changed, TURNS, value)
    return { type: 'session.update', event_id: `${prefix}replay_${name}`, session: changed }
  }
  return { off: update('off', null), on: update('on', detection) }
}

/** `appendedMs`: what the leg has heard already. Sends again what was not answered, with `others`, and the sound between. */
export function soundAgain(step: Step, sent: readonly RealtimeEvent[], appendedMs: number, others: (event: RealtimeEvent) => void): void {
  const { voice, detectsTurns } = step.state
  const open = openPart(voice, detectsTurns, step.heard)
  const append = (fromMs: number, toMs: number) => {
    if (toMs > fromMs) step.actions.push({ type: 'audio.append', fromMs, toMs })
  }
  const marks = [...voice.marks]
  const kept: number[] = []
  let at = open.fromMs
  let heardMs = appendedMs
  for (const event of sent) {
    const isCommit = event.type === 'input_audio_buffer.commit'
    if (!isCommit && event.type !== 'input_audio_buffer.clear') {
      others(event)
      continue
    }
    const mark = marks.shift() ?? open.toMs
    // Without its audio it would be refused.
    if (isCommit && mark - at < LEAST_TURN_MS) continue
    if (isCommit) {
      append(at, mark)
      heardMs += mark - at
    }
    at = Math.max(at, mark)
    kept.push(mark)
    step.actions.push({ type: 'send', to: 'upstream', event })
  }
  append(at, open.toMs)
  step.set({ voice: { ...voice, marks: kept, clockMs: at - heardMs } })
}

const TIMES = ['audio_start_ms', 'audio_end_ms'] as const

/** Every leg counts from its own beginning. */
export function onClientsClock(event: RealtimeEvent, clockMs: number): RealtimeEvent {
  if (clockMs === 0 || !event.type.startsWith('input_audio_buffer.')) return event
  let after = event
  for (const field of TIMES) {
    const time = event[field]
    if (typeof time === 'number') after = { ...after, [field]: Math.max(0, Math.round(time + clockMs)) }
  }
  return after
}

/** Of what a leg says while it is told the conversation: the client hears of it once the session is live. */
export function isNews({ type }: RealtimeEvent): boolean {
  return type.startsWith('input_audio_buffer.') || type.startsWith('conversation.item.')
}

export function idOfItem(event: RealtimeEvent): string | undefined {
  return stringAt(objectAt(event, 'item'), 'id')
}
