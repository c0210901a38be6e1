// Phrases of a script: whether words fit one and what they name, and texts whose `{names}` are filled in.
import { isObject, type Json, type JsonObject } from '../core/protocol/events.js'

export interface Phrase {
  /** Why it can never fit. */
  readonly problem?: string
  /** What the words name, or undefined if they do not fit. */
  match(words: string): JsonObject | undefined
}

const MAX_CHARS = 4000
const NAME = /\{([A-Za-z_]\w*)\}/g

/** `the weather in {city}` fits anywhere in the words, in any case. `/^yes\b/i` is a regular expression. */
export function phraseOf(text: string): Phrase {
  const written = /^\/(.+)\/([a-z]*)$/s.exec(text)
  let pattern: RegExp
  try {
    pattern = written ? new RegExp(written[1] ?? '', (written[2] ?? '').replace(/[gy]/g, '')) : new RegExp(sourceOf(text), 'isu')
  } catch (error) {
    return { problem: error instanceof Error ? error.message : 'not a pattern', match: () => undefined }
  }
  return {
    match(words) {
      const found = pattern.exec(words.slice(0, MAX_CHARS).trim())
      return found ? Object.fromEntries(Object.entries(found.groups ?? {}).map(([name, value]) => [name, (value ?? '').trim()])) : undefined
    },
  }
}

/** A name takes as few words as it can; at the end of the phrase it takes all, without the last mark. */
function sourceOf(text: string): string {
  let source = ''
  let at = 0
  for (const found of text.matchAll(NAME)) {
    source += `${literal(text.slice(at, found.index))}(?<${found[1]}>\\S.*?)`
    at = found.index + found[0].length
  }
  const rest = text.slice(at)
  return source + (rest === '' && at > 0 ? '[.!?…]*$' : literal(rest))
}

function literal(text: string): string {
  return text
    .split(/\s+/)
    .map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
    .join('\\s+')
}

/** The text with `{city}` and `{result.degrees}` filled in. A name that is not known stays as it is. */
export function filled(text: string, scope: JsonObject): string {
  return text.replace(/\{([A-Za-z_]\w*(?:\.\w+)*)\}/g, (whole, path: string) => {
    const value = valueAt(scope, path)
    return value === undefined ? whole : typeof value === 'string' ? value : JSON.stringify(value)
  })
}

/** The value with every text in it filled. A text that is one name alone keeps the kind of its value: `"{degrees}"` may become a number. */
export function filledDeep(value: Json, scope: JsonObject): Json {
  if (typeof value === 'string') {
    const alone = /^\{([A-Za-z_]\w*(?:\.\w+)*)\}$/.exec(value)
    return (alone ? valueAt(scope, alone[1] ?? '') : undefined) ?? filled(value, scope)
  }
  if (Array.isArray(value)) return value.map((inner) => filledDeep(inner, scope))
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, filledDeep(inner, scope)])) : value
}

function valueAt(scope: JsonObject, path: string): Json | undefined {
  let value: Json | undefined = scope
  for (const step of path.split('.')) value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined
  return value
}
