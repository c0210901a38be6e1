// Reads what an event says about the deployment's limits, in any of its shapes. Values that are not finite numbers are left out.
import { arrayAt, isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { isLimitName, isRefusalSource, type LimitSource, type RefusalSource, type ReportedLimit } from './merge.js'

const LONGEST_RESET_SECONDS = 86_400

export interface LimitsSeen {
  readonly source: LimitSource
  readonly limits: readonly ReportedLimit[]
}

/** The limits that an event reports; undefined if it reports none. */
export function limitsOfEvent(event: RealtimeEvent): LimitsSeen | undefined {
  const limits = event.type === 'rate_limits.updated' ? reportedLimits(event) : []
  if (limits.length > 0) return { source: 'event', limits }
  const error = event.type === 'error' ? objectAt(event, 'error') : objectAt(objectAt(objectAt(event, 'response'), 'status_details'), 'error')
  const source = refusedByLimit(error)
  return source && { source, limits: [exhausted(stringAt(error, 'message') ?? '')] }
}

/** `rate_limits.updated` may carry any subset of names, with whole or broken numbers, or be empty (source: recordings). */
function reportedLimits(event: RealtimeEvent): readonly ReportedLimit[] {
  const limits: ReportedLimit[] = []
  for (const entry of arrayAt(event, 'rate_limits')) {
    if (!isObject(entry)) continue
    const name = stringAt(entry, 'name')
    if (!isLimitName(name)) continue
    const reported: { name: string; limit?: number; remaining?: number; resetSeconds?: number } = { name }
    if (isNumber(entry.limit)) reported.limit = entry.limit
    if (isNumber(entry.remaining)) reported.remaining = entry.remaining
    if (isNumber(entry.reset_seconds)) reported.resetSeconds = entry.reset_seconds
    limits.push(reported)
  }
  return limits
}

/** Only the error's text names the limit and the time: tokens unless it speaks of requests. */
function exhausted(message: string): ReportedLimit {
  const name = /requests? per|\bRP[MD]\b/i.test(message) ? 'requests' : 'tokens'
  const [, amount, unit] = /(?:try again in|retry after)\s+(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m)/i.exec(message) ?? []
  if (amount === undefined) return { name, remaining: 0 }
  const seconds = Number(amount) * { ms: 0.001, s: 1, m: 60 }[(unit ?? 's').toLowerCase() as 'ms' | 's' | 'm']
  return { name, remaining: 0, resetSeconds: Math.min(seconds, LONGEST_RESET_SECONDS) }
}

/** How an error says that a limit of the deployment is used up: by `code`, or else by `type`. Both are seen (see `core/protocol/README.md`). */
function refusedByLimit(error: JsonObject | undefined): RefusalSource | undefined {
  if (!error) return undefined
  const code = stringAt(error, 'code')
  if (isRefusalSource(code)) return code
  const type = stringAt(error, 'type')
  return isRefusalSource(type) ? type : undefined
}

/** What one response used of the deployment's limits: one request and all its tokens, including cached ones. */
export function limitUse(usage: JsonObject): readonly ReportedLimit[] {
  const tokens = count(usage.total_tokens) || count(usage.input_tokens) + count(usage.output_tokens)
  const request = { name: 'requests', used: 1 }
  return tokens > 0 ? [request, { name: 'tokens', used: tokens }] : [request]
}

function count(value: unknown): number {
  return isNumber(value) && value > 0 ? value : 0
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
