// Ids in the service's form, and chance: truly random, or the same every time from a seed.
import { randomBytes } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

export type IdKind = 'item' | 'resp' | 'event' | 'call' | 'sess' | 'conv'

export interface Chance {
  /** At least 0 and below 1. */
  fraction(): number
  /** A prefix and letters or digits. */
  newId(kind: IdKind, length?: number): string
  /** Letters and digits without a meaning. */
  letters(length: number): string
}

/** Two of the same seed give the same ids and numbers in the same order. */
export function createChance(seed?: number): Chance {
  const fraction = seed === undefined ? Math.random : mulberry32(seed)
  const letters = (length: number) => {
    let text = ''
    if (seed === undefined) for (const byte of randomBytes(length)) text += ALPHABET[byte % ALPHABET.length]
    else for (let i = 0; i < length; i++) text += ALPHABET[Math.floor(fraction() * ALPHABET.length)]
    return text
  }
  return { fraction, letters, newId: (kind, length = 21) => `${kind}_${letters(length)}` }
}

/** Good enough to make ids and delays look irregular; nothing secret depends on it. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
