// Everything that waits to be written to Redis, within bounds: the latest of each limit, and one sum per owner and window.
import type { LimitReport, UsageOwner, UsageReport } from '../../../ports/store.js'
import { countersOf, targetsOf } from '../../usage-windows.js'
import { addRecord, addUse, cutLimits, emptyLimits, hasNoLimits, MAX_ID_LENGTH, type PendingLimits, usableEntries } from './limits.js'
import { addPlain, cutUsage, emptyUsage, hasNoUsage, type PendingUsage } from './usage.js'

/** One write. It is repeated unchanged, under the same number, until it is settled. */
export type Batch = { readonly number: number } & ({ readonly kind: 'limits'; readonly content: PendingLimits } | { readonly kind: 'usage'; readonly content: PendingUsage })

export interface Pending {
  addLimits(report: LimitReport): void
  addUsage(report: UsageReport): void
  /** At most one batch per deployment, and one per owner and window. Returns the same batch again until it is settled. */
  batches(): Batch[]
  /** The batch was written or dropped. What was added meanwhile becomes the next one. */
  settle(batch: Batch): void
  isEmpty(): boolean
  /** Whether anything of this owner and window waits. */
  hasUsage(owner: UsageOwner, window: string): boolean
  /** How many reports and log entries the bounds have cost since the start. */
  dropped(): number
}

export interface PendingBounds {
  readonly deployments: number
  /** Over all deployments. A new entry replaces the oldest of its own deployment. */
  readonly logEntries: number
  /** Pairs of owner and window. */
  readonly owners: number
  /** Reports with a `onceId`: so many of usage, and so many of limits. Reports beyond are added up, even if they were counted before. */
  readonly onceIds: number
}

export const PENDING_BOUNDS: PendingBounds = { deployments: 1_000, logEntries: 10_000, owners: 20_000, onceIds: 40_000 }

interface Slot<T> {
  sent: { number: number; content: T } | undefined
  next: T
}

export function createPending(bounds: PendingBounds = PENDING_BOUNDS): Pending {
  const limits = new Map<string, Slot<PendingLimits>>()
  const usage = new Map<string, Slot<PendingUsage>>()
  let logEntries = 0
  let onceIds = 0
  let useIds = 0
  let dropped = 0
  let lastNumber = 0

  function addLimits(report: LimitReport): void {
    const usable = usableEntries(report)
    if (usable.length === 0) return
    let slot = limits.get(report.deployment)
    if (!slot) {
      if (limits.size >= bounds.deployments) return void dropped++
      slot = { sent: undefined, next: emptyLimits(report.deployment) }
      limits.set(report.deployment, slot)
    }
    const { next, sent } = slot
    for (const { record, entry } of usable) {
      if (record) addRecord(next, record)
      if (logEntries >= bounds.logEntries && !dropOldestEntry(next.log)) continue
      next.log.push(entry)
      logEntries++
    }
    const amounts = new Map<string, number>()
    for (const { name, used } of usable) if (used > 0) amounts.set(name, used)
    const id = report.onceId?.slice(0, MAX_ID_LENGTH) ?? ''
    if (amounts.size === 0 || (id !== '' && sent?.content.used.has(`id:${id}`))) return
    const before = next.used.size
    addUse(next, useIds < bounds.onceIds ? id : '', report.at, amounts)
    useIds += next.used.size - before
  }

  /** Makes room for one entry. False if this deployment has none to drop. */
  function dropOldestEntry(log: (readonly string[])[]): boolean {
    dropped++
    if (log.shift() === undefined) return false
    logEntries--
    return true
  }

  function addUsage(report: UsageReport): void {
    const counters = countersOf(report.counters)
    if (counters.length === 0) return
    for (const { owner, window } of targetsOf(report)) addTo(owner, window, report, counters)
  }

  function addTo(owner: UsageOwner, window: string, report: UsageReport, counters: readonly (readonly [string, number])[]): void {
    const key = usageKey(owner, window)
    let slot = usage.get(key)
    if (!slot) {
      if (usage.size >= bounds.owners) return void dropped++
      slot = { sent: undefined, next: emptyUsage(owner, window) }
      usage.set(key, slot)
    }
    const id = report.onceId?.slice(0, MAX_ID_LENGTH)
    if (id !== undefined && (slot.sent?.content.once.has(id) || slot.next.once.has(id))) return
    if (id !== undefined && onceIds < bounds.onceIds) {
      slot.next.once.set(id, { at: Math.round(report.at), counters })
      onceIds++
      return
    }
    addPlain(slot.next, counters)
  }

  function batches(): Batch[] {
    const found: Batch[] = []
    for (const slot of limits.values()) found.push({ kind: 'limits', ...send(slot, cutLimits) })
    for (const slot of usage.values()) found.push({ kind: 'usage', ...send(slot, cutUsage) })
    return found
  }

  function send<T>(slot: Slot<T>, cut: (content: T) => readonly [now: T, later: T]): { number: number; content: T } {
    if (slot.sent) return slot.sent
    const [content, later] = cut(slot.next)
    slot.next = later
    slot.sent = { number: ++lastNumber, content }
    return slot.sent
  }

  function settle(batch: Batch): void {
    if (batch.kind === 'limits') {
      const slot = limits.get(batch.content.deployment)
      if (slot?.sent?.number !== batch.number) return
      slot.sent = undefined
      logEntries -= batch.content.log.length
      useIds -= batch.content.used.size
      if (hasNoLimits(slot.next)) limits.delete(batch.content.deployment)
    } else {
      const key = usageKey(batch.content.owner, batch.content.window)
      const slot = usage.get(key)
      if (slot?.sent?.number !== batch.number) return
      slot.sent = undefined
      onceIds -= batch.content.once.size
      if (hasNoUsage(slot.next)) usage.delete(key)
    }
  }

  return {
    addLimits,
    addUsage,
    batches,
    settle,
    isEmpty: () => limits.size === 0 && usage.size === 0,
    hasUsage: (owner, window) => usage.has(usageKey(owner, window)),
    dropped: () => dropped,
  }
}

/** Kinds and windows have no space. */
function usageKey({ kind, name }: UsageOwner, window: string): string {
  return `${kind} ${window} ${name}`
}
