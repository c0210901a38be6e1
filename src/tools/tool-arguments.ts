// Reads the arguments that a model wrote: an object, bounded in size and depth, without names that reach a prototype.
import { isObject, type JsonObject } from '../core/protocol/events.js'

/** Most bytes of JSON text in one call's arguments. */
const MAX_ARGUMENT_BYTES = 64 * 1024
const MAX_DEPTH = 32
const FORBIDDEN_NAMES = new Set(['__proto__', 'constructor', 'prototype'])

export type ParsedArguments = { readonly ok: true; readonly args: JsonObject } | { readonly ok: false; readonly problem: string }

/** Never throws. Blank text counts as no arguments, since models write that for tools without any. */
export function parseArguments(text: string): ParsedArguments {
  if (text.length > MAX_ARGUMENT_BYTES || Buffer.byteLength(text) > MAX_ARGUMENT_BYTES) return refuse(`longer than ${MAX_ARGUMENT_BYTES} bytes`)
  if (text.trim() === '') return { ok: true, args: {} }
  if (depthOf(text) > MAX_DEPTH) return refuse(`nested more than ${MAX_DEPTH} levels deep`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refuse('not valid JSON')
  }
  if (!isObject(value)) return refuse('must be a JSON object')
  const forbidden = forbiddenName(value)
  if (forbidden !== undefined) return refuse(`the name ${forbidden} is not allowed`)
  return { ok: true, args: value }
}

function refuse(problem: string): ParsedArguments {
  return { ok: false, problem }
}

/** Counts on the text, so that no recursive reader meets a deep value. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (inString) {
      if (character === '\\') i++
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === '{' || character === '[') deepest = Math.max(deepest, ++depth)
    else if (character === '}' || character === ']') depth--
  }
  return deepest
}

function forbiddenName(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  for (const [name, inner] of Object.entries(value)) {
    if (FORBIDDEN_NAMES.has(name)) return name
    const found = forbiddenName(inner)
    if (found !== undefined) return found
  }
  return undefined
}
