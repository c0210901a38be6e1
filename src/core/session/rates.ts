// How often a client may ask for what costs money or work: responses, session updates and items, each with a burst for real clients.

import { type Bucket, type BucketRule, takeTokens } from '../limits/token-bucket.js'
import type { Rejection } from '../policy/policy.js'
import type { SessionLimits } from '../policy/profile.js'

export interface Rates {
  readonly responses: Bucket | undefined
  readonly updates: Bucket | undefined
  readonly refreshes: Bucket | undefined
  readonly quotas: Bucket | undefined
  readonly consents: Bucket | undefined
  readonly toolCalls: Bucket | undefined
  readonly violations: Bucket | undefined
  /** Items the client has created, deleted ones included. */
  readonly items: number
}

export const noRates: Rates = {
  responses: undefined,
  updates: undefined,
  refreshes: undefined,
  quotas: undefined,
  consents: undefined,
  toolCalls: undefined,
  violations: undefined,
  items: 0,
}

/** A conversation in a hurry, interruptions included. */
const RESPONSE_BURST = 10
/** SDKs send several updates in a row when they start and whenever their user changes something. */
const UPDATE_BURST = 20
/** A few rounds of parallel calls. */
const CALL_BURST = 16
/** A hundred violations in this time: one every three seconds, which a heartbeat of an app's own stays below. */
const FORGIVEN_SECONDS = 300
const REFRESH: BucketRule = { perSecond: 0.1, burst: 3 }
/** Each is a question to the store. */
const QUOTA: BucketRule = { perSecond: 0.5, burst: 5 }

/** Counts one event of this type at `now`. The refusal, if it is one too many. Types without a rate pass. */
export function takeEvent(rates: Rates, type: string, limits: SessionLimits, now: number): readonly [Rates, Rejection | undefined] {
  switch (type) {
    case 'response.create':
      return take(rates, 'responses', perMinute(limits.responsesPerMinute, RESPONSE_BURST), 'Too many responses were asked for.', now)
    case 'session.update':
      return take(rates, 'updates', perMinute(limits.sessionUpdatesPerMinute, UPDATE_BURST), 'The session was updated too often.', now)
    case 'relay.resume.enable':
    case 'relay.token.refresh':
      return take(rates, 'refreshes', REFRESH, 'Too many tokens were sent.', now)
    case 'relay.recording.consent':
      return take(rates, 'consents', REFRESH, 'Consent was changed too often.', now)
    case 'relay.quota.get':
      return take(rates, 'quotas', QUOTA, 'The quota was asked for too often.', now)
    case 'conversation.item.create':
      return takeItem(rates, limits)
    default:
      return [rates, undefined]
  }
}

/** Counts one server-run call at `now`. False: it exceeds the rate. */
export function takeCall(rates: Rates, { toolCallsPerMinute: most }: SessionLimits, now: number): readonly [Rates, boolean] {
  const [after, refusal] = take(rates, 'toolCalls', perMinute(most, Math.max(CALL_BURST, most / 4)), '', now)
  return [after, refusal === undefined]
}

/** Counts one refused event at `now`. False: there are too many. All are forgotten after `FORGIVEN_SECONDS` without one. */
export function takeViolation(rates: Rates, { maxViolations }: SessionLimits, now: number): readonly [Rates, boolean] {
  const [after, refusal] = take(rates, 'violations', { perSecond: maxViolations / FORGIVEN_SECONDS, burst: maxViolations }, '', now)
  return [after, refusal === undefined]
}

type Rate = 'responses' | 'updates' | 'refreshes' | 'quotas' | 'consents' | 'toolCalls' | 'violations'

function take(rates: Rates, name: Rate, rule: BucketRule, message: string, now: number): readonly [Rates, Rejection | undefined] {
  const { bucket, ok, retryAfterMs } = takeTokens(rates[name], 1, rule, now)
  return [{ ...rates, [name]: bucket }, ok ? undefined : { code: 'rate_limited', message, retryAfterSeconds: Math.ceil(retryAfterMs / 1000) }]
}

function takeItem(rates: Rates, limits: SessionLimits): readonly [Rates, Rejection | undefined] {
  if (rates.items >= limits.maxItems) return [rates, { code: 'rate_limited', param: 'item', message: 'This session has taken all the items it may. Start a new session.' }]
  return [{ ...rates, items: rates.items + 1 }, undefined]
}

function perMinute(count: number, burst: number): BucketRule {
  return { perSecond: count / 60, burst: Math.max(1, Math.min(burst, count)) }
}
