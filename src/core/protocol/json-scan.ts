// Scans JSON text once, without building anything, and refuses text that is costly or ambiguous to parse.

export type ScanProblem = 'too_deep' | 'too_many_values' | 'duplicate_key' | 'bad_number'

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** Longer number literals are refused: no field of the protocol needs them, and parsers disagree on them. */
const MAX_NUMBER_CHARS = 40
/** The shortest literal that is no finite number is `1e309`. */
const ALWAYS_FINITE_CHARS = 4
/** A native search costs about as much as looking at so many bytes. */
const SEARCH_FROM = 48
/** Keys of one object that are compared one by one. */
const MOST_COMPARED = 24

export interface ScanLimits {
  readonly maxDepth: number
  /** Values of any kind, keys included. */
  readonly maxNodes: number
  /** Most characters of one number. If given, its value may be any; else it must be finite as well. */
  readonly maxNumberChars?: number
}

/**
 * Checks limits and duplicate keys only. JSON.parse runs afterwards and checks the grammar, so malformed text may pass here.
 * Of two keys that are equal after unescaping, some readers take the first and some the last, so they would see different events.
 */
export function scanJson(bytes: Buffer, limits: ScanLimits): ScanProblem | undefined {
  let depth = 0
  let nodes = 0
  let expectKey = false
  let i = 0
  while (i < bytes.length) {
    const byte = bytes[i]
    switch (byte) {
      case 0x7b: // {
      case 0x5b: // [
        if (depth >= limits.maxDepth) return 'too_deep'
        open(depth, byte === 0x7b)
        depth++
        expectKey = byte === 0x7b
        nodes++
        i++
        break
      case 0x7d: // }
      case 0x5d: // ]
        if (depth > 0) depth--
        i++
        break
      case 0x2c: // ,
        expectKey = depth > 0 && (keyCount[depth - 1] as number) >= 0
        i++
        break
      case QUOTE: {
        const end = endOfString(bytes, i + 1)
        if (end < 0) return undefined
        if (expectKey && depth > 0 && (keyCount[depth - 1] as number) >= 0) {
          if (!addKey(bytes, depth - 1, i + 1, end)) return 'duplicate_key'
          expectKey = false
        }
        nodes++
        i = end + 1
        break
      }
      default:
        if (byte === 0x2d || (byte !== undefined && byte >= 0x30 && byte <= 0x39)) {
          const end = endOfNumber(bytes, i)
          if (end - i > (limits.maxNumberChars ?? MAX_NUMBER_CHARS)) return 'bad_number'
          if (limits.maxNumberChars === undefined && end - i > ALWAYS_FINITE_CHARS && !Number.isFinite(Number(bytes.toString('latin1', i, end)))) return 'bad_number'
          nodes++
          i = end
        } else {
          i++
        }
    }
    if (nodes > limits.maxNodes) return 'too_many_values'
  }
  return undefined
}

// Of the objects that a scan is inside of, by depth. Shared by all scans, one of which is at work at a time, so that nothing is built for an object.

/** Keys so far that are compared where they stand; -1: an array. */
let keyCount = new Int32Array(32)
/** Begin and end of each of these keys. */
let keyPlaces = new Int32Array(32 * 2 * MOST_COMPARED)
/** All keys of an object that has more of them, or one with an escape. */
const keyTexts: (Set<string> | undefined)[] = []

function open(depth: number, isObject: boolean): void {
  if (depth === keyCount.length) {
    const [counts, places] = [keyCount, keyPlaces]
    keyCount = new Int32Array(2 * counts.length)
    keyCount.set(counts)
    keyPlaces = new Int32Array(2 * places.length)
    keyPlaces.set(places)
  }
  keyCount[depth] = isObject ? 0 : -1
  keyTexts[depth] = undefined
}

/** False: the object has it already. `from`: after the opening quote. `to`: the closing one. */
function addKey(bytes: Buffer, depth: number, from: number, to: number): boolean {
  const count = keyCount[depth] as number
  const first = depth * 2 * MOST_COMPARED
  const end = first + 2 * count
  let texts = keyTexts[depth]
  if (!texts && (count === MOST_COMPARED || hasBackslash(bytes, from, to))) {
    texts = new Set()
    for (let at = first; at < end; at += 2) texts.add(keyText(bytes, keyPlaces[at] as number, keyPlaces[at + 1] as number))
    keyTexts[depth] = texts
  }
  if (texts) return texts.size < texts.add(keyText(bytes, from, to)).size
  for (let at = first; at < end; at += 2) {
    const other = keyPlaces[at] as number
    if ((keyPlaces[at + 1] as number) - other === to - from && sameBytes(bytes, other, from, to - from)) return false
  }
  keyPlaces[end] = from
  keyPlaces[end + 1] = to
  keyCount[depth] = count + 1
  return true
}

function sameBytes(bytes: Buffer, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false
  return true
}

function hasBackslash(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] === BACKSLASH) return true
  return false
}

/** `from` is the byte after the opening quote, which ends the count of backslashes at the latest. */
function endOfString(bytes: Buffer, from: number): number {
  let at = from
  for (;;) {
    const quote = nextQuote(bytes, at)
    if (quote < 0) return -1
    let backslashes = 0
    while (bytes[quote - 1 - backslashes] === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return quote
    at = quote + 1
  }
}

/** Most strings are short. */
function nextQuote(bytes: Buffer, from: number): number {
  const near = Math.min(bytes.length, from + SEARCH_FROM)
  for (let at = from; at < near; at++) if (bytes[at] === QUOTE) return at
  return bytes.indexOf(QUOTE, near)
}

function keyText(bytes: Buffer, from: number, to: number): string {
  const raw = bytes.toString('utf8', from, to)
  if (!raw.includes('\\')) return raw
  try {
    return JSON.parse(`"${raw}"`) as string
  } catch {
    return raw
  }
}

function endOfNumber(bytes: Buffer, from: number): number {
  let at = from
  for (; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    const partOfNumber = (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x45 || byte === 0x65
    if (!partOfNumber) break
  }
  return at
}
