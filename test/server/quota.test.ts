// Quotas with real sockets and a real Redis: requested and spoken turns, what clients are told, and GET /v1/quota.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { tone } from '../simulator/client.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { uniquePrefix } from '../support/redis.js'
import { DEPLOYMENT, type RunningRelay, runRelay } from '../support/running-relay.js'

const folder = mkdtempSync(join(tmpdir(), 'quota-'))
const file = (name: string, content: object) => {
  writeFileSync(join(folder, name), JSON.stringify(content))
  return join(folder, name)
}
let running: RunningRelay

beforeAll(async () => {
  const two = { limits: { quota: { perDay: { responses: 2 } } } }
  const profiles = { two: { ...two, relayEvents: true }, quiet: two, cent: { limits: { quota: { perSession: { money: 0.000001 } } } } }
  const prices = { currency: 'USD', date: '2026-11-25', prices: { [DEPLOYMENT]: { input_text: 4, output_audio: 64 } } }
  running = await runRelay({
    simulator: { heardText: 'Good morning to you' },
    env: {
      REDIS_URL: process.env.REDIS_URL ?? '',
      REDIS_KEY_PREFIX: uniquePrefix(),
      PROFILES_FILE: file('profiles.json', profiles),
      PRICES_FILE: file('prices.json', prices),
      SESSION: '{"output_modalities":["audio"]}',
    },
  })
})
afterAll(async () => {
  await running.close()
  rmSync(folder, { recursive: true })
})

async function connect(subject: string, profile: string): Promise<RealtimeClient> {
  const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token(subject, { profile }))
  await client.next('session.created')
  return client
}

async function quota(token: string): Promise<{ status: number; body: { quota?: { used: number; remaining: number }[]; error?: { code: string } } }> {
  const answer = await fetch(`${running.relay.url}/v1/quota`, { headers: { authorization: `Bearer ${token}` } })
  return { status: answer.status, body: (await answer.json()) as { quota?: { used: number; remaining: number }[] } }
}

describe('a quota of two responses a day', () => {
  it('allows two over all sessions, then refuses, and the session goes on', async () => {
    const first = await connect('alice', 'quiet')
    expect((await first.ask('Good morning to you')).at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    first.close()
    const second = await connect('alice', 'quiet')
    expect((await second.ask('Good morning to you')).at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    second.send({ type: 'response.create', event_id: 'third' })
    const error = await second.next('error')
    expect(error.error).toMatchObject({
      type: 'rate_limit_error',
      code: 'budget_spent',
      event_id: 'third',
      message: expect.stringMatching(/^The quota of responses per day is used up\. Retry after \d+ s\.$/),
    })
    const created = running.simulator.received.at(-1)?.events.filter((event) => event.type === 'response.create')
    expect(created).toHaveLength(1)
    second.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'still here' }] } })
    await second.next('conversation.item.added', { from: second.events.length })
    expect(second.events.map((event) => event.type)).not.toContain('relay.quota')
    second.close()
  })

  it('counts spoken turns, which the relay answers itself, and tells a client what is left if it asked', async () => {
    const client = await connect('bob', 'two')
    const speech = Buffer.concat([tone(200, 0), tone(500), tone(900, 0)]).toString('base64')
    const turn = async () => {
      const from = client.events.length
      client.send({ type: 'input_audio_buffer.append', audio: speech })
      await client.next('response.done', { from })
      return client.next('relay.quota', { from })
    }
    const left = [{ of: 'responses', per: 'day', max: 2 }]
    expect((await turn()).quota).toMatchObject([{ ...left[0], used: 1, remaining: 1, low: false }])
    expect((await turn()).quota).toMatchObject([{ ...left[0], used: 2, remaining: 0, low: true }])
    const from = client.events.length
    client.send({ type: 'input_audio_buffer.append', audio: speech })
    expect((await client.next('error', { from })).error).toMatchObject({ code: 'budget_spent', event_id: null })
    const sent = running.simulator.received.at(-1)?.events ?? []
    expect(sent[0]).toMatchObject({ type: 'session.update', session: { audio: { input: { turn_detection: { type: 'server_vad', create_response: false } } } } })
    expect(sent.filter((event) => event.type === 'response.create')).toHaveLength(2)
    expect(client.events[0]).toMatchObject({ session: { audio: { input: { turn_detection: { type: 'server_vad', create_response: true } } } } })
    client.close()
  })

  it('is shown only with the user’s token', async () => {
    const token = await running.token('carol', { profile: 'quiet' })
    expect(await quota(token)).toMatchObject({
      status: 200,
      body: { quota: [{ of: 'responses', per: 'day', max: 2, used: 0, remaining: 2, low: false, resets_at: expect.any(Number) }] },
    })
    const client = await connect('carol', 'quiet')
    await client.ask('Good morning to you')
    await vi.waitFor(async () => expect((await quota(token)).body.quota).toMatchObject([{ used: 1, remaining: 1 }]))
    client.close()
    expect(await quota(await running.token('dave', { profile: 'quiet' }))).toMatchObject({ body: { quota: [{ used: 0 }] } })
    expect(await quota(await running.token('erin'))).toEqual({ status: 200, body: { quota: [] } })
    expect(await quota('no token')).toMatchObject({ status: 401, body: { error: { code: 'unauthenticated' } } })
    expect(await quota(await running.token('carol', { profile: 'unheard-of' }))).toMatchObject({ status: 403, body: { error: { code: 'forbidden' } } })
  })
})

describe('a spend cap of a session', () => {
  it('lets the answer that reaches it finish, and starts no other', async () => {
    const client = await connect('frank', 'cent')
    expect((await client.ask('Good morning to you')).at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    client.send({ type: 'response.create' })
    expect((await client.next('error')).error).toMatchObject({ code: 'budget_spent', message: 'The quota of money per session is used up.' })
    client.close()
    const next = await connect('frank', 'cent')
    expect((await next.ask('Good morning to you')).at(-1)).toMatchObject({ type: 'response.done' })
    next.close()
  })
})
