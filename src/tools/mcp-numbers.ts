// Carries numbers as they were written through the MCP SDK, which writes its messages with `JSON.stringify`.
import { randomUUID } from 'node:crypto'
import { type ExactObject, mapExact } from '../json/exact-json.js'

/** Nobody outside this process can know it, so no text of a model or server is taken for a marked number. */
const MARK = randomUUID()
const MARKED = new RegExp(`"${MARK}([-+.0-9eE]+)"`, 'g')

/** Numbers that JavaScript would change become marked text. */
export function markNumbers(args: ExactObject): Record<string, unknown> {
  return mapExact(args, (exact) => MARK + exact.value) as Record<string, unknown>
}

/** Makes numbers of the marked text in a JSON message. */
export function unmarkNumbers(json: string): string {
  return json.includes(MARK) ? json.replace(MARKED, '$1') : json
}
