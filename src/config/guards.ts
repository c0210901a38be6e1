// Reads the JSON list of GUARDS: who checks what is said, on which side, and what becomes of it.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { GuardSide } from '../core/policy/guards.js'
import { isObject, type Json } from '../core/protocol/events.js'
import type { EnvReader, Problems } from './environment.js'
import { readAzureGuard } from './guard-azure.js'
import type { DenyPattern, GuardConfig, GuardRun, RedactPattern } from './guard-config.js'
import { MOST_OF_ALL, sizeOfPattern } from './guard-patterns.js'
import { type Fields, fieldsOf, fillNames, parseJson, quoted } from './json-fields.js'
import { oneOf, wholeNumber } from './parse.js'

const MAX_GUARDS = 32
const MAX_PATTERNS = 500
const NAME = /^[A-Za-z0-9_-]{1,40}$/
/** It goes into metrics and to the client. */
const CATEGORY = /^[a-z][a-z0-9_]{0,39}$/
const MAX_REPLACEMENT = 64
const SIDES: readonly GuardSide[] = ['input', 'output', 'tool_arguments', 'tool_output']
const KINDS = ['patterns', 'http', 'module', 'azure'] as const
const DEFAULT_TIMEOUT_MS = 800

export interface GuardContext {
  readonly env: EnvReader
  readonly problems: Problems
  readonly cwd: string
}

export function readGuards(context: GuardContext): readonly GuardConfig[] {
  const { env, problems } = context
  const text = env.get('GUARDS')
  if (text === undefined) return []
  const entries = parseJson(text, 'GUARDS', problems)
  if (entries === undefined) return []
  if (!Array.isArray(entries) || entries.length > MAX_GUARDS) {
    problems.add('GUARDS', `must be a JSON list of at most ${MAX_GUARDS} guards`)
    return []
  }
  const read = entries.map((entry, index) => readGuard(entry, subjectOf(entry, index), context))
  for (const [index, guard] of read.entries())
    if (guard && read.slice(0, index).some((earlier) => earlier?.name === guard.name)) problems.add(subjectOf(entries[index], index), 'has a name that an earlier entry has')
  return read.filter((guard) => guard !== undefined)
}

function subjectOf(entry: Json | undefined, index: number): string {
  const name = isObject(entry) ? entry.name : undefined
  return `GUARDS entry ${index + 1}${typeof name === 'string' ? ` (${quoted(name)})` : ''}:`
}

function readGuard(entry: Json, subject: string, context: GuardContext): GuardConfig | undefined {
  if (!isObject(entry)) {
    context.problems.add(subject, 'must be an object')
    return undefined
  }
  const fields = fieldsOf(entry, subject, context.problems, context.env)
  const name = fields.need('name')
  if (name !== undefined && !NAME.test(name)) fields.bad('name', 'must be 1 to 40 letters, digits, - or _')
  const on = readSides(fields)
  const mode = fields.parsed('mode', oneOf('observe', 'cut', 'hold', 'gate')) ?? 'hold'
  if (mode === 'gate' && on.includes('output')) fields.bad('mode', 'gate is for what the model has not answered yet: give "output" a guard of its own, with hold or cut')
  const timeoutMs = fields.number('timeoutMs', wholeNumber(50, 10_000)) ?? DEFAULT_TIMEOUT_MS
  const whenUnsure = fields.parsed('whenUnsure', oneOf('pass', 'block')) ?? 'block'
  const run = readRun(fields, on, context)
  fields.done()
  return name === undefined || !run ? undefined : { name, on, mode, timeoutMs, whenUnsure, run }
}

function readSides(fields: Fields): readonly GuardSide[] {
  const named = fields.strings('on')
  if (named === undefined && !fields.has('on')) fields.bad('on', `is missing: a list of ${SIDES.join(', ')}`)
  const sides = SIDES.filter((side) => named?.includes(side))
  if (named && (named.length === 0 || sides.length !== named.length)) fields.bad('on', `must be a list of ${SIDES.join(', ')}, each once`)
  return sides
}

function readRun(fields: Fields, on: readonly GuardSide[], context: GuardContext): GuardRun | undefined {
  const right = `one of ${KINDS.join(', ')}`
  if (!fields.has('run')) fields.bad('run', `is missing: ${right}`)
  const how = fields.fields('run')
  if (!how) return undefined
  const kinds = KINDS.filter((kind) => how.has(kind))
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    fields.bad('run', `must have ${right}`)
    return undefined
  }
  const run = readKind(kind, how, on, context)
  how.done()
  return run
}

function readKind(kind: (typeof KINDS)[number], how: Fields, on: readonly GuardSide[], context: GuardContext): GuardRun | undefined {
  if (kind === 'module') return readModule(how, context)
  const fields = how.fields(kind)
  if (!fields) return undefined
  const run = kind === 'patterns' ? readPatterns(fields, context) : kind === 'http' ? readHttp(fields, context) : readAzureGuard(fields, on, context)
  fields.done()
  return run
}

function readPatterns(fields: Fields, context: GuardContext): GuardRun {
  const ignoreCase = fields.boolean('ignoreCase', false)
  const lists = { deny: listOf(fields, 'deny'), redact: listOf(fields, 'redact') }
  const count = lists.deny.length + lists.redact.length
  if (count === 0 && !fields.has('deny') && !fields.has('redact')) fields.bad('deny', 'or redact is needed: a list of patterns')
  else if (count === 0 || count > MAX_PATTERNS) fields.bad('deny', `and redact must have 1 to ${MAX_PATTERNS} patterns together`)
  let size = 0
  const read = (key: 'deny' | 'redact'): readonly RedactPattern[] =>
    lists[key].slice(0, MAX_PATTERNS).map((entry, index) => {
      const subject = `${fields.subject} ${key} ${index + 1}`
      const rule = isObject(entry) ? readRule(fieldsOf(entry, subject, context.problems, context.env), key) : { pattern: entry, category: 'pattern', replacement: REPLACEMENT }
      if (typeof rule.pattern !== 'string' || rule.pattern === '') {
        context.problems.add(subject, 'must be a pattern, or an object with one')
        return { ...rule, pattern: '' }
      }
      const found = sizeOfPattern(rule.pattern, ignoreCase)
      if ('problem' in found) context.problems.add(subject, found.problem)
      else size += found.value
      return { ...rule, pattern: rule.pattern }
    })
  const run: GuardRun = { kind: 'patterns', deny: read('deny').map(({ pattern, category }): DenyPattern => ({ pattern, category })), redact: read('redact'), ignoreCase }
  if (size > MOST_OF_ALL) fields.bad('deny', `and redact are too big together: ${size} instructions, and ${MOST_OF_ALL} are the most`)
  return run
}

const REPLACEMENT = '[removed]'

function listOf(fields: Fields, key: string): readonly Json[] {
  const value = fields.raw(key)
  if (value === undefined || Array.isArray(value)) return value ?? []
  fields.bad(key, 'must be a list of patterns')
  return []
}

function readRule(fields: Fields, key: 'deny' | 'redact') {
  const pattern = fields.string('pattern')
  const category = fields.string('category') ?? 'pattern'
  if (!CATEGORY.test(category)) fields.bad('category', 'must be a word of 1 to 40 small letters, digits or _')
  const replacement = key === 'redact' ? (fields.string('replacement') ?? REPLACEMENT) : REPLACEMENT
  if (replacement.length > MAX_REPLACEMENT) fields.bad('replacement', `must have at most ${MAX_REPLACEMENT} characters`)
  fields.done()
  return { pattern, category, replacement }
}

function readHttp(fields: Fields, { env, problems }: GuardContext): GuardRun | undefined {
  const text = fields.need('url')
  const filled = text === undefined ? '' : fillNames(text, `${fields.subject} url`, problems, env)
  const url = URL.canParse(filled) ? new URL(filled) : undefined
  const fits = url && /^https?:$/.test(url.protocol) && url.username === ''
  if (filled !== '' && !fits) fields.bad('url', 'must be an http or https URL without a user name')
  const headers = fields.secrets('headers')
  const subject = fields.boolean('subject', false)
  return url && fits ? { kind: 'http', url, headers, subject } : undefined
}

function readModule(how: Fields, { cwd }: GuardContext): GuardRun | undefined {
  const named = how.need('module')
  if (named === undefined) return undefined
  const file = resolve(cwd, named)
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) how.bad('module', `names ${quoted(named)}, which is not a file (looked for from the working folder)`)
  return { kind: 'module', file }
}
