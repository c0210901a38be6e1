// Reads limits and usage out of events in whatever shape they come; anything that is not a finite number is left out.
import { arrayAt, isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import type { LimitReport } from '../ports.js'

const NAME = /^[A-Za-z0-9_.-]{1,64}$/

/** `rate_limits.updated` may carry any subset of names, with whole or broken numbers, or be empty (source: recordings). */
export function limitsOfEvent(event: RealtimeEvent): LimitReport['limits'] {
  const limits: { name: string; limit?: number; remaining?: number; resetSeconds?: number }[] = []
  for (const entry of arrayAt(event, 'rate_limits')) {
    if (!isObject(entry)) continue
    const name = stringAt(entry, 'name')
    if (name === undefined || !NAME.test(name)) continue
    limits.push({ name, ...numberAs('limit', entry, 'limit'), ...numberAs('remaining', entry, 'remaining'), ...numberAs('resetSeconds', entry, 'reset_seconds') })
  }
  return limits
}

/** Counters of one response, named as the usage hash names them. */
export function usageCounters(usage: JsonObject): Record<string, number> {
  const counters: Record<string, number> = { responses: 1 }
  const add = (name: string, from: JsonObject | undefined, key: string) => {
    const value = from?.[key]
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) counters[name] = value
  }
  add('input_tokens', usage, 'input_tokens')
  add('output_tokens', usage, 'output_tokens')
  for (const side of ['input', 'output']) {
    const details = objectAt(usage, `${side}_token_details`)
    for (const kind of ['text', 'audio', 'image', 'cached']) add(`${side}_${kind}_tokens`, details, `${kind}_tokens`)
  }
  return counters
}

function numberAs<K extends string>(as: K, from: JsonObject, key: string): { [P in K]?: number } {
  const value = from[key]
  return typeof value === 'number' && Number.isFinite(value) ? ({ [as]: value } as { [P in K]?: number }) : {}
}
