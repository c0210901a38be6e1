// Random ids in the service's form: a prefix and letters or digits.
import { randomBytes } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

export function newId(prefix: 'item' | 'resp' | 'event' | 'call' | 'sess' | 'conv', length = 21): string {
  let text = `${prefix}_`
  for (const byte of randomBytes(length)) text += ALPHABET[byte % ALPHABET.length]
  return text
}
