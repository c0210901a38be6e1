// The books of one session: what each report holds, whose it is, what it costs, and how bytes become seconds.
import { beforeEach, describe, expect, it } from 'vitest'
import type { PriceTable } from '../../src/core/policy/price.js'
import type { LimitReport, UsageReport } from '../../src/ports/store.js'
import { type LedgerSettings, SessionLedger } from '../../src/relay/ledger.js'
import { createMeters } from '../../src/relay/meters.js'
import { nonZero } from '../../src/relay/usage.js'
import { createMemoryStore } from '../../src/store/memory/store.js'

const T = Date.UTC(2026, 10, 25)
const PRICES: PriceTable = { currency: 'USD', date: '2026-11-25', prices: { gpt: { input_text: 4, output_text: 16 }, whisper: { minute: 0.6 } } }
const USAGE = { input_tokens: 1_000, output_tokens: 500 }
let usage: UsageReport[]
let limits: LimitReport[]

beforeEach(() => {
  usage = []
  limits = []
})

function open(ledger: LedgerSettings = {}, over: { deployment?: string; claims?: Record<string, unknown> } = {}) {
  const identity = { subject: 'alice', issuer: undefined, tokenId: undefined, expiresAtMs: 0, claims: over.claims ?? {} }
  const meters = createMeters()
  const { quota, ...parts } = createMemoryStore()
  const store = {
    quota,
    limits: { ...parts.limits, recordLimits: (report: LimitReport) => void limits.push(report) },
    usage: { ...parts.usage, recordUsage: (report: UsageReport) => void usage.push({ ...report, counters: nonZero(report.counters) }) },
  }
  const session = { opened: { identity, sessionId: 's1', profile: { name: 'vip' } }, meters, deployment: over.deployment ?? 'gpt', deps: { store, now: () => T, ledger } }
  return { ledger: new SessionLedger(session), meters }
}

describe('a response', () => {
  it('is booked once under its id, for user, profile and deployment, and against the deployment’s limits', () => {
    open().ledger.response('resp_1', USAGE)
    expect(usage).toEqual([
      {
        subject: 'alice',
        profile: 'vip',
        deployment: 'gpt',
        at: T,
        onceId: 'resp_1',
        counters: { responses: 1, input_tokens: 1_000, input_text_tokens: 1_000, output_tokens: 500, output_text_tokens: 500 },
      },
    ])
    expect(limits).toEqual([
      {
        deployment: 'gpt',
        source: 'usage',
        at: T,
        onceId: 'resp_1',
        sessionId: 's1',
        subject: 'alice',
        limits: [
          { name: 'requests', used: 1 },
          { name: 'tokens', used: 1_500 },
        ],
      },
    ])
  })

  it('without an id is booked all the same', () => {
    open().ledger.response('', USAGE)
    expect([usage[0], limits[0]].map((report) => report?.onceId)).toEqual([undefined, undefined])
    expect([usage.length, limits.length]).toEqual([1, 1])
  })

  it.each([
    { id: 'string', claims: { org: 'acme' }, tenant: 'acme' },
    { id: 'number', claims: { org: 7 }, tenant: '7' },
    { id: 'empty', claims: { org: '' }, tenant: undefined },
    { id: 'too long', claims: { org: 'x'.repeat(257) }, tenant: undefined },
    { id: 'object', claims: { org: { name: 'acme' } }, tenant: undefined },
    { id: 'absent', claims: {}, tenant: undefined },
  ])('counts for the tenant of the token: $id', ({ claims, tenant }) => {
    open({ tenantClaim: 'org' }, { claims }).ledger.response('r', USAGE)
    expect(usage[0]?.tenant).toBe(tenant)
  })

  it('finds no tenant in what every object has', () => {
    open({ tenantClaim: 'constructor' }).ledger.response('r', USAGE)
    expect(usage[0]?.tenant).toBeUndefined()
  })
})

describe('money', () => {
  it('is counted in the currency of the table', () => {
    open({ prices: PRICES }).ledger.response('r', USAGE)
    expect(usage[0]?.counters.cost_usd).toBe(0.012)
  })

  it('has the price of the deployment, whatever upstream of that name it is', () => {
    open({ prices: PRICES }, { deployment: 'gpt~west' }).ledger.response('r', USAGE)
    expect(usage[0]?.counters.cost_usd).toBe(0.012)
  })

  it('is known to be none, if what was used costs nothing', () => {
    const free = open({ prices: { ...PRICES, prices: { gpt: {} } } }).ledger
    free.response('r', USAGE)
    expect(free.booked).toMatchObject({ input_tokens: 1_000, cost_usd: 0 })
    expect(free.booked).not.toHaveProperty('input_audio_tokens')
  })

  it('says where nobody knows a price', () => {
    open({ prices: PRICES }, { deployment: 'other' }).ledger.response('r', USAGE)
    expect(usage[0]?.counters).toMatchObject({ unpriced: 1 })
    expect(usage[0]?.counters).not.toHaveProperty('cost_usd')
  })

  it('of a transcript has the price of its model', () => {
    const { ledger } = open({ prices: PRICES })
    ledger.setMedia({ inputBytesPerSecond: 48_000, outputBytesPerSecond: 48_000, transcriptionModel: 'whisper' })
    ledger.transcription('item_1', 0, { type: 'duration', seconds: 30 })
    expect(usage[0]).toMatchObject({ onceId: 's1:item_1:0', counters: { transcriptions: 1, transcription_seconds: 30, cost_usd: 0.3 } })
    expect(limits).toEqual([])
  })
})

describe('audio', () => {
  it('becomes seconds by the format in force when it came, and each second is booked once', () => {
    const { ledger, meters } = open()
    meters.clientAudioBytes += 48_000
    meters.serverAudioBytes += 96_000
    ledger.setMedia({ inputBytesPerSecond: 8_000, outputBytesPerSecond: 8_000, transcriptionModel: undefined })
    meters.clientAudioBytes += 24_000
    ledger.response('r1', USAGE)
    ledger.response('r2', USAGE)
    meters.serverAudioBytes += 4_000
    ledger.ended(61_500)
    expect(usage.map(({ counters }) => [counters.input_audio_seconds, counters.output_audio_seconds])).toEqual([
      [4, 2],
      [undefined, undefined],
      [undefined, 0.5],
    ])
    expect(usage.at(-1)?.counters).toMatchObject({ sessions: 1, seconds: 61.5 })
  })

  it('of a session that never reached an upstream is nobody’s', () => {
    open({}, { deployment: '' }).ledger.ended(100)
    expect(usage).toEqual([])
  })
})
