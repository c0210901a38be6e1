// Books what a session uses, in tokens, seconds and money: handed to the store before the client sees what it paid for.

import { limitUse } from '../core/limits/report.js'
import { claimAt } from '../core/policy/claim-values.js'
import { costOf, type PriceTable, priceOf } from '../core/policy/price.js'
import type { QuotaAmounts, QuotaPolicy } from '../core/policy/quota.js'
import type { JsonObject } from '../core/protocol/events.js'
import { type TokenUsage, tokenUsage } from '../core/protocol/token-usage.js'
import { defaultMedia, type Media } from '../core/session/media.js'
import type { Identity } from '../ports/caller.js'
import type { MovedSession } from '../ports/resume.js'
import type { Store, UsageReport } from '../ports/store.js'
import type { Meters } from './meters.js'
import { windowsFor } from './quota.js'
import { type AudioSeconds, nonZero, responseCounters, transcriptionCounters, type UsageCounters } from './usage.js'

export interface LedgerSettings {
  /** Absent: no money is counted. */
  readonly prices?: PriceTable | undefined
  /** Claim that names the tenant a user belongs to. */
  readonly tenantClaim?: string | undefined
}

/** What a ledger reads of its session. */
export interface BookedSession {
  readonly opened: {
    readonly identity: Identity
    readonly sessionId: string
    readonly profile: { readonly name: string; readonly quota?: QuotaPolicy | undefined }
    readonly continues?: MovedSession | undefined
  }
  readonly meters: Meters
  /** Empty until the upstream is reached. */
  readonly deployment: string
  readonly deps: { readonly store: Pick<Store, 'limits' | 'usage' | 'quota'>; readonly now: () => number; readonly ledger?: LedgerSettings }
}

const MAX_TENANT = 256
/** Source: the service's documentation, one token of assistant audio per 50 ms. */
const SPOKEN_TOKEN_SECONDS = 0.05

export class SessionLedger {
  #media: Media = defaultMedia
  #input = { bytes: 0, seconds: 0 }
  #output = { bytes: 0, seconds: 0 }
  #booked: Record<string, number> | undefined
  #owner: Pick<UsageReport, 'subject' | 'profile' | 'tenant' | 'windows'> | undefined
  #costName: string | undefined

  constructor(readonly session: BookedSession) {}

  /** Everything booked so far, elsewhere too; a response reported twice counts twice here. */
  get booked(): Record<string, number> {
    this.#booked ??= { ...this.session.opened.continues?.booked }
    return this.#booked
  }

  /** The most that a response of so many tokens may use of each unit: all tokens at the dearest price, all of them spoken. */
  estimate({ input, output }: { readonly input: number; readonly output: number }): QuotaAmounts {
    const allOf = (kind: string) => ({ input_tokens: input, input_token_details: { [kind]: input }, output_tokens: output, output_token_details: { [kind]: output } })
    const money = Math.max(this.#costOf(allOf('text_tokens')), this.#costOf(allOf('audio_tokens')))
    return { responses: 1, tokens: input + output, audioMinutes: (output * SPOKEN_TOKEN_SECONDS) / 60, money }
  }

  get media(): Media {
    return this.#media
  }

  setMedia(media: Media): void {
    this.#hearOut()
    this.#media = media
  }

  /** One response, counted once by its id, and what the deployment's limits lost by it. */
  response(responseId: string, usage: JsonObject): void {
    const { opened, deployment, deps } = this.session
    const at = deps.now()
    const onceId = responseId === '' ? undefined : responseId
    deps.store.limits.recordLimits({ deployment, at, source: 'usage', limits: limitUse(usage), sessionId: opened.sessionId, subject: opened.identity.subject, onceId })
    const tokens = tokenUsage(usage)
    const counters = responseCounters(tokens, this.#takeAudio())
    if (deps.ledger?.prices) this.#addMoney(counters, deps.ledger.prices, tokens, responseNames(deployment))
    this.#book(counters, onceId, at)
  }

  /** Books a response whose use will never be known. `estimated_responses` counts these. */
  estimated(tokens: { readonly input: number; readonly output: number }): void {
    const { deps } = this.session
    const counters = nonZero({ responses: 1, estimated_responses: 1, input_tokens: tokens.input, output_tokens: tokens.output, ...this.#takeAudio() })
    const { money } = this.estimate(tokens)
    if (deps.ledger?.prices && money > 0) counters[this.#costNameIn(deps.ledger.prices)] = money
    this.#book(counters, undefined, deps.now())
  }

  /** Billed apart from the response it belongs to, and often after it. */
  transcription(itemId: string, contentIndex: number, usage: JsonObject): void {
    const { opened, deps } = this.session
    const tokens = tokenUsage(usage)
    const counters = transcriptionCounters(tokens)
    if (deps.ledger?.prices) this.#addMoney(counters, deps.ledger.prices, tokens, [this.#media.transcriptionModel])
    // The id is remembered: joined it is one text, while a template would keep its pieces apart.
    this.#book(counters, [opened.sessionId, itemId, contentIndex].join(':'), deps.now())
  }

  /** A session that never had an upstream used nothing. One that came from another instance was counted there. Its holds on the quota are released, however it ended. */
  ended(durationMs: number): void {
    const { opened, deployment, deps } = this.session
    if (deployment !== '') this.#book({ ...(opened.continues ? {} : { sessions: 1 }), seconds: durationMs / 1000, ...nonZero(this.#takeAudio()) }, undefined, deps.now())
    if (opened.profile.quota) deps.store.quota.release(opened.identity.subject, opened.sessionId)
  }

  #book(counters: UsageCounters, onceId: string | undefined, at: number): void {
    const { opened, deployment, deps } = this.session
    const { booked } = this
    for (const name in counters) {
      const amount = counters[name] as number
      // What cost nothing has a price.
      if (amount !== 0 || name.startsWith('cost_')) booked[name] = (booked[name] ?? 0) + amount
    }
    // Of one session these are always the same.
    this.#owner ??= {
      subject: opened.identity.subject,
      profile: opened.profile.name,
      tenant: tenantOf(opened.identity, deps.ledger?.tenantClaim),
      windows: windowsFor(opened.profile.quota),
    }
    const { subject, profile, tenant, windows } = this.#owner
    deps.store.usage.recordUsage({ subject, deployment, profile, tenant, at, counters, windows, onceId })
  }

  /** Seconds heard and spoken since they were last booked. */
  #takeAudio(): AudioSeconds {
    this.#hearOut()
    const seconds = { input_audio_seconds: this.#input.seconds, output_audio_seconds: this.#output.seconds }
    this.#input.seconds = 0
    this.#output.seconds = 0
    return seconds
  }

  #hearOut(): void {
    const { clientAudioBytes, serverAudioBytes } = this.session.meters
    this.#input.seconds += (clientAudioBytes - this.#input.bytes) / this.#media.inputBytesPerSecond
    this.#output.seconds += (serverAudioBytes - this.#output.bytes) / this.#media.outputBytesPerSecond
    this.#input.bytes = clientAudioBytes
    this.#output.bytes = serverAudioBytes
  }

  #costOf(usage: JsonObject): number {
    const prices = this.session.deps.ledger?.prices
    const price = prices && priceOf(prices, responseNames(this.session.deployment))
    return price ? costOf(tokenUsage(usage), price) : 0
  }

  /** What has no price is not free, so it is counted as `unpriced`. */
  #addMoney(counters: UsageCounters, prices: PriceTable, tokens: TokenUsage, names: readonly (string | undefined)[]): void {
    const price = priceOf(prices, names)
    if (price) counters[this.#costNameIn(prices)] = Math.round(costOf(tokens, price) * 1e9) / 1e9
    else counters.unpriced = 1
  }

  #costNameIn({ currency }: PriceTable): string {
    this.#costName ??= `cost_${currency.toLowerCase()}`
    return this.#costName
  }
}

/** The name under which limits are recorded, then the deployment alone where that has the upstream's name behind it. */
function responseNames(deployment: string): readonly string[] {
  return [deployment, deployment.split('~')[0] ?? deployment]
}

export function tenantOf({ claims }: Identity, claim: string | undefined): string | undefined {
  const value = claim === undefined ? undefined : claimAt(claims, claim)
  const name = typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  return name === '' || name.length > MAX_TENANT ? undefined : name
}
