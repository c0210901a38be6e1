// What a session leaves in Redis about its deployment and its user, over real sockets: from usage, from refusals, from refused dials.
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { connectClient } from '../support/realtime-client.js'
import { uniquePrefix } from '../support/redis.js'
import { DEPLOYMENT, type RunningRelay, runRelay } from '../support/running-relay.js'

const url = process.env.REDIS_URL ?? ''
const raw = new Redis(url)
const prefix = uniquePrefix()
let running: RunningRelay

beforeAll(async () => {
  running = await runRelay({ env: { REDIS_URL: url, REDIS_KEY_PREFIX: prefix } })
})
afterEach(() => running.simulator.setFaults({}))
afterAll(async () => {
  await running.close()
  raw.disconnect()
})

const connect = async (subject: string) => connectClient(`${running.wsUrl}/v1/realtime`, await running.token(subject))
const limits = () => raw.hgetall(`${prefix}limits:{${DEPLOYMENT}}`)
const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 5_000, interval: 20 })

describe('limits of a deployment whose upstream never reports any', () => {
  it('hold what the sessions used this minute, and the ledger the same tokens', async () => {
    const client = await connect('alice')
    await client.next('session.created')
    await client.ask('Good morning to you')
    const done = await client.next('response.done')
    const { total_tokens: total } = (done.response as { usage: { total_tokens: number } }).usage
    await eventually(async () => expect(await limits()).toMatchObject({ 'tokens.used': String(total), 'tokens.source': 'usage', 'requests.used': '1', 'requests.source': 'usage' }))
    const hash = await limits()
    expect(Number(hash['tokens.reset_at']) - Number(hash['tokens.used_from'])).toBe(60_000)
    const day = new Date().toISOString().slice(0, 10)
    const usage = await raw.hgetall(`${prefix}usage:{alice}:${day}`)
    expect(Number(usage.input_tokens) + Number(usage.output_tokens)).toBe(total)
    expect(usage.responses).toBe('1')
    client.close()
  })

  it('say that a response failed at a limit', async () => {
    const client = await connect('bob')
    await client.next('session.created')
    running.simulator.setFaults({ failResponse: 'inference_rate_limit_exceeded' })
    await client.ask('Good morning to you')
    await eventually(async () => expect(await limits()).toMatchObject({ 'tokens.remaining': '0', 'tokens.source': 'inference_rate_limit_exceeded' }))
    client.close()
  })
})
