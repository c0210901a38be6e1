// Moves the fields of one object between their preview and GA places by a table. Fields that the table does not name stay.
import type { Json, JsonObject } from '../events.js'
import { readPath, writePath } from '../paths.js'

export interface FieldMove {
  readonly preview: string
  /** The GA field's path inside the same object, such as `audio.output.voice`. */
  readonly ga: string
  /** If it returns undefined, the value has no counterpart and is left out. */
  readonly toGa?: (value: Json) => Json | undefined
  readonly toPreview?: (value: Json) => Json | undefined
  /** An older spelling that is read but never written. */
  readonly readOnly?: true
}

export interface Shape {
  readonly moves: readonly FieldMove[]
  readonly previewOnly: ReadonlySet<string>
  readonly gaOnly: ReadonlySet<string>
}

/** A field in its preview place replaces the same field in its GA place, unless `keepGa`. Never throws and never changes `object` or its parts. */
export function toGaShape(object: JsonObject, shape: Shape, keepGa = false): JsonObject {
  const moves = shape.moves.filter((move) => Object.hasOwn(object, move.preview))
  const taken = new Set(moves.map((move) => move.preview))
  const out: JsonObject = Object.fromEntries(Object.entries(object).filter(([key]) => !taken.has(key) && !shape.previewOnly.has(key)))
  for (const { preview, ga, toGa } of moves) {
    const given = object[preview] as Json
    const value = toGa ? toGa(given) : given
    if (value !== undefined && !(keepGa && readPath(out, ga) !== undefined)) writePath(out, ga, value)
  }
  return out
}

/** What `toPreviewShape` needs of each shape: the moves that are written, and the first keys of their GA places. There are a handful of shapes. */
const written = new WeakMap<Shape, { readonly moves: readonly FieldMove[]; readonly taken: ReadonlySet<string> }>()

function writtenOf(shape: Shape) {
  const known = written.get(shape)
  if (known) return known
  const moves = shape.moves.filter((move) => !move.readOnly)
  const made = { moves, taken: new Set(moves.map((move) => move.ga.split('.', 1)[0] as string)) }
  written.set(shape, made)
  return made
}

/** A field in its GA place replaces the same field in its preview place. Other fields of a nested GA object have no counterpart and are left out. */
export function toPreviewShape(object: JsonObject, shape: Shape): JsonObject {
  const { moves, taken } = writtenOf(shape)
  const out: JsonObject = Object.fromEntries(Object.entries(object).filter(([key]) => !taken.has(key) && !shape.gaOnly.has(key)))
  for (const { preview, ga, toPreview } of moves) {
    const given = readPath(object, ga)
    if (given === undefined) continue
    const value = toPreview ? toPreview(given) : given
    if (value !== undefined) out[preview] = value
  }
  return out
}

/** The object without these keys, or the object itself if it has none of them. */
export function without(object: JsonObject, keys: ReadonlySet<string>): JsonObject {
  return Object.keys(object).some((key) => keys.has(key)) ? Object.fromEntries(Object.entries(object).filter(([key]) => !keys.has(key))) : object
}
