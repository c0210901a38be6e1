// A relay with a warm pool: sessions behave as without it and share nothing, and pooled connections are configured only if that depends on no caller.
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { connectClient } from '../support/realtime-client.js'
import { INSTRUCTIONS, type RunningRelay, runRelay } from '../support/running-relay.js'

let running: RunningRelay
let folder: string | undefined
afterEach(async () => {
  await running.close()
  if (folder) await rm(folder, { recursive: true })
  folder = undefined
})

const metrics = async () => (await fetch(`${running.relay.adminUrl}/metrics`)).text()
const counted = async (name: string) => Number(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\d+)$`, 'm').exec(await metrics())?.[1] ?? 0)
const ready = (connections: number) => expect.poll(() => counted('relay_warm_pool_ready'), { timeout: 10_000 }).toBe(connections)
const connect = async (claims: Record<string, unknown> = {}) => connectClient(`${running.wsUrl}/v1/realtime`, await running.token('alice', claims))
const updates = (n: number) => (running.simulator.received[n]?.events ?? []).map((event) => event.type)

describe('a relay with a warm pool', () => {
  it('gives a client a connection that is already open and configured', async () => {
    running = await runRelay({ env: { WARM_POOL_SIZE: '2' } })
    await ready(2)
    expect(updates(0)).toEqual(['session.update'])
    const client = await connect()
    const created = await client.next('session.created')
    expect(created.session).toMatchObject({ type: 'realtime', instructions: '', model: 'realtime', tools: [{ name: 'show_on_screen' }] })
    expect(await counted('relay_warm_pool_events_total{event="hit"}')).toBe(1)
    // Nothing but the update that was sent ahead, with the server's instructions.
    expect(updates(0)).toEqual(['session.update'])
    expect(running.simulator.received[0]?.events[0]).toMatchObject({ session: { instructions: INSTRUCTIONS } })
    const events = await client.ask('What is the weather in Lisbon?')
    expect(events.at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    expect(running.toolRequests).toEqual(['POST /weather {"city":"Lisbon"}'])
    client.close()
    await client.closed()
  })

  it('gives each of many clients its own connection, and dials if none is ready', async () => {
    running = await runRelay({ env: { WARM_POOL_SIZE: '3' } })
    await ready(3)
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect()))
    const answers = await Promise.all(
      clients.map(async (client, n) => {
        await client.next('session.created')
        return client.ask(`Number ${n} here`)
      }),
    )
    expect(answers.every((events) => events.at(-1)?.type === 'response.done')).toBe(true)
    const questions = running.simulator.received.map((session) => session.events.filter((event) => event.type === 'conversation.item.create').length)
    expect(questions.filter((count) => count === 1)).toHaveLength(8)
    expect(Math.max(...questions)).toBe(1)
    for (const client of clients) client.close()
    await Promise.all(clients.map((client) => client.closed()))
    await ready(3)
    await expect.poll(() => running.simulator.sessions(), { timeout: 10_000 }).toBe(3)
  })

  it('configures nothing ahead if the instructions contain a caller’s claims', async () => {
    running = await runRelay({ env: { WARM_POOL_SIZE: '1', INSTRUCTIONS: 'You speak with {{claims.name}}.' } })
    await ready(1)
    expect(updates(0)).toEqual([])
    const client = await connect({ name: 'Ada' })
    await client.next('session.created')
    expect(running.simulator.received[0]?.events).toMatchObject([{ type: 'session.update', session: { instructions: 'You speak with Ada.' } }])
    await ready(1)
    expect(JSON.stringify(running.simulator.received[1]?.events)).toBe('[]')
    client.close()
    await client.closed()
  })

  it('configures nothing ahead if callers have profiles of different kinds', async () => {
    folder = await mkdtemp(join(tmpdir(), 'profiles-'))
    const file = join(folder, 'profiles.json')
    writeFileSync(file, JSON.stringify({ terse: { instructions: 'Be terse.' } }))
    running = await runRelay({ env: { WARM_POOL_SIZE: '1', PROFILES_FILE: file } })
    await ready(1)
    expect(updates(0)).toEqual([])
    const client = await connect({ profile: 'terse' })
    await client.next('session.created')
    expect(running.simulator.received[0]?.events).toMatchObject([{ type: 'session.update', session: { instructions: 'Be terse.' } }])
    client.close()
    await client.closed()
  })

  it('closes pooled connections when it stops', async () => {
    running = await runRelay({ env: { WARM_POOL_SIZE: '2' } })
    await ready(2)
    await running.relay.drain()
    await expect.poll(() => running.simulator.received.map((session) => session.closeCode)).toEqual([1000, 1000])
    expect(running.simulator.sessions()).toBe(0)
  })
})
