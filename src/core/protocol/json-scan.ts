// Scans JSON text once, without building anything, and refuses text that is costly or ambiguous to parse.

export type ScanProblem = 'too_deep' | 'too_many_values' | 'duplicate_key' | 'bad_number'

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** Longer number literals are refused: no field of the protocol needs them, and parsers disagree on them. */
const MAX_NUMBER_CHARS = 40

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
  const keysAtDepth: (Set<string> | undefined)[] = []
  let nodes = 0
  let expectKey = false
  let i = 0
  while (i < bytes.length) {
    const byte = bytes[i]
    switch (byte) {
      case 0x7b: // {
      case 0x5b: // [
        if (keysAtDepth.length >= limits.maxDepth) return 'too_deep'
        keysAtDepth.push(byte === 0x7b ? new Set() : undefined)
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
          const key = keyText(bytes, i, end)
          if (keys.has(key)) return 'duplicate_key'
          keys.add(key)
          expectKey = false
        }
        nodes++
        i = end + 1
        break
      }
      default:
        if (byte === 0x2d || (byte !== undefined && byte >= 0x30 && byte <= 0x39)) {
          const end = endOfNumber(bytes, i)
          const fits =
            limits.maxNumberChars === undefined ? end - i <= MAX_NUMBER_CHARS && Number.isFinite(Number(bytes.toString('latin1', i, end))) : end - i <= limits.maxNumberChars
          if (!fits) return 'bad_number'
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

/** `from` is the byte after the opening quote, which ends the count of backslashes at the latest. */
function endOfString(bytes: Buffer, from: number): number {
  let at = from
  for (;;) {
    const quote = bytes.indexOf(QUOTE, at)
    if (quote < 0) return -1
    let backslashes = 0
    while (bytes[quote - 1 - backslashes] === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return quote
    at = quote + 1
  }
}

function keyText(bytes: Buffer, openQuote: number, closeQuote: number): string {
  const raw = bytes.toString('utf8', openQuote + 1, closeQuote)
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
