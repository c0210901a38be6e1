// Writes one batch to Redis: chooses its script, its keys and its arguments.
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
  /** Unique for ever. Batches are numbered under it. */
  readonly id: string
  readonly usageRetentionMs: number
}

/** Ids of a user's responses are remembered over midnight. Those of a busy deployment would be millions by then. */
const USER_ONCE_MS = 2 * 86_400_000
const OTHER_ONCE_MS = 3_600_000
/** Counters of a minute and a month are kept longer than it lasts, so that a late report finds them. */
const MINUTE_MS = 600_000
const MONTH_MS = 40 * 86_400_000

export function writeBatch(client: RedisClient, batch: Batch, writer: BatchWriter): Promise<unknown> {
  const { keys, id } = writer
  if (batch.kind === 'limits') {
    const { deployment } = batch.content
    const names = [keys.limits(deployment), keys.limitsLog(deployment), keys.limitsApplied(deployment), keys.limitsWindow(deployment), keys.limitsOnce(deployment)]
    return client.eval(APPLY_LIMITS, names.length, ...names, id, batch.number, ...limitsArguments(batch.content))
  }
  const { owner, window } = batch.content
  const names = [keys.usage(owner, window), keys.usageOnce(owner, window), keys.usageApplied(owner, window)]
  const granularity = granularityOf(window)
  const retentionMs = granularity === 'minute' ? MINUTE_MS : granularity === 'month' ? Math.max(MONTH_MS, writer.usageRetentionMs) : writer.usageRetentionMs
  const onceMs = owner.kind === 'subject' && granularity !== 'minute' ? USER_ONCE_MS : OTHER_ONCE_MS
  return client.eval(APPLY_USAGE, names.length, ...names, id, batch.number, retentionMs, onceMs, ...usageArguments(batch.content))
}

function limitsArguments(content: PendingLimits): string[] {
  const records = [...content.records.values()].flatMap((record) => [record.name, record.at, record.limit ?? '', record.remaining ?? '', record.resetAt ?? '', record.source])
  const known = [...content.known].flatMap(([name, { limit, at, configured }]) => [name, limit, at, configured ? 1 : 0])
  const used = [...content.used.values()].flatMap(({ id: onceId, at, amounts }) => [onceId, at, amounts.size, ...[...amounts].flat()])
  return [content.records.size, ...records, content.known.size, ...known, content.used.size, ...used, ...content.log.flat()].map(String)
}

function usageArguments(content: PendingUsage): string[] {
  const once = [...content.once].flatMap(([onceId, { at, counters }]) => [onceId, at, counters.length, ...counters.flat()])
  return [content.plain.size, ...[...content.plain].flat(), ...once].map(String)
}
