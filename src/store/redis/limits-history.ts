// Reads the log of limits: what was left of each, as the reports said.
import { isLimitName } from '../../core/limits/merge.js'
import type { LimitPoint } from '../../ports/store.js'

/** `entries`: newest first, as Redis gives them. Leaves out reports that name nothing left. */
export function historyFrom(entries: readonly (readonly [string, readonly string[]])[]): readonly LimitPoint[] {
  return entries.flatMap(([, fields]) => pointOf(fields)).reverse()
}

function pointOf(fields: readonly string[]): LimitPoint[] {
  const value = (name: string) => {
    for (let i = 0; i + 1 < fields.length; i += 2) if (fields[i] === name) return fields[i + 1]
    return undefined
  }
  const number = (name: string) => {
    const text = value(name)
    return text === undefined || text === '' || !Number.isFinite(Number(text)) ? undefined : Number(text)
  }
  const [name, at, remaining, limit] = [value('name') ?? '', number('at'), number('remaining'), number('limit')]
  return isLimitName(name) && at !== undefined && remaining !== undefined ? [{ name, at, remaining, ...(limit !== undefined && { limit }) }] : []
}
