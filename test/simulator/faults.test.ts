// Every fault has its described effect, and ends when it is switched off.
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { type Faults, type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { connect, GA_PATH, update, userText } from './client.js'

let simulator: Simulator
beforeEach(async () => {
  simulator = await startSimulator({ speed: 20 })
})
afterEach(() => simulator.close())

async function refused(): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  const socket = new WebSocket(simulator.url.replace('http', 'ws') + GA_PATH, { headers: { 'api-key': 'my-secret-key' } })
  socket.on('error', () => undefined)
  const [, response] = await once(socket, 'unexpected-response')
  let body = ''
  for await (const chunk of response) body += chunk
  return { status: response.statusCode, headers: response.headers, body }
}

it('refuses a given number of times with a status, Retry-After and a body that quotes the key', async () => {
  simulator.setFaults({ refuse: { status: 429, retryAfterSeconds: 7, times: 1 } })
  const answer = await refused()
  expect(answer.status).toBe(429)
  expect(answer.headers['retry-after']).toBe('7')
  expect(answer.body).toContain('my-secret-key')
  expect(answer.body).toContain('gpt-realtime')
  const client = await connect(simulator)
  await client.next('session.created')
  simulator.setFaults({ refuse: { status: 302, location: 'https://elsewhere.example/' } })
  expect((await refused()).headers.location).toBe('https://elsewhere.example/')
})

it('hangs at the handshake', async () => {
  simulator.setFaults({ hang: true })
  const tcp = connectTcp(simulator.port, '127.0.0.1')
  let answer = ''
  tcp.on('data', (chunk) => {
    answer += chunk
  })
  tcp.write(
    `GET ${GA_PATH} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\napi-key: k\r\n\r\n`,
  )
  // A second connection that is answered shows that the first had its chance.
  expect((await fetch(`${simulator.url}/x`)).status).toBe(404)
  tcp.end()
  await once(tcp, 'close')
  expect(answer).toBe('')
})

it('upgrades and stays silent', async () => {
  simulator.setFaults({ silent: true })
  const client = await connect(simulator)
  client.send(update({}))
  const pong = once(client.socket, 'pong')
  client.socket.ping()
  await pong
  expect(client.events).toEqual([])
})

describe('ends a session', () => {
  it.each<[string, Faults['end'], number]>([
    ['RST inside a response', { how: 'rst', at: 'response', afterDeltas: 3 }, 1006],
    ['FIN inside a response', { how: 'fin', at: 'response', afterDeltas: 1 }, 1006],
    ['a close code inside a response', { how: 'close', code: 4242, reason: 'told so', at: 'response' }, 4242],
  ])('%s', async (_name, end, code) => {
    simulator.setFaults({ ...(end && { end }) })
    const client = await connect(simulator)
    client.send(userText('one two three four five six'))
    client.send({ type: 'response.create', response: { output_modalities: ['text'] } })
    expect((await client.closed()).code).toBe(code)
    const deltas = client.events.filter((event) => event.type === 'response.output_text.delta')
    expect(deltas.length).toBeLessThanOrEqual(end?.afterDeltas ?? 1)
    expect(client.events.map((event) => event.type)).not.toContain('response.done')
  })

  it.each<[string, NonNullable<Faults['end']>, string[]]>([
    ['when it opens', { how: 'close', code: 1013, at: 'open' }, ['session.created']],
    ['after an update', { how: 'close', at: 'update' }, ['session.created', 'session.updated']],
  ])('%s', async (_name, end, types) => {
    simulator.setFaults({ end })
    const client = await connect(simulator)
    client.send(update({}))
    expect((await client.closed()).code).toBe(end.code ?? 1011)
    expect(client.events.map((event) => event.type)).toEqual(types)
  })

  it('now', async () => {
    const client = await connect(simulator)
    await client.next('session.created')
    simulator.setFaults({ end: { how: 'rst', at: 'now' } })
    expect((await client.closed()).code).toBe(1006)
    // A code that may not be sent ends it without a close frame.
    simulator.setFaults({})
    const other = await connect(simulator)
    await other.next('session.created')
    simulator.setFaults({ end: { how: 'close', code: 1006, at: 'now' } })
    expect((await other.closed()).code).toBe(1006)
  })

  it('at the end of its time, with an error and 1001', async () => {
    const short = await startSimulator({ sessionSeconds: 1 })
    const client = await connect(short)
    expect((await client.next('error')).error).toMatchObject({ code: 'session_expired', message: 'Your session hit the maximum duration of 1 seconds.' })
    expect(await client.closed()).toEqual({ code: 1001, reason: 'Your session hit the maximum duration of 1 seconds.' })
    await short.close()
  })
})

it('sends garbage at the start and inside responses', async () => {
  simulator.setFaults({ garbage: ['bad_json', 'binary', 'unknown_type', 'not_an_object', 'no_type'] })
  const client = await connect(simulator)
  client.send({ type: 'response.create', response: { output_modalities: ['text'] } })
  await client.next('response.done')
  const types = client.events.map((event) => event.type)
  expect(types.slice(0, 6)).toEqual(['session.created', '<not json>', '<binary>', 'response.never_heard_of.delta', undefined, undefined])
  const delta = types.indexOf('response.output_text.delta')
  expect(types.slice(delta + 1, delta + 6)).toEqual(['<not json>', '<binary>', 'response.never_heard_of.delta', undefined, undefined])
})

it('floods with deltas', async () => {
  simulator.setFaults({ flood: 2000 })
  const client = await connect(simulator)
  client.send({ type: 'response.create', response: { output_modalities: ['text'] } })
  const deltas = (await client.until('response.done')).filter((event) => event.type === 'response.output_text.delta')
  expect(deltas.length).toBeGreaterThan(2000)
})

it('fails responses and refuses updates until the faults are cleared', async () => {
  simulator.setFaults({ failResponse: 'inference_rate_limit_exceeded', rejectSessionUpdate: true, slowMs: 1 })
  const client = await connect(simulator)
  client.send({ ...update({ instructions: 'x' }), event_id: 'u' })
  expect((await client.next('error')).error).toMatchObject({ code: 'unknown_parameter', event_id: 'u' })
  client.send({ type: 'response.create' })
  expect((await client.next('response.done')).response).toMatchObject({
    status: 'failed',
    status_details: { type: 'failed', error: { type: 'invalid_request_error', code: 'inference_rate_limit_exceeded' } },
    usage: null,
    output: [],
  })
  simulator.setFaults({})
  client.send(update({ instructions: 'x' }))
  expect(((await client.next('session.updated')).session as JsonObject).instructions).toBe('x')
})

it('freezes and thaws without losing an event', async () => {
  const client = await connect(simulator)
  await client.next('session.created')
  simulator.setFaults({ freeze: true })
  for (let i = 0; i < 50; i++) client.send({ type: 'conversation.item.retrieve', item_id: 'x', event_id: `e${i}` })
  const other = await fetch(`${simulator.url}/x`)
  expect(other.status).toBe(404)
  expect(client.events.filter((event) => event.type === 'error')).toEqual([])
  simulator.setFaults({})
  await client.next((event) => (event.error as JsonObject | undefined)?.event_id === 'e49')
  expect(client.events.filter((event) => event.type === 'error').map((event) => (event.error as JsonObject).event_id)).toEqual(Array.from({ length: 50 }, (_, i) => `e${i}`))
})

it('makes a client that never reads wait, instead of filling its memory', async () => {
  const fast = await startSimulator({ speed: Number.POSITIVE_INFINITY, faults: { flood: 3000 } })
  const client = await connect(fast)
  await client.next('session.created')
  client.socket.pause()
  client.send({ type: 'response.create' })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  while (fast.received[0]?.events.length === 0) await turn()
  // More turns of the event loop than the whole response needs when nothing holds it back.
  for (let i = 0; i < 1000; i++) await turn()
  client.send({ type: 'response.create', event_id: 'second' })
  client.socket.resume()
  expect((await client.next('error')).error).toMatchObject({ code: 'conversation_already_has_active_response', event_id: 'second' })
  await client.next('response.done')
  expect(client.events.filter((event) => event.type === 'response.output_audio.delta').length).toBeGreaterThan(3000)
  await fast.close()
})

it('is switched over HTTP on loopback', async () => {
  const post = (body: string) => fetch(`${simulator.url}/_simulator/faults`, { method: 'POST', body })
  expect((await post('{"refuse":{"status":503}}')).status).toBe(200)
  expect(await (await fetch(`${simulator.url}/_simulator/faults`)).json()).toEqual({ refuse: { status: 503 } })
  expect((await refused()).status).toBe(503)
  expect(await (await post('{"refuse":{"status":99}}')).json()).toMatchObject({ error: { message: expect.stringContaining('faults.refuse.status') } })
  expect((await post('{"nonsense":1}')).status).toBe(400)
  expect((await post('nonsense')).status).toBe(400)
  expect((await post(`{"failResponse":"${'x'.repeat(20_000)}"}`)).status).toBe(413)
  expect((await fetch(`${simulator.url}/_simulator/faults`, { method: 'DELETE' })).status).toBe(405)
  expect((await fetch(`${simulator.url}/_simulator/faults`, { method: 'POST', body: '{"hang":true}', headers: { origin: 'https://evil.example' } })).status).toBe(403)
  expect((await post('{}')).status).toBe(200)
  const client = await connect(simulator)
  await client.next('session.created')
})
