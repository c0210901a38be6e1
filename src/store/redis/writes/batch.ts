// Puts one batch into Redis: which script, which keys, which arguments.

import { granularityOf } from '../../usage-windows.js'
import type { RedisClient } from '../connection.js'
import type { RedisKeys } from '../keys.js'
import { APPLY_LIMITS } from '../scripts/limits.js'
import { APPLY_USAGE } from '../scripts/usage.js'
import type { PendingLimits } from './limits.js'
import type { Batch } from './pending.js'
import type { PendingUsage } from './usage.js'

export interface BatchWriter {
  readonly keys: RedisKeys
  /** Unlike that of any other store, ever: under it batches are numbered. */
  readonly instance: string
  readonly usageRetentionMs: number
}

/** Ids of a user's responses are remembered over midnight; those of a busy deployment would be millions by then. */
const USER_ONCE_MS = 2 * 86_400_000
const OTHER_ONCE_MS = 3_600_000
/** Counters of a minute and a month outlast it, so that a late report finds them. */
const MINUTE_MS = 600_000
const MONTH_MS = 40 * 86_400_000

export function writeBatch(client: RedisClient, batch: Batch, writer: BatchWriter): Promise<unknown> {
  const { keys, instance } = writer
  if (batch.kind === 'limits') {
    const { deployment } = batch.content
    const names = [keys.limits(deployment), keys.limitsLog(deployment), keys.limitsApplied(deployment), keys.limitsWindow(deployment), keys.limitsOnce(deployment)]
    return client.eval(APPLY_LIMITS, names.length, ...names, instance, batch.number, ...limitsArguments(batch.content))
  }
  const { owner, window } = batch.content
  const names = [keys.usage(owner, window), keys.usageOnce(owner, window), keys.usageApplied(owner, window)]
  const granularity = granularityOf(window)
  const retentionMs = granularity === 'minute' ? MINUTE_MS : granularity === 'month' ? Math.max(MONTH_MS, writer.usageRetentionMs) : writer.usageRetentionMs
  const onceMs = owner.kind === 'subject' && granularity !== 'minute' ? USER_ONCE_MS : OTHER_ONCE_MS
  return client.eval(APPLY_USAGE, names.length, ...names, instance, batch.number, retentionMs, onceMs, ...usageArguments(batch.content))
}

function limitsArguments(content: PendingLimits): string[] {
  const records = [...content.records.values()].flatMap((record) => [record.name, record.at, record.limit ?? '', record.remaining ?? '', record.resetAt ?? '', record.source])
  const known = [...content.known].flatMap(([name, { limit, at, configured }]) => [name, limit, at, configured ? 1 : 0])
  const used = [...content.used.values()].flatMap(({ id, at, amounts }) => [id, at, amounts.size, ...[...amounts].flat()])
  return [content.records.size, ...records, content.known.size, ...known, content.used.size, ...used, ...content.log.flat()].map(String)
}

function usageArguments(content: PendingUsage): string[] {
  const once = [...content.once].flatMap(([id, { at, counters }]) => [id, at, counters.length, ...counters.flat()])
  return [content.plain.size, ...[...content.plain].flat(), ...once].map(String)
}
