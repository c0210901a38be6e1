// Peers that do not read, over real sockets: the other side is paused and memory stays bounded. A peer without any progress is closed with the right reason.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { canariesIn } from '../support/canaries.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

const MiB = 1024 * 1024
/** A delta of the flood carries 200 ms of PCM16 as base64. */
const DELTA_BYTES = 12_800
const BUFFER_BYTES = 256 * 1024
/** Most bytes that sockets, simulator and garbage may hold for one stalled session, a fraction of what is sent. */
const BOUND = 96 * MiB
/** Most bytes that a relay with a stalled upstream may have read from its client, including four sockets' buffers. */
const TAKEN = 16 * MiB

let running: RunningRelay
afterEach(() => running?.close())

/** Client rates so high that they do not affect these tests. */
const NO_RATES = { MESSAGES_PER_SECOND: '100000', BYTES_PER_SECOND: '1073741824', AUDIO_SECONDS_PER_SECOND: '1000' }

async function start(slowClientSeconds: number, bufferBytes = BUFFER_BYTES): Promise<RealtimeClient> {
  running = await runRelay({
    env: { SLOW_CLIENT_SECONDS: String(slowClientSeconds), CLIENT_BUFFER_BYTES: String(bufferBytes), ...NO_RATES, DRAIN_SECONDS: '3', UPSTREAM_RECONNECT_SECONDS: '0' },
  })
  const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token())
  await client.next('session.created')
  return client
}

const metrics = async () => (await fetch(`${running.relay.adminUrl}/metrics`)).text()
const counted = async (line: string, interval = 20) => vi.waitFor(async () => expect(await metrics()).toContain(line), { timeout: 8000, interval })
const nobodyLeft = () => vi.waitFor(() => expect(running.simulator.sessions()).toBe(0), { timeout: 10_000, interval: 20 })

/** Peak memory of this process during `work`, above its memory before. */
async function growth(work: () => Promise<void>): Promise<number> {
  const held = () => process.memoryUsage().rss
  const before = held()
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, held())
  }, 20)
  await work()
  clearInterval(timer)
  return Math.max(most, held()) - before
}

function ask(client: RealtimeClient): void {
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] } })
  client.send({ type: 'response.create' })
}

describe('a client that stops reading', () => {
  it('while the upstream floods: the upstream is paused, and the client is closed as slow after its time limit', async () => {
    const client = await start(1.5)
    running.simulator.setFaults({ flood: 40_000 })
    const grown = await growth(async () => {
      ask(client)
      await client.next('response.created')
      client.socket.pause()
      const stopped = performance.now()
      await counted('relay_backpressure_total{side="client"} 1')
      // Each look leaves garbage, which counts as memory held.
      await counted('relay_sessions_closed_total{code="slow_client"} 1', 200)
      expect(performance.now() - stopped).toBeGreaterThan(1400)
      expect(performance.now() - stopped).toBeLessThan(10_000)
    })
    expect(40_000 * DELTA_BYTES).toBeGreaterThan(4 * BOUND)
    expect(grown).toBeLessThan(BOUND)
    client.socket.resume()
    expect(await client.closed()).toEqual({ code: 4413, reason: 'slow_client: reconnect' })
    expect(client.events.at(-1)).toMatchObject({ type: 'error', error: { code: 'slow_client' } })
    expect(canariesIn(client.frames.join('\n'))).toEqual([])
    await nobodyLeft()
  })

  it('and reads on before its time limit: no event is lost or out of order', async () => {
    const client = await start(10)
    running.simulator.setFaults({ flood: 2000 })
    ask(client)
    await client.next('response.created')
    client.socket.pause()
    await counted('relay_backpressure_total{side="client"} 1')
    client.socket.resume()
    expect(await client.next('response.done')).toMatchObject({ response: { status: 'completed' } })
    expect(client.events.filter((event) => event.type === 'response.output_audio.delta').length).toBeGreaterThan(2000)
    expect(await metrics()).toContain('relay_sessions 1')
  })
})

it('a client that reads slowly and steadily is kept, however long it takes', async () => {
  const slowSeconds = 1.5
  const client = await start(slowSeconds, 16_384)
  running.simulator.setFaults({ flood: 5000 })
  // Linux tells the relay of progress in steps of up to 1.5 MB: a reader that takes longer for one than the relay waits is none it could know of.
  client.socket.on('message', () => {
    client.socket.pause()
    setTimeout(() => client.socket.resume(), 60)
  })
  const before = performance.now()
  ask(client)
  expect(await client.next('response.done', { ms: 40_000 })).toMatchObject({ response: { status: 'completed' } })
  expect(performance.now() - before).toBeGreaterThan(1.5 * slowSeconds * 1000)
  expect(client.events.filter((event) => event.type === 'response.output_audio.delta').length).toBeGreaterThan(5000)
  expect(await metrics()).toMatch(/relay_backpressure_total\{side="client"\} [1-9]/)
}, 45_000)

describe('an upstream that stops reading', () => {
  const audio = Buffer.alloc(192 * 1024).toString('base64')
  const append = (client: RealtimeClient, count: number) => {
    for (let sent = 0; sent < count; sent++) client.send({ type: 'input_audio_buffer.append', event_id: `audio_${sent}`, audio })
  }

  it('the client is no longer read, and the session ends after its time limit', async () => {
    const client = await start(1)
    running.simulator.setFaults({ freeze: true })
    append(client, 400)
    const sent = 400 * audio.length
    await counted('relay_backpressure_total{side="upstream"} 1')
    // Memory of this process would count what the client itself still holds; what has left the client is in the relay or in the sockets.
    expect(await client.next('error')).toMatchObject({ error: { code: 'upstream_lost' } })
    expect(sent - client.socket.bufferedAmount).toBeLessThan(TAKEN)
    expect(await client.closed()).toEqual({ code: 4502, reason: 'upstream_lost: back_off' })
    expect(client.events.at(-1)).toMatchObject({ type: 'error', error: { code: 'upstream_lost' } })
    running.simulator.setFaults({})
    await nobodyLeft()
  })

  it('and reads on: every event arrives, in order', async () => {
    const client = await start(10)
    running.simulator.setFaults({ freeze: true })
    client.send({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: null } } } })
    append(client, 60)
    client.send({ type: 'input_audio_buffer.clear', event_id: 'last' })
    await counted('relay_backpressure_total{side="upstream"} 1')
    running.simulator.setFaults({})
    await client.next('input_audio_buffer.cleared')
    // The simulator remembers the latest of them.
    const kept = running.simulator.received[0]?.events.map((event) => event.event_id) ?? []
    expect(kept.length).toBeGreaterThan(5)
    expect(kept).toEqual([...Array.from({ length: kept.length - 1 }, (_, index) => `audio_${61 - kept.length + index}`), 'last'])
  })
})
