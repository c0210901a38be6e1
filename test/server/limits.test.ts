// What a session records in Redis about its deployment and its user, over real sockets: from usage, refusals and refused dials.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { costOf } from '../../src/core/policy/price.js'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { tokenUsage } from '../../src/core/protocol/token-usage.js'
import { connectClient } from '../support/realtime-client.js'
import { uniquePrefix } from '../support/redis.js'
import { DEPLOYMENT, type RunningRelay, runRelay } from '../support/running-relay.js'

const url = process.env.REDIS_URL ?? ''
const raw = new Redis(url)
const prefix = uniquePrefix()
const folder = mkdtempSync(join(tmpdir(), 'limits-'))
const pricesFile = join(folder, 'prices.json')
const PRICE = { input_text: 4, input_audio: 32, cached_text: 0.4, output_text: 16, output_audio: 64 }
let running: RunningRelay

beforeAll(async () => {
  writeFileSync(pricesFile, JSON.stringify({ currency: 'USD', date: '2026-11-25', prices: { [DEPLOYMENT]: PRICE, 'whisper-1': { minute: 0.6 } } }))
  const SESSION = JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' } } } })
  running = await runRelay({
    simulator: { heardText: 'Good morning to you' },
    env: { REDIS_URL: url, REDIS_KEY_PREFIX: prefix, PRICES_FILE: pricesFile, JWT_TENANT_CLAIM: 'org', SESSION },
  })
})
afterEach(() => running.simulator.setFaults({}))
afterAll(async () => {
  await running.close()
  raw.disconnect()
  rmSync(folder, { recursive: true })
})

const connect = async (subject: string, claims = {}) => connectClient(`${running.wsUrl}/v1/realtime`, await running.token(subject, claims))
const today = () => new Date().toISOString().slice(0, 10)
const limits = () => raw.hgetall(`${prefix}limits:{${DEPLOYMENT}}`)
const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 5_000, interval: 20 })

describe('limits of a deployment whose upstream never reports any', () => {
  it('hold what the sessions used this minute, and the ledger has the same tokens', async () => {
    const client = await connect('alice')
    await client.next('session.created')
    await client.ask('Good morning to you')
    const done = await client.next('response.done')
    const { total_tokens: total } = (done.response as { usage: { total_tokens: number } }).usage
    await eventually(async () => expect(await limits()).toMatchObject({ 'tokens.used': String(total), 'tokens.source': 'usage', 'requests.used': '1', 'requests.source': 'usage' }))
    const hash = await limits()
    expect(Number(hash['tokens.reset_at']) - Number(hash['tokens.used_from'])).toBe(60_000)
    const usage = await raw.hgetall(`${prefix}usage:{alice}:${today()}`)
    expect(Number(usage.input_tokens) + Number(usage.output_tokens)).toBe(total)
    expect(usage.responses).toBe('1')
    client.close()
  })

  it('record that a response failed at a limit', async () => {
    const client = await connect('bob')
    await client.next('session.created')
    running.simulator.setFaults({ failResponse: 'inference_rate_limit_exceeded' })
    await client.ask('Good morning to you')
    await eventually(async () => expect(await limits()).toMatchObject({ 'tokens.remaining': '0', 'tokens.source': 'inference_rate_limit_exceeded' }))
    client.close()
  })
})

describe('the ledger', () => {
  it('counts a spoken turn by kind, second and money, for the user, the tenant, the profile and the deployment', async () => {
    const client = await connect('carol', { org: 'acme' })
    await client.next('session.created')
    client.send({ type: 'input_audio_buffer.append', audio: Buffer.alloc(96_000).toString('base64') })
    client.send({ type: 'input_audio_buffer.commit' })
    client.send({ type: 'response.create' })
    const transcript = await client.next('conversation.item.input_audio_transcription.completed')
    const done = await client.next('response.done')
    const usage = (done.response as { usage: JsonObject }).usage
    const seconds = (transcript.usage as { seconds: number }).seconds
    const cost = costOf(tokenUsage(usage), PRICE) + (seconds / 60) * 0.6
    const of = (owner: string) => raw.hgetall(`${prefix}usage:${owner}:${today()}`)
    await eventually(async () => expect(Number((await of('{carol}')).cost_usd)).toBeCloseTo(cost, 8))
    const mine = await of('{carol}')
    expect(mine).toMatchObject({ responses: '1', transcriptions: '1', transcription_seconds: String(seconds), input_audio_seconds: '2' })
    expect(Number(mine.output_audio_seconds)).toBeGreaterThan(0.5)
    expect(Number(mine.output_audio_seconds)).toBeCloseTo(Number(mine.output_audio_tokens) * 0.05, 0)
    await eventually(async () => expect(await of('tenant:{acme}')).toEqual(mine))
    for (const owner of ['profile:{default}', `deployment:{${DEPLOYMENT}}`]) expect(Number((await of(owner)).responses)).toBeGreaterThanOrEqual(2)
    client.close()
    await eventually(async () => expect(await of('tenant:{acme}')).toMatchObject({ sessions: '1' }))
  })
})
