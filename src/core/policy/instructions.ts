// Fills a caller's claims into the instructions, as short plain text that can neither start a line nor open another slot.
import { claimAt } from './claim-values.js'

/** Longest text one claim may add, in characters: a name or a place, not a page of a prompt. */
const MAX_CLAIM_CHARACTERS = 256
const SLOT = /\{\{\s*claims\.([^\s{}]{1,256})\s*\}\}/g
const WHOLE_SLOT = new RegExp(`^${SLOT.source}$`)

/**
 * `{{claims.name}}` becomes the claim's text, `{{claims.org.name}}` that of a nested one; own properties only. A claim that is absent or
 * no string, number or boolean becomes nothing. Values are never searched for slots.
 */
export function fillInstructions(template: string, claims: Readonly<Record<string, unknown>>): string {
  return template.replace(SLOT, (_, path: string) => plain(claimAt(claims, path)))
}

/** What looks like a slot to be filled, in whichever template language: `{{name}}`, `{{#if x}}`, `{{claims.name}`. JSON in braces does not. */
const PLACE = /\{\{(\s*(?:[\p{L}_$#/!&>^][^{}\n]{0,255})?)\}\}?/gu

/** What in a template looks like a slot and is none, so that the model would read it as it stands. Each once. */
export function unknownSlots(template: string): readonly string[] {
  return [...new Set([...template.matchAll(PLACE)].map(([place]) => place).filter((place) => !WHOLE_SLOT.test(place)))]
}

/** Whether the filled text differs from caller to caller. */
export function hasClaimSlots(template: string): boolean {
  return template.search(SLOT) >= 0
}

function plain(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return ''
  // Cut before and after: the patterns below must not run over megabytes, and a cut may leave half a character.
  const text = String(value)
    .slice(0, MAX_CLAIM_CHARACTERS * 4)
    .replace(/[\s\u2028\u2029]+/g, ' ')
    .replace(/\p{C}/gu, '')
    .replace(/\{+/g, '{')
    .replace(/\}+/g, '}')
  return Array.from(text).slice(0, MAX_CLAIM_CHARACTERS).join('').trim()
}
