// Reads limits and usage out of events in whatever shape they come; anything that is not a finite number is left out.

import { refusedByLimit } from '../core/limits/refusal.js'
import { arrayAt, isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import type { TokenUsage } from '../core/protocol/token-usage.js'
import type { LimitReport } from '../ports/store.js'

const NAME = /^[A-Za-z0-9_.-]{1,64}$/
const LONGEST_RESET_SECONDS = 86_400

export type LimitsSeen = Pick<LimitReport, 'source' | 'limits'>

/** What an event says about the deployment's limits; undefined: nothing. */
export function limitsOfEvent(event: RealtimeEvent): LimitsSeen | undefined {
  const limits = event.type === 'rate_limits.updated' ? reportedLimits(event) : []
  if (limits.length > 0) return { source: 'event', limits }
  const error = event.type === 'error' ? objectAt(event, 'error') : objectAt(objectAt(objectAt(event, 'response'), 'status_details'), 'error')
  const source = refusedByLimit(error)
  return source && { source, limits: [exhausted(stringAt(error, 'message') ?? '')] }
}

/** `rate_limits.updated` may carry any subset of names, with whole or broken numbers, or be empty (source: recordings). */
function reportedLimits(event: RealtimeEvent): LimitReport['limits'] {
  const limits: { name: string; limit?: number; remaining?: number; resetSeconds?: number }[] = []
  for (const entry of arrayAt(event, 'rate_limits')) {
    if (!isObject(entry)) continue
    const name = stringAt(entry, 'name')
    if (name === undefined || !NAME.test(name)) continue
    limits.push({ name, ...numberAs('limit', entry, 'limit'), ...numberAs('remaining', entry, 'remaining'), ...numberAs('resetSeconds', entry, 'reset_seconds') })
  }
  return limits
}

/** Which limit, and for how long, is told in prose only: tokens where it does not speak of requests. */
function exhausted(message: string): LimitReport['limits'][number] {
  const name = /requests? per|\bRP[MD]\b/i.test(message) ? 'requests' : 'tokens'
  const [, amount, unit] = /(?:try again in|retry after)\s+(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m)/i.exec(message) ?? []
  if (amount === undefined) return { name, remaining: 0 }
  const seconds = Number(amount) * { ms: 0.001, s: 1, m: 60 }[(unit ?? 's').toLowerCase() as 'ms' | 's' | 'm']
  return { name, remaining: 0, resetSeconds: Math.min(seconds, LONGEST_RESET_SECONDS) }
}

/** What one response took of the deployment's limits: one request, and all of its tokens, cached ones included. */
export function limitUse(usage: JsonObject): LimitReport['limits'] {
  const { total_tokens: total, input_tokens: input, output_tokens: output } = usage
  const count = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0)
  const tokens = count(total) || count(input) + count(output)
  return [{ name: 'requests', used: 1 }, ...(tokens > 0 ? [{ name: 'tokens', used: tokens }] : [])]
}

/** Counters of one response, named as the usage hash names them. */
export function responseCounters({ input, output, inputOf, outputOf, cached, cachedOf }: TokenUsage): Record<string, number> {
  return nonZero({
    responses: 1,
    input_tokens: input,
    output_tokens: output,
    input_text_tokens: inputOf.text,
    input_audio_tokens: inputOf.audio,
    input_image_tokens: inputOf.image,
    input_cached_tokens: cached,
    input_cached_text_tokens: cachedOf.text,
    input_cached_audio_tokens: cachedOf.audio,
    input_cached_image_tokens: cachedOf.image,
    output_text_tokens: outputOf.text,
    output_audio_tokens: outputOf.audio,
  })
}

/** Counters of one transcript: tokens or seconds, as its model counts. */
export function transcriptionCounters({ input, output, seconds }: TokenUsage): Record<string, number> {
  return nonZero({ transcriptions: 1, transcription_input_tokens: input, transcription_output_tokens: output, transcription_seconds: seconds })
}

export function nonZero(counters: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).filter(([, value]) => value > 0))
}

function numberAs<K extends string>(as: K, from: JsonObject, key: string): { [P in K]?: number } {
  const value = from[key]
  return typeof value === 'number' && Number.isFinite(value) ? ({ [as]: value } as { [P in K]?: number }) : {}
}
