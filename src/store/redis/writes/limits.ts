// One deployment's limits that wait to be written: the latest of each, what was used, and every report for the log.
import { type LimitRecord, mergeLimit, toLimitRecord } from '../../../core/limits/merge.js'
import { isUse, type KnownLimit, knownLimitOf, laterKnown, windowStart } from '../../../core/limits/picture.js'
import type { LimitReport } from '../../../ports/store.js'
import { MAX_LIMIT_NAMES } from '../scripts/limits.js'

/** Amounts by name. With an id: of one response. Without: the sum of one name and minute. */
export interface PendingUse {
  readonly id: string
  readonly at: number
  readonly amounts: ReadonlyMap<string, number>
}

export interface PendingLimits {
  readonly deployment: string
  readonly records: Map<string, LimitRecord>
  readonly known: Map<string, KnownLimit>
  readonly used: Map<string, PendingUse>
  /** Nine strings per entry, in the order the script expects. */
  readonly log: (readonly string[])[]
}

/** Keep one script short. The rest goes into the next batch. */
const LOG_ENTRIES_PER_BATCH = 500
const USES_PER_BATCH = 200
/** Never reached: far fewer reports of one deployment may wait. */
const MAX_USES = 100_000
export const MAX_ID_LENGTH = 256

export function emptyLimits(deployment: string): PendingLimits {
  return { deployment, records: new Map(), known: new Map(), used: new Map(), log: [] }
}

interface UsableEntry {
  readonly record: LimitRecord | undefined
  readonly name: string
  readonly used: number
  readonly entry: readonly string[]
}

/** Empty if nothing of the report is usable. It is then neither kept nor logged. */
export function usableEntries(report: LimitReport): readonly UsableEntry[] {
  const usable: UsableEntry[] = []
  for (const reported of report.limits) {
    const record = toLimitRecord(reported, report.source, report.at)
    const used = isUse(reported, report.source, report.at) ? Number(reported.used) : 0
    if (record || used > 0) usable.push({ record, name: reported.name, used, entry: logEntry(report, reported.name, record, used, reported.resetSeconds) })
  }
  return usable
}

export function addRecord({ records, known }: PendingLimits, record: LimitRecord): void {
  if (!records.has(record.name) && records.size >= MAX_LIMIT_NAMES) return
  records.set(record.name, mergeLimit(records.get(record.name), record))
  const limit = laterKnown(known.get(record.name), knownLimitOf(record))
  if (limit) known.set(record.name, limit)
}

/** Without an id the amounts are added to each name's sum of its latest minute. Older minutes no longer count. */
export function addUse({ used }: PendingLimits, id: string, at: number, amounts: ReadonlyMap<string, number>): void {
  if (id !== '') {
    const key = `id:${id}`
    if (!used.has(key)) used.set(key, { id, at, amounts })
    return
  }
  for (const [name, amount] of amounts) {
    const key = `minute:${name}`
    const before = used.get(key)
    const order = before ? windowStart(at) - windowStart(before.at) : 1
    if (order < 0 || (!before && used.size >= MAX_USES)) continue
    const sum = order === 0 ? (before?.amounts.get(name) ?? 0) : 0
    used.set(key, { id, at: order === 0 ? Math.max(before?.at ?? 0, at) : at, amounts: new Map([[name, sum + amount]]) })
  }
}

export function cutLimits(content: PendingLimits): readonly [PendingLimits, PendingLimits] {
  const uses = [...content.used]
  const later = { ...emptyLimits(content.deployment), used: new Map(uses.slice(USES_PER_BATCH)), log: content.log.slice(LOG_ENTRIES_PER_BATCH) }
  return [{ ...content, used: new Map(uses.slice(0, USES_PER_BATCH)), log: content.log.slice(0, LOG_ENTRIES_PER_BATCH) }, later]
}

export function hasNoLimits({ records, used, log }: PendingLimits): boolean {
  return records.size === 0 && used.size === 0 && log.length === 0
}

function logEntry(report: LimitReport, name: string, record: LimitRecord | undefined, used: number, resetSeconds: number | undefined): readonly string[] {
  return [
    logged(report.at),
    logged(name),
    logged(report.source),
    logged(record?.limit),
    logged(record?.remaining),
    logged(record?.resetAt === undefined ? undefined : resetSeconds),
    logged(used > 0 ? used : undefined),
    logged(report.sessionId),
    logged(report.subject),
  ]
}

function logged(value: string | number | undefined): string {
  return value === undefined ? '' : String(value).slice(0, MAX_ID_LENGTH)
}
