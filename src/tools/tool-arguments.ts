// Reads the arguments that a model wrote: an object, bounded in size and depth, each number as it was written, each name once.
import { isObject } from '../core/protocol/events.js'
import { type ScanProblem, scanJson } from '../core/protocol/json-scan.js'
import { type ExactJson, type ExactObject, isExactNumber, parseExact } from '../json/exact-json.js'

/** Most bytes of JSON text in one call's arguments. */
const MAX_ARGUMENT_BYTES = 64 * 1024
const MAX_DEPTH = 32
/** Most characters of one number. Comparing and dividing a number takes time that grows with its length and with its exponent. */
const MAX_NUMBER_CHARS = 400
const MAX_EXPONENT = 999
const FORBIDDEN_NAMES = new Set(['__proto__', 'constructor', 'prototype'])

export type ParsedArguments = { readonly ok: true; readonly args: ExactObject } | { readonly ok: false; readonly problem: string }

const SCAN_PROBLEMS: Readonly<Record<ScanProblem, string>> = {
  too_deep: `nested more than ${MAX_DEPTH} levels deep`,
  too_many_values: `longer than ${MAX_ARGUMENT_BYTES} bytes`,
  duplicate_key: 'the same name stands twice in one object: give each name once',
  bad_number: `a number has more than ${MAX_NUMBER_CHARS} characters: write it shorter`,
}

/** Never throws. Blank text counts as no arguments, since models write that for tools without any. */
export function parseArguments(text: string): ParsedArguments {
  const bytes = text.length > MAX_ARGUMENT_BYTES ? undefined : Buffer.from(text)
  if (!bytes || bytes.length > MAX_ARGUMENT_BYTES) return refuse(`longer than ${MAX_ARGUMENT_BYTES} bytes`)
  if (text.trim() === '') return { ok: true, args: {} }
  const problem = scanJson(bytes, { maxDepth: MAX_DEPTH, maxNodes: MAX_ARGUMENT_BYTES, maxNumberChars: MAX_NUMBER_CHARS })
  if (problem) return refuse(SCAN_PROBLEMS[problem])
  let value: ExactJson
  try {
    value = parseExact(text)
  } catch {
    return refuse('not valid JSON')
  }
  if (!isObject(value) || isExactNumber(value)) return refuse('must be a JSON object')
  const odd = oddity(value)
  return odd === undefined ? { ok: true, args: value as ExactObject } : refuse(odd)
}

function refuse(problem: string): ParsedArguments {
  return { ok: false, problem }
}

function oddity(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (isExactNumber(value)) return Math.abs(Number(/[eE](.*)$/.exec(value.value)?.[1] ?? 0)) > MAX_EXPONENT ? 'a number has an exponent of more than three digits' : undefined
  for (const [name, inner] of Object.entries(value)) {
    if (FORBIDDEN_NAMES.has(name)) return `the name ${name} is not allowed`
    const found = oddity(inner)
    if (found !== undefined) return found
  }
  return undefined
}
