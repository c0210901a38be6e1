// Reads JSON that users write: names the place where it is broken, reads fields by name and kind, reports unknown ones, fills in `${NAME}`.

import { isObject, type Json, type JsonObject } from '../core/protocol/events.js'
import { mapExact, numberOf, parseExact } from '../json/exact-json.js'
import type { EnvReader, Problems } from './environment.js'
import type { Parse } from './parse.js'
import { Secret } from './secret.js'

/** Deeper than any tool schema needs, and far from what makes recursion fail. */
const MAX_DEPTH = 64

/** Undefined after a mistake. The mistake names line and column and quotes nothing, since the text may hold keys. */
export function parseJson(text: string, subject: string, problems: Problems): Json | undefined {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (error) {
    const at = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1]
    const before = at === undefined ? undefined : text.slice(0, Number(at)).split('\n')
    problems.add(subject, `is not valid JSON${before ? ` (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1})` : ''}`)
    return undefined
  }
  if (depthOf(value) > MAX_DEPTH) {
    problems.add(subject, `is nested deeper than ${MAX_DEPTH} levels`)
    return undefined
  }
  reportChanges(text, subject, problems)
  return value
}

/** Bounds of a JSON Schema. A rounded one is nearly the same bound, and schemas made by programs have the largest 64-bit integer there. */
const BOUNDS = /\/(minimum|maximum|exclusiveMinimum|exclusiveMaximum)$/

/** What `JSON.parse` does without a word: it rounds numbers, and keeps the last of two fields of one name. */
function reportChanges(text: string, subject: string, problems: Problems): void {
  const exact = parseExact(text, (key) => problems.add(subject, `has ${quoted(key)} twice in one object: keep one of them`))
  mapExact(exact, (number, path) => {
    if (numberOf(number) === undefined && !BOUNDS.test(path)) problems.add(subject, `has a number at ${quoted(path)} that would be rounded: write it as text, or with fewer digits`)
  })
}

function depthOf(value: Json): number {
  let level: Json[] = [value]
  let depth = 0
  while (level.length > 0 && depth <= MAX_DEPTH) {
    depth++
    level = level.flatMap((entry) => (typeof entry === 'object' && entry !== null ? Object.values(entry) : []))
  }
  return depth
}

/** One JSON object. Ask for each known field, then call `done`, which reports the other fields as unknown. */
export interface Fields {
  readonly subject: string
  has(key: string): boolean
  raw(key: string): Json | undefined
  string(key: string): string | undefined
  /** As `string`. It is a mistake if the field is absent or empty. */
  need(key: string): string | undefined
  parsed<T>(key: string, parse: Parse<T>): T | undefined
  boolean(key: string, fallback: boolean): boolean
  /** A JSON number, read by the parser that reads such a value from the environment. */
  number(key: string, parse: Parse<number>): number | undefined
  strings(key: string): readonly string[] | undefined
  fields(key: string): Fields | undefined
  /** A map of text to text, with `${NAME}` filled in. Its values are secrets from here on. */
  secrets(key: string, use?: 'template'): Readonly<Record<string, Secret>>
  bad(key: string, problem: string): void
  done(): void
}

export function fieldsOf(object: JsonObject, subject: string, problems: Problems, env: EnvReader): Fields {
  const asked = new Set<string>()
  const raw = (key: string) => {
    asked.add(key)
    return Object.hasOwn(object, key) ? object[key] : undefined
  }
  const bad = (key: string, problem: string) => problems.add(subject, `${key} ${problem}`)
  const string = (key: string) => {
    const value = raw(key)
    if (value === undefined || typeof value === 'string') return value
    bad(key, 'must be a string')
    return undefined
  }
  const parsed = <T>(key: string, parse: Parse<T>) => {
    const value = string(key)
    if (value === undefined) return undefined
    const result = parse(value)
    if ('value' in result) return result.value
    bad(key, result.problem)
    return undefined
  }
  return {
    subject,
    has: (key) => Object.hasOwn(object, key),
    raw,
    string,
    need(key) {
      const value = string(key)
      if (value === '' || (value === undefined && !Object.hasOwn(object, key))) bad(key, 'is missing')
      return value === '' ? undefined : value
    },
    parsed,
    boolean(key, fallback) {
      const value = raw(key)
      if (value === undefined || typeof value === 'boolean') return value ?? fallback
      bad(key, 'must be true or false')
      return fallback
    },
    number(key, parse) {
      const value = raw(key)
      if (value === undefined) return undefined
      const result = typeof value === 'number' ? parse(String(value)) : { problem: 'must be a number' }
      if ('value' in result) return result.value
      bad(key, result.problem)
      return undefined
    },
    strings(key) {
      const value = raw(key)
      if (value === undefined) return undefined
      if (Array.isArray(value) && value.every((entry) => typeof entry === 'string' && entry !== '')) return value as string[]
      bad(key, 'must be a list of strings')
      return undefined
    },
    fields(key) {
      const value = raw(key)
      if (value === undefined) return undefined
      if (isObject(value)) return fieldsOf(value, `${subject} ${key}`, problems, env)
      bad(key, 'must be an object')
      return undefined
    },
    secrets(key, use) {
      const value = raw(key)
      if (value === undefined) return {}
      if (!isObject(value)) {
        bad(key, 'must be an object')
        return {}
      }
      const filled: Record<string, Secret> = {}
      for (const [name, text] of Object.entries(value)) {
        if (typeof text !== 'string' || name === '__proto__') bad(key, `entry ${quoted(name)} must be a string`)
        else filled[name] = new Secret(fillNames(text, `${subject} ${key} ${quoted(name)}`, problems, env, use))
      }
      return filled
    },
    bad,
    done() {
      const unknown = Object.keys(object).filter((key) => !asked.has(key))
      if (unknown.length > 0) problems.add(subject, `has unknown fields: ${unknown.map(quoted).join(', ')}; known: ${[...asked].join(', ')}`)
    },
  }
}

/**
 * Fills in `${NAME}` from the environment or from the file that NAME_FILE names. A missing one is a mistake. So is a brace in a value
 * for a `template`, which would read it as an {argument}.
 */
export function fillNames(text: string, subject: string, problems: Problems, env: EnvReader, use?: 'template'): string {
  return text.replace(/\$\{([^{}]*)\}/g, (_, name: string) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      problems.add(subject, 'has a dollar sign and braces around what is no variable name')
      return ''
    }
    const value = env.free(name)
    if (value === undefined) problems.add(subject, `needs the variable ${name}, which is not set`)
    else if (use === 'template' && /[{}]/.test(value)) problems.add(subject, `cannot use the variable ${name}: its value holds a brace`)
    else return value
    return ''
  })
}

/** A name that a user wrote, cut short and on one line. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name)
}
