// Under a quota the relay itself asks for the answer to every spoken turn: the upstream's own answering is switched off, and the client does not notice.

import { isObject, type Json, type JsonObject, objectAt, type RealtimeEvent } from '../../protocol/events.js'
import { readPath, writePath } from '../../protocol/paths.js'

const TURNS = 'audio.input.turn_detection'

/**
 * A `session.update` that leaves the answering to the relay. `opening`: also if it says nothing of turns, since the service's default answers
 * them. `answers`: whether the sender wants turns answered; undefined if it does not say.
 */
export function withoutAnswers(update: RealtimeEvent, opening: boolean): { readonly event: RealtimeEvent; readonly answers: boolean | undefined } {
  const session = objectAt(update, 'session')
  const turns = session ? readPath(session, TURNS) : undefined
  if (!session || turns === null || (turns === undefined && !opening)) return { event: update, answers: undefined }
  const detection = isObject(turns) ? turns : { type: 'server_vad' }
  // A timeout would have the service answer a silent user by itself, again and again.
  const silent = Object.hasOwn(detection, 'idle_timeout_ms') ? { idle_timeout_ms: null } : {}
  return { event: { ...update, session: withTurns(session, { ...detection, ...silent, create_response: false }) }, answers: detection.create_response !== false }
}

/** A session event as the client would see it if the upstream answered by itself. */
export function withAnswers(event: RealtimeEvent, answers: boolean): RealtimeEvent {
  const session = objectAt(event, 'session')
  const turns = session ? readPath(session, TURNS) : undefined
  return session && isObject(turns) ? { ...event, session: withTurns(session, { ...turns, create_response: answers }) } : event
}

function withTurns(session: JsonObject, turns: Json): JsonObject {
  const copy = { ...session }
  writePath(copy, TURNS, turns)
  return copy
}
