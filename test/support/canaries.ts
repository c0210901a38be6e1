// Words that only the server may know. None may appear in anything that a client, a log or a metric shows.
import { API_KEY, DEPLOYMENT, INSTRUCTIONS, SECRET } from './running-relay.js'

/** The instructions are split into pieces, so that a partial quotation is found as well. */
export const CANARIES: readonly string[] = [API_KEY, DEPLOYMENT, SECRET, ...pieces(INSTRUCTIONS)]

/** The canaries in `text`, in upper or lower case. `more`: additional secret words of one test. */
export function canariesIn(text: string, more: readonly string[] = []): readonly string[] {
  const lower = text.toLowerCase()
  return [...CANARIES, ...more].filter((word) => lower.includes(word.toLowerCase()))
}

function pieces(text: string, length = 16): readonly string[] {
  return Array.from({ length: Math.floor(text.length / length) }, (_, index) => text.slice(index * length, (index + 1) * length))
}
