// Reads one entry of CLIENT_MAY_SET: a session field, and after an equals sign the only values that a client may set.
import { settableAt, settablePaths, spelled } from '../core/policy/settable.js'
import type { Json } from '../core/protocol/events.js'
import type { Parsed } from './parse.js'

export interface ClientMaySet {
  readonly paths: readonly string[]
  /** By path, as `spelled` spells them. A path without an entry takes any. */
  readonly values: Readonly<Record<string, readonly string[]>>
}

interface Opening {
  readonly path: string
  readonly values: readonly string[] | undefined
}

/** `problem` completes "NAME entry 1 …" and quotes nothing but names that are known. */
export function parseOpening(entry: string): Parsed<Opening> {
  const cut = entry.indexOf('=')
  const path = (cut < 0 ? entry : entry.slice(0, cut)).trim()
  if (!settableAt(path)) return { problem: `is not a field clients may ever set; known: ${settablePaths().join(', ')}` }
  if (cut < 0) return { value: { path, values: undefined } }
  const values = entry
    .slice(cut + 1)
    .split('|')
    .map((value) => value.trim())
  if (values.includes('')) return { problem: `names an empty value of ${path}: write ${path}=first|second` }
  const meant = values.map((value) => spelledFor(path, value))
  const wrong = meant.indexOf(undefined)
  if (wrong >= 0) return { problem: `has, as value ${wrong + 1} of ${path}, one that this field cannot have` }
  return { value: { path, values: meant.flatMap((value) => value ?? []) } }
}

/** Text, a number or a word of JSON, one entry of a list, or what tells an object from its like: its type, its model or its effort. */
function spelledFor(path: string, value: string): string | undefined {
  const object = { type: value, model: value, effort: value, rate: 24_000, retention_ratio: 0.5 }
  const readings: Json[] = [/^(-?[\d.]+|true|false|null)$/.test(value) ? readJson(value) : value, value, [value], object]
  for (const reading of readings) {
    const kept = settableAt(path)?.(reading)
    if (kept !== undefined) return spelled(kept)
  }
  return undefined
}

function readJson(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

/** As they are written in the setting. */
export function openingTexts(paths: Iterable<string>, values: ClientMaySet['values'] | undefined): readonly string[] {
  return [...paths].map((path) => (values?.[path] ? `${path}=${values[path].join('|')}` : path))
}

/** A path that stands twice takes the values of both. */
export function joinOpenings(openings: readonly Opening[]): ClientMaySet {
  const paths = [...new Set(openings.map(({ path }) => path))]
  const limited = paths.flatMap((path) => {
    const own = openings.filter((opening) => opening.path === path).map(({ values }) => values)
    return own.some((values) => values === undefined) ? [] : [[path, own.flatMap((values) => values ?? [])] as const]
  })
  return { paths, values: Object.fromEntries(limited) }
}
