// How often a client may ask for what costs money or work: responses, session updates and items, each with a burst for real clients.

import { type Bucket, type BucketRule, takeTokens } from '../limits/token-bucket.js'
import type { Rejection } from '../policy/policy.js'
import type { SessionLimits } from '../policy/profile.js'
import type { Step } from './state.js'

export interface Rates {
  readonly responses: Bucket | undefined
  readonly updates: Bucket | undefined
  readonly refreshes: Bucket | undefined
  readonly quotas: Bucket | undefined
  readonly toolCalls: Bucket | undefined
  /** Items the client has created, deleted ones included. */
  readonly items: number
}

export const noRates: Rates = { responses: undefined, updates: undefined, refreshes: undefined, quotas: undefined, toolCalls: undefined, items: 0 }

/** A conversation in a hurry, interruptions included. */
const RESPONSE_BURST = 10
/** SDKs send several updates in a row when they start and whenever their user changes something. */
const UPDATE_BURST = 20
/** A few rounds of parallel calls. */
const CALL_BURST = 16
const REFRESH: BucketRule = { perSecond: 0.1, burst: 3 }
/** Each is a question to the store. */
const QUOTA: BucketRule = { perSecond: 0.5, burst: 5 }

/** Counts one event that policy has let through; the refusal where it is one too many. Times are those of the last tick, a second old at most. */
export function overRate(step: Step, type: string): Rejection | undefined {
  const { limits } = step.state.profile
  switch (type) {
    case 'response.create':
      return take(step, 'responses', perMinute(limits.responsesPerMinute, RESPONSE_BURST), 'Too many responses were asked for.')
    case 'session.update':
      return take(step, 'updates', perMinute(limits.sessionUpdatesPerMinute, UPDATE_BURST), 'The session was updated too often.')
    case 'relay.token.refresh':
      return take(step, 'refreshes', REFRESH, 'Too many tokens were sent.')
    case 'relay.quota.get':
      return take(step, 'quotas', QUOTA, 'The quota was asked for too often.')
    case 'conversation.item.create':
      return takeItem(step, limits)
    default:
      return undefined
  }
}

/** Counts one call that is about to run; true: it is one too many. */
export function overCallRate(step: Step): boolean {
  const { toolCallsPerMinute: most } = step.state.profile.limits
  return take(step, 'toolCalls', perMinute(most, Math.max(CALL_BURST, most / 4)), '') !== undefined
}

function take(step: Step, name: 'responses' | 'updates' | 'refreshes' | 'quotas' | 'toolCalls', rule: BucketRule, message: string): Rejection | undefined {
  const taken = takeTokens(step.state.rates[name], 1, rule, step.now)
  step.state = { ...step.state, rates: { ...step.state.rates, [name]: taken.bucket } }
  return taken.ok ? undefined : { code: 'rate_limited', message, retryAfterSeconds: Math.ceil(taken.retryAfterMs / 1000) }
}

function takeItem(step: Step, limits: SessionLimits): Rejection | undefined {
  const { items } = step.state.rates
  if (items >= limits.maxItems) return { code: 'rate_limited', param: 'item', message: 'This session has taken all the items it may. Start a new session.' }
  step.state = { ...step.state, rates: { ...step.state.rates, items: items + 1 } }
  return undefined
}

function perMinute(count: number, burst: number): BucketRule {
  return { perSecond: count / 60, burst: Math.max(1, Math.min(burst, count)) }
}
