// Respells field paths inside error events, so that each side reads its own spelling.
import { type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../events.js'
import type { Shapes } from './session.js'

/** Pairs of preview path and GA path. No path is the beginning of another, so at most one matches. */
export type ErrorPaths = readonly (readonly [string, string])[]

export function errorPaths(shapes: Shapes): ErrorPaths {
  const rows = (prefix: string, moves: Shapes['session']['moves']) =>
    moves.filter((move) => !move.readOnly).map(({ preview, ga }): readonly [string, string] => [`${prefix}.${preview}`, `${prefix}.${ga}`])
  return [...rows('session', shapes.session.moves), ...rows('response', shapes.responseCreate.moves)].filter(([preview, ga]) => preview !== ga)
}

/** Respells `error.param` and the same path inside `error.message`. Returns any other event unchanged. */
export function respellError(event: RealtimeEvent, paths: ErrorPaths, to: 'ga' | 'preview'): RealtimeEvent {
  const error = objectAt(event, 'error')
  const param = stringAt(error, 'param')
  if (!error || param === undefined) return event
  const [from, into] = to === 'ga' ? [0, 1] : [1, 0]
  const row = paths.find((path) => param === path[from] || param.startsWith(`${path[from]}.`))
  if (!row) return event
  const respelled = `${row[into]}${param.slice(row[from]?.length)}`
  const message = stringAt(error, 'message')
  const changed: JsonObject = { ...error, param: respelled, ...(message === undefined ? {} : { message: message.split(param).join(respelled) }) }
  return { ...event, error: changed }
}
