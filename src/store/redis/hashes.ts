// Reads limits and counters back from their hashes, which another version of the relay, or somebody by hand, may have written.
import { isLimitName, isLimitSource } from '../../core/limits/merge.js'
import type { LimitState } from '../../ports/store.js'

/** Reads the hash back. Leaves out names without a valid time and source, and numbers that are not finite. */
export function limitRecords(hash: Readonly<Record<string, string>>): LimitState[] {
  const fields = new Map(Object.entries(hash))
  const number = (field: string) => {
    const text = fields.get(field)
    return text === undefined || text === '' || !Number.isFinite(Number(text)) ? undefined : Number(text)
  }
  return [...fields.keys()].flatMap((field) => {
    const name = field.endsWith('.at') ? field.slice(0, -3) : ''
    const [at, source] = [number(field), fields.get(`${name}.source`)]
    if (!isLimitName(name) || at === undefined || !isLimitSource(source)) return []
    const [limit, remaining, resetAt] = [number(`${name}.limit`), number(`${name}.remaining`), number(`${name}.reset_at`)]
    const [used, usedFrom] = [number(`${name}.used`), number(`${name}.used_from`)]
    const numbers = { ...(limit !== undefined && { limit }), ...(remaining !== undefined && { remaining }), ...(resetAt !== undefined && { resetAt }) }
    return [{ name, ...numbers, source, at, ...(used !== undefined && { used }), ...(usedFrom !== undefined && { usedFrom }) }]
  })
}

export function counterRecord(hash: Readonly<Record<string, string>>): Record<string, number> {
  return Object.fromEntries(Object.entries(hash).flatMap(([name, text]) => (text !== '' && Number.isFinite(Number(text)) ? [[name, Number(text)]] : [])))
}
