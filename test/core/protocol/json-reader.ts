// A strict JSON reader that can treat repeated keys in several ways, to read an event as other parsers would.

export interface Reading {
  /** Which of two equal keys wins. */
  readonly wins: 'first' | 'last'
  /** Keys that differ in case only are equal (readers in Go and .NET), Unicode's odd cases included. */
  readonly foldCase: boolean
}

export const READINGS: readonly Reading[] = [
  { wins: 'first', foldCase: false },
  { wins: 'last', foldCase: false },
  { wins: 'first', foldCase: true },
  { wins: 'last', foldCase: true },
]

export function foldKey(key: string): string {
  return key.toLowerCase().toUpperCase()
}

/** The value with every key folded. If two keys fold alike, the last one wins. */
export function foldKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(foldKeys)
  if (typeof value !== 'object' || value === null) return value
  return new Map(Object.entries(value).map(([key, inner]) => [foldKey(key), foldKeys(inner)]))
}

/** Returns objects as Maps, so that no key has a special meaning. Throws on anything that is not one JSON text. */
export function readJson(text: string, reading: Reading): unknown {
  let at = 0
  const fail = (): never => {
    throw new SyntaxError(`at ${at}`)
  }
  const token = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  const space = () => token(/[ \t\n\r]*/y)
  // JSON.parse refuses the control characters that this lets pass.
  const string = (): string => JSON.parse(token(/"(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/y) ?? fail()) as string
  const punctuation = (char: string): boolean => {
    space()
    if (text[at] !== char) return false
    at++
    return true
  }
  const members = (close: string, one: () => void) => {
    if (punctuation(close)) return
    do one()
    while (punctuation(','))
    if (!punctuation(close)) fail()
  }
  const value = (): unknown => {
    space()
    if (text[at] === '"') return string()
    if (punctuation('[')) {
      const array: unknown[] = []
      members(']', () => array.push(value()))
      return array
    }
    if (punctuation('{')) {
      const object = new Map<string, unknown>()
      members('}', () => {
        space()
        const key = reading.foldCase ? foldKey(string()) : string()
        if (!punctuation(':')) fail()
        const inner = value()
        if (reading.wins === 'last' || !object.has(key)) object.set(key, inner)
      })
      return object
    }
    return JSON.parse(token(/-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y) ?? fail())
  }
  const read = value()
  space()
  if (at !== text.length) fail()
  return read
}

/** What JSON.parse makes of a text, in the form `readJson` gives. */
export function asMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asMaps)
  if (typeof value !== 'object' || value === null) return value
  return new Map(Object.entries(value).map(([key, inner]) => [key, asMaps(inner)]))
}
