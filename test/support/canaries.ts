// Words that belong to the server alone: wherever a client, a log or a metric could see them, none may turn up.
import { API_KEY, DEPLOYMENT, INSTRUCTIONS, SECRET } from './running-relay.js'

/** The instructions count in pieces, so that a quotation of some of them is found as well. */
export const CANARIES: readonly string[] = [API_KEY, DEPLOYMENT, SECRET, ...pieces(INSTRUCTIONS)]

/** The canaries found in `text`, in any case; `more`: words that only this test keeps secret. */
export function canariesIn(text: string, more: readonly string[] = []): readonly string[] {
  const lower = text.toLowerCase()
  return [...CANARIES, ...more].filter((word) => lower.includes(word.toLowerCase()))
}

function pieces(text: string, length = 16): readonly string[] {
  return Array.from({ length: Math.floor(text.length / length) }, (_, index) => text.slice(index * length, (index + 1) * length))
}
