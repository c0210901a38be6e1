// Checks a value against a rule and describes the first problem in the service's words.
import { isObject, type Json } from '../core/protocol/events.js'

export interface Problem {
  readonly code: string
  readonly message: string
  readonly param: string | null
}

export type Rule =
  | { readonly is: 'any' }
  | { readonly is: 'boolean' }
  | { readonly is: 'string'; readonly max: number }
  | { readonly is: 'enum'; readonly values: readonly string[] }
  | { readonly is: 'integer' | 'decimal'; readonly min: number; readonly max: number }
  | { readonly is: 'array'; readonly of: Rule; readonly max: number }
  | { readonly is: 'map'; readonly of: Rule; readonly max: number; readonly maxKey: number }
  | { readonly is: 'object'; readonly fields: Readonly<Record<string, Rule>>; readonly required: readonly string[] }
  | { readonly is: 'nullable'; readonly rule: Rule }
  /** The object's field `tag` selects the rule. */
  | { readonly is: 'tagged'; readonly tag: string; readonly cases: Readonly<Record<string, Rule>>; readonly fallback?: string }
  /** The one key of `cases` that the object has selects the rule. */
  | { readonly is: 'keyed'; readonly cases: Readonly<Record<string, Rule>> }
  /** The first rule checks strings, the second everything else. */
  | { readonly is: 'stringOr'; readonly string: Rule; readonly other: Rule }

export const any: Rule = { is: 'any' }
export const flag: Rule = { is: 'boolean' }
export const text = (max = 1_000_000): Rule => ({ is: 'string', max })
export const oneOf = (...values: readonly string[]): Rule => ({ is: 'enum', values })
export const integer = (min: number, max: number): Rule => ({ is: 'integer', min, max })
export const decimal = (min: number, max: number): Rule => ({ is: 'decimal', min, max })
export const arrayOf = (of: Rule, max: number): Rule => ({ is: 'array', of, max })
export const mapOf = (of: Rule, max: number, maxKey: number): Rule => ({ is: 'map', of, max, maxKey })
export const object = (fields: Readonly<Record<string, Rule>>, required: readonly string[] = []): Rule => ({ is: 'object', fields, required })
export const nullable = (rule: Rule): Rule => ({ is: 'nullable', rule })
/** Without `fallback`, a missing tag is reported as a missing parameter. */
export const tagged = (tag: string, cases: Readonly<Record<string, Rule>>, fallback?: string): Rule =>
  fallback === undefined ? { is: 'tagged', tag, cases } : { is: 'tagged', tag, cases, fallback }
export const keyed = (cases: Readonly<Record<string, Rule>>): Rule => ({ is: 'keyed', cases })
export const stringOr = (string: Rule, other: Rule): Rule => ({ is: 'stringOr', string, other })

/** The first problem of `value`, or undefined. Messages call the value `path`, e.g. `session`. */
export function check(value: Json | undefined, rule: Rule, path: string): Problem | undefined {
  switch (rule.is) {
    case 'any':
      return undefined
    case 'boolean':
      return typeof value === 'boolean' ? undefined : wrongType(path, 'a boolean', value)
    case 'string':
      if (typeof value !== 'string') return wrongType(path, 'a string', value)
      if (value.length <= rule.max) return undefined
      return problem(
        'string_above_max_length',
        path,
        `Invalid '${path}': string too long. Expected a string with maximum length ${rule.max}, but got a string with length ${value.length} instead.`,
      )
    case 'enum':
      if (typeof value !== 'string') return wrongType(path, 'a string', value)
      return rule.values.includes(value) ? undefined : problem('invalid_value', path, `Invalid value: '${shown(value)}'. ${supported(rule.values)}`)
    case 'integer':
    case 'decimal':
      return checkNumber(value, rule, path)
    case 'array':
      if (!Array.isArray(value)) return wrongType(path, 'an array', value)
      if (value.length > rule.max)
        return problem(
          'array_above_max_length',
          path,
          `Invalid '${path}': array too long. Expected an array with maximum length ${rule.max}, but got an array with length ${value.length} instead.`,
        )
      return first(value, (inner, index) => check(inner, rule.of, `${path}[${index}]`))
    case 'map':
      return checkMap(value, rule, path)
    case 'object':
      return checkObject(value, rule, path)
    case 'nullable':
      return value === null ? undefined : check(value, rule.rule, path)
    case 'tagged':
      return checkTagged(value, rule, path)
    case 'keyed':
      return checkKeyed(value, rule, path)
    case 'stringOr':
      return check(value, typeof value === 'string' ? rule.string : rule.other, path)
  }
}

function checkNumber(value: Json | undefined, rule: { is: 'integer' | 'decimal'; min: number; max: number }, path: string): Problem | undefined {
  const whole = rule.is === 'integer'
  if (typeof value !== 'number' || (whole && !Number.isInteger(value))) return wrongType(path, whole ? 'an integer' : 'a decimal', value)
  if (value < rule.min)
    return problem(`${rule.is}_below_min_value`, path, `Invalid '${path}': ${rule.is} below minimum value. Expected a value >= ${rule.min}, but got ${value} instead.`)
  if (value > rule.max)
    return problem(`${rule.is}_above_max_value`, path, `Invalid '${path}': ${rule.is} above maximum value. Expected a value <= ${rule.max}, but got ${value} instead.`)
  return undefined
}

function checkMap(value: Json | undefined, rule: { of: Rule; max: number; maxKey: number }, path: string): Problem | undefined {
  if (!isObject(value)) return wrongType(path, 'an object', value)
  const keys = Object.keys(value)
  if (keys.length > rule.max)
    return problem(
      'object_above_max_properties',
      path,
      `Invalid '${path}': too many properties. Expected an object with at most ${rule.max} properties, but got ${keys.length} instead.`,
    )
  return first(keys, (key) =>
    key.length > rule.maxKey ? problem('string_above_max_length', path, `Invalid '${path}': a key is longer than ${rule.maxKey}.`) : check(value[key], rule.of, `${path}.${key}`),
  )
}

function checkObject(value: Json | undefined, rule: { fields: Readonly<Record<string, Rule>>; required: readonly string[] }, path: string): Problem | undefined {
  if (!isObject(value)) return wrongType(path, 'an object', value)
  const unknown = Object.keys(value).find((key) => !Object.hasOwn(rule.fields, key))
  if (unknown !== undefined) return problem('unknown_parameter', join(path, shown(unknown)), `Unknown parameter: '${join(path, shown(unknown))}'.`)
  const missing = rule.required.find((key) => !Object.hasOwn(value, key))
  if (missing !== undefined) return problem('missing_required_parameter', join(path, missing), `Missing required parameter: '${join(path, missing)}'.`)
  return first(Object.entries(rule.fields), ([key, inner]) => (Object.hasOwn(value, key) ? check(value[key], inner, join(path, key)) : undefined))
}

function checkTagged(value: Json | undefined, rule: { tag: string; cases: Readonly<Record<string, Rule>>; fallback?: string }, path: string): Problem | undefined {
  if (!isObject(value)) return wrongType(path, 'an object', value)
  const tag = Object.hasOwn(value, rule.tag) ? value[rule.tag] : rule.fallback
  const at = join(path, rule.tag)
  if (tag === undefined) return problem('missing_required_parameter', at, `Missing required parameter: '${at}'.`)
  const bad = check(tag, { is: 'enum', values: Object.keys(rule.cases) }, at)
  if (bad) return bad
  const chosen = rule.cases[tag as string]
  return chosen ? check(value, chosen, path) : undefined
}

function checkKeyed(value: Json | undefined, rule: { cases: Readonly<Record<string, Rule>> }, path: string): Problem | undefined {
  if (!isObject(value)) return wrongType(path, 'an object', value)
  const keys = Object.keys(value).filter((key) => Object.hasOwn(rule.cases, key))
  const chosen = rule.cases[keys[0] ?? '']
  if (chosen && keys.length === 1) return check(value, chosen, path)
  return problem('invalid_value', keys[1] === undefined ? path : join(path, keys[1]), `Invalid '${path}': exactly one of ${listed(Object.keys(rule.cases))} is expected.`)
}

export function problem(code: string, param: string | null, message: string): Problem {
  return { code, param, message }
}

function wrongType(path: string, expected: string, value: Json | undefined): Problem {
  return problem('invalid_type', path, `Invalid type for '${path}': expected ${expected}, but got ${typeName(value)} instead.`)
}

function typeName(value: Json | undefined): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal number'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function supported(values: readonly string[]): string {
  return values.length === 1 ? `Value must be ${listed(values)}.` : `Supported values are: ${listed(values)}.`
}

/** `'a', 'b', and 'c'`. */
export function listed(values: readonly string[]): string {
  const quoted = values.map((value) => `'${value}'`)
  if (quoted.length < 2) return quoted.join('')
  return quoted.length === 2 ? quoted.join(' and ') : `${quoted.slice(0, -1).join(', ')}, and ${quoted.at(-1)}`
}

function first<T>(values: readonly T[], test: (value: T, index: number) => Problem | undefined): Problem | undefined {
  for (const [index, value] of values.entries()) {
    const found = test(value, index)
    if (found) return found
  }
  return undefined
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

/** A client's text may be megabytes long, so a message quotes only its beginning. */
function shown(value: string): string {
  return value.length > 100 ? `${value.slice(0, 100)}...` : value
}

/** Whether `value` nests deeper than `limit` levels, which could not be encoded again safely. Checked without recursion. */
export function isDeeper(value: unknown, limit: number): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true
    const next: unknown[] = []
    for (const inner of level) {
      if (typeof inner !== 'object' || inner === null) continue
      for (const child of Object.values(inner)) if (typeof child === 'object' && child !== null) next.push(child)
    }
    level = next
  }
  return false
}
