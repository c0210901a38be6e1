// The relay itself asks for the answer to every spoken turn, or says when speech interrupts: the upstream's own ways are switched off, and the client does not notice.

import { isObject, type Json, type JsonObject, objectAt, type RealtimeEvent } from '../../protocol/events.js'
import { readPath, writePath } from '../../protocol/paths.js'

const TURNS = 'audio.input.turn_detection'
/** Longer than any service waits. */
const MOST_SILENCE_MS = 10_000

/** What the sender of an update wants of turns; undefined: it does not say. */
export interface TurnWishes {
  readonly answers: boolean | undefined
  readonly interrupts: boolean | undefined
}

const NO_WISHES: TurnWishes = { answers: undefined, interrupts: undefined }

/**
 * A `session.update` that leaves the answering to the relay, and the interrupting if `interruptsToo`. `opening`: also if it says nothing of turns,
 * since the service's default answers them.
 */
export function withoutAnswers(update: RealtimeEvent, opening: boolean, interruptsToo: boolean): { readonly event: RealtimeEvent; readonly wishes: TurnWishes } {
  const session = objectAt(update, 'session')
  const turns = session ? readPath(session, TURNS) : undefined
  if (!session || turns === null || (turns === undefined && !opening)) return { event: update, wishes: NO_WISHES }
  const detection = isObject(turns) ? turns : { type: 'server_vad' }
  // A timeout would have the service answer a silent user by itself, again and again.
  const silent = Object.hasOwn(detection, 'idle_timeout_ms') ? { idle_timeout_ms: null } : {}
  const polite = interruptsToo ? { interrupt_response: false } : {}
  const wishes = { answers: detection.create_response !== false, interrupts: detection.interrupt_response !== false }
  return { event: { ...update, session: withTurns(session, { ...detection, ...silent, create_response: false, ...polite }) }, wishes }
}

/** A session event as the client would see it if the upstream did by itself what is wished. */
export function withAnswers(event: RealtimeEvent, { answers, interrupts }: TurnWishes): RealtimeEvent {
  const session = objectAt(event, 'session')
  const turns = session ? readPath(session, TURNS) : undefined
  if (!session || !isObject(turns)) return event
  const own = { ...(answers !== undefined && { create_response: answers }), ...(interrupts !== undefined && { interrupt_response: interrupts }) }
  return { ...event, session: withTurns(session, { ...turns, ...own }) }
}

/** Whether the upstream ends an answer when it hears the user speak. */
export function interruptsInForce(session: JsonObject | undefined): boolean {
  const turns = session && readPath(session, TURNS)
  return !(isObject(turns) && turns.interrupt_response === false)
}

/** How long the upstream waits before it says that speech is over. 0: it goes by something else, or does not say. */
export function silenceInForce(session: JsonObject | undefined): number {
  const turns = session && readPath(session, TURNS)
  const silence = isObject(turns) && turns.type === 'server_vad' ? turns.silence_duration_ms : undefined
  return typeof silence === 'number' && silence > 0 ? Math.min(silence, MOST_SILENCE_MS) : 0
}

function withTurns(session: JsonObject, turns: Json): JsonObject {
  const copy = { ...session }
  writePath(copy, TURNS, turns)
  return copy
}
