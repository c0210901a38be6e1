// One owner's counters of one day, month or minute that wait to be written: sums, and reports that count once.
import type { UsageOwner } from '../../../ports/store.js'
import { MAX_COUNTERS } from '../../usage-windows.js'

export interface PendingUsage {
  readonly owner: UsageOwner
  /** A day, month or minute. */
  readonly window: string
  readonly plain: Map<string, number>
  readonly once: Map<string, { readonly at: number; readonly counters: readonly (readonly [string, number])[] }>
}

/** Keeps one script short. The rest goes into the next batch. */
const ONCE_IDS_PER_BATCH = 100

export function emptyUsage(owner: UsageOwner, window: string): PendingUsage {
  return { owner, window, plain: new Map(), once: new Map() }
}

export function addPlain({ plain }: PendingUsage, counters: readonly (readonly [string, number])[]): void {
  for (const [name, amount] of counters) if (plain.has(name) || plain.size < MAX_COUNTERS) plain.set(name, (plain.get(name) ?? 0) + amount)
}

export function cutUsage(content: PendingUsage): readonly [PendingUsage, PendingUsage] {
  const ids = [...content.once]
  const later = { ...emptyUsage(content.owner, content.window), once: new Map(ids.slice(ONCE_IDS_PER_BATCH)) }
  return [{ ...content, once: new Map(ids.slice(0, ONCE_IDS_PER_BATCH)) }, later]
}

export function hasNoUsage({ plain, once }: PendingUsage): boolean {
  return plain.size === 0 && once.size === 0
}
