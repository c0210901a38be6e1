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
  const keysAtDepth: (Keys | undefined)[] = []
  let nodes = 0
  let expectKey = false
  let i = 0
  while (i < bytes.length) {
    const byte = bytes[i]
    switch (byte) {
      case 0x7b: // {
      case 0x5b: // [
        if (keysAtDepth.length >= limits.maxDepth) return 'too_deep'
        keysAtDepth.push(byte === 0x7b ? new Keys(bytes) : undefined)
        expectKey = byte === 0x7b
        nodes++
        i++
        break
      case 0x7d: // }
      case 0x5d: // ]
        keysAtDepth.pop()
        i++
        break
      case 0x2c: // ,
        expectKey = keysAtDepth[keysAtDepth.length - 1] !== undefined
        i++
        break
      case QUOTE: {
        const end = endOfString(bytes, i + 1)
        if (end < 0) return undefined
        const keys = keysAtDepth[keysAtDepth.length - 1]
        if (expectKey && keys) {
          if (!keys.add(i + 1, end)) return 'duplicate_key'
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

/** The keys of one object. Few of them are compared where they stand, so that nothing is built. */
class Keys {
  readonly #bytes: Buffer
  /** Begin and end of each. */
  readonly #places: number[] = []
  #texts: Set<string> | undefined

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** False: the object has it already. `from`: after the opening quote. `to`: the closing one. */
  add(from: number, to: number): boolean {
    if (!this.#texts && (this.#places.length === 2 * MOST_COMPARED || hasBackslash(this.#bytes, from, to))) this.#texts = this.#textsSoFar()
    if (this.#texts) return this.#texts.size < this.#texts.add(keyText(this.#bytes, from, to)).size
    for (let i = 0; i < this.#places.length; i += 2) {
      const other = this.#places[i] as number
      if ((this.#places[i + 1] as number) - other === to - from && sameBytes(this.#bytes, other, from, to - from)) return false
    }
    this.#places.push(from, to)
    return true
  }

  #textsSoFar(): Set<string> {
    const texts = new Set<string>()
    for (let i = 0; i < this.#places.length; i += 2) texts.add(keyText(this.#bytes, this.#places[i] as number, this.#places[i + 1] as number))
    return texts
  }
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
