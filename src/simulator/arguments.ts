// Fills a tool's JSON schema with values from the user's words.
import { arrayAt, isObject, type Json, type JsonObject, objectAt, stringAt } from '../core/protocol/events.js'
import { codes, keywords, names, nameWords, numbers, quoted, saysNo } from './words.js'

const MAX_DEPTH = 6

/** Values that are still unused. Each is used once. */
interface Source {
  readonly clause: string
  readonly quoted: string[]
  readonly names: string[]
  readonly numbers: number[]
  readonly codes: string[]
  readonly root: JsonObject
}

/** Arguments that match the types, enums, bounds and required fields of `schema`. */
export function fillArguments(schema: Json | undefined, clause: string): JsonObject {
  const root = isObject(schema) ? schema : {}
  const source = { clause, quoted: quoted(clause), names: names(clause), numbers: numbers(clause), codes: codes(clause), root }
  return fillObject(root, source, 0)
}

function fillObject(schema: JsonObject, source: Source, depth: number): JsonObject {
  const properties = objectAt(schema, 'properties') ?? {}
  const required = new Set(arrayAt(schema, 'required'))
  const filled: JsonObject = {}
  // Required fields choose first, so that an optional field cannot take the only value.
  const order = Object.keys(properties).sort((a, b) => Number(required.has(b)) - Number(required.has(a)))
  for (const name of order) {
    const rule = resolve(properties[name], source.root)
    const value = fill(rule, name, source, required.has(name), depth + 1)
    if (value !== undefined) filled[name] = value
  }
  return filled
}

function fill(rule: JsonObject, name: string, source: Source, required: boolean, depth: number): Json | undefined {
  if (Object.hasOwn(rule, 'const')) return rule.const
  const values = arrayAt(rule, 'enum')
  if (values.length > 0) return fromEnum(values, rule, source.clause, required)
  const type = typeOf(rule)
  if (depth > MAX_DEPTH) return required ? emptyOf(type) : undefined
  switch (type) {
    case 'number':
    case 'integer':
      return fromNumbers(rule, type === 'integer', source, required)
    case 'boolean':
      if (!required && !mentions(source.clause, name)) return undefined
      return !saysNo(source.clause)
    case 'array':
      return fillArray(rule, name, source, required, depth)
    case 'object': {
      const inner = fillObject(rule, source, depth)
      return required || Object.keys(inner).length > 0 ? inner : undefined
    }
    case 'null':
      return required ? null : undefined
    default:
      return fillString(rule, name, source, required)
  }
}

function fromEnum(values: readonly Json[], rule: JsonObject, clause: string, required: boolean): Json | undefined {
  const words = new Set(keywords(clause))
  const said = values.find((value) => typeof value === 'string' && nameWords(value).some((word) => words.has(word)))
  if (said !== undefined) return said
  return required ? (rule.default ?? values[0]) : undefined
}

function fromNumbers(rule: JsonObject, whole: boolean, source: Source, required: boolean): Json | undefined {
  const said = source.numbers.shift()
  if (said === undefined && !required) return undefined
  const fallback = typeof rule.default === 'number' ? rule.default : 1
  const low = bound(rule, 'minimum') ?? (bound(rule, 'exclusiveMinimum') ?? Number.NEGATIVE_INFINITY) + 1
  const high = bound(rule, 'maximum') ?? (bound(rule, 'exclusiveMaximum') ?? Number.POSITIVE_INFINITY) - 1
  const value = Math.min(Math.max(said ?? fallback, low), high)
  return whole ? Math.round(value) : value
}

function bound(rule: JsonObject, key: string): number | undefined {
  const value = rule[key]
  return typeof value === 'number' ? value : undefined
}

function fillArray(rule: JsonObject, name: string, source: Source, required: boolean, depth: number): Json | undefined {
  const items = resolve(isObject(rule.items) ? rule.items : {}, source.root)
  const least = Math.min(bound(rule, 'minItems') ?? (required ? 1 : 0), 16)
  const most = Math.min(bound(rule, 'maxItems') ?? 8, 16)
  const filled: Json[] = []
  while (filled.length < most) {
    const value = fill(items, name, source, filled.length < least, depth + 1)
    if (value === undefined) break
    if (isObject(value) && filled.length >= Math.max(least, 1)) break
    if (filled.length >= least && filled.includes(value)) break
    filled.push(value)
  }
  return filled.length > 0 || required ? filled : undefined
}

function fillString(rule: JsonObject, name: string, source: Source, required: boolean): Json | undefined {
  const format = byFormat(stringAt(rule, 'format'))
  // Other words would not match the format.
  if (format) return source.clause.slice(0, 4000).match(format.said)?.[0] ?? (required ? format.otherwise() : undefined)
  const text = pick(rule, name, source) ?? (required ? fallbackText(rule, name, source.clause) : undefined)
  if (text === undefined) return undefined
  const most = bound(rule, 'maxLength') ?? 500
  return text.slice(0, most).padEnd(Math.min(bound(rule, 'minLength') ?? 0, most, 500), '-')
}

function pick(rule: JsonObject, name: string, source: Source): string | undefined {
  const said = source.quoted.shift()
  if (said !== undefined) return said
  const words = nameWords(name)
  const wantsCode =
    words.some((word) => ['id', 'order', 'code', 'zip', 'postcode', 'account', 'ticket', 'phone', 'reference', 'sku'].includes(word)) || /(?:^|_)(?:id|no|number)$/iu.test(name)
  if (wantsCode) return source.codes.shift() ?? source.names.shift()
  if (/^(?:query|question|text|message|prompt|q|search|search_?term|topic|subject)$/iu.test(name)) return undefined
  return source.names.shift() ?? (typeof rule.default === 'string' ? rule.default : undefined)
}

/** The value of a field that needs one: its default, a date if the field is about time, else the user's words. */
function fallbackText(rule: JsonObject, name: string, clause: string): string {
  if (typeof rule.default === 'string') return rule.default
  if (/date|day/iu.test(name)) return 'today'
  const example = arrayAt(rule, 'examples')[0]
  return clause.trim() || (typeof example === 'string' ? example : 'unknown')
}

function byFormat(format: string | undefined): { said: RegExp; otherwise: () => string } | undefined {
  switch (format) {
    case 'date':
      return { said: /\d{4}-\d\d-\d\d/u, otherwise: () => new Date().toISOString().slice(0, 10) }
    case 'date-time':
      return { said: /\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)/u, otherwise: () => new Date().toISOString() }
    case 'time':
      return { said: /\d\d:\d\d(?::\d\d)?/u, otherwise: () => '12:00:00' }
    case 'email':
      return { said: /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}/u, otherwise: () => 'user@example.com' }
    case 'uri':
    case 'url':
      return { said: /https?:\/\/\S{1,500}/u, otherwise: () => 'https://example.com/' }
    case 'uuid':
      return { said: /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/iu, otherwise: () => '00000000-0000-4000-8000-000000000000' }
    default:
      return undefined
  }
}

function typeOf(rule: JsonObject): string {
  if (typeof rule.type === 'string') return rule.type
  const named = arrayAt(rule, 'type').find((type) => type !== 'null')
  if (typeof named === 'string') return named
  return objectAt(rule, 'properties') ? 'object' : rule.items ? 'array' : 'string'
}

/** Follows a `$ref` inside the same schema and takes the first real choice of `anyOf`, `oneOf` and `allOf`. */
function resolve(rule: Json | undefined, root: JsonObject): JsonObject {
  let current = isObject(rule) ? rule : {}
  for (let hop = 0; hop < 8; hop++) {
    const ref = stringAt(current, '$ref')
    const choices = [...arrayAt(current, 'anyOf'), ...arrayAt(current, 'oneOf'), ...arrayAt(current, 'allOf')]
    const next = ref?.startsWith('#/') ? follow(ref, root) : choices.find((choice) => isObject(choice) && choice.type !== 'null')
    if (!isObject(next)) return current
    current = next
  }
  return current
}

function follow(ref: string, root: JsonObject): Json | undefined {
  let at: Json | undefined = root
  for (const step of ref.slice(2).split('/')) at = isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined
  return at
}

function mentions(clause: string, name: string): boolean {
  const words = new Set(keywords(clause))
  return nameWords(name).some((word) => words.has(word))
}

function emptyOf(type: string): Json {
  if (type === 'array') return []
  if (type === 'object') return {}
  return type === 'number' || type === 'integer' ? 0 : type === 'boolean' ? false : ''
}
