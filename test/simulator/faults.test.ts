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

describe('ends at an event', () => {
  const fault = { at: 'event', type: 'response.output_text.delta', nth: 2 } as const
  const ask = async () => {
    const client = await connect(simulator)
    client.send(userText('one two three four five six'))
    client.send({ type: 'response.create', response: { output_modalities: ['text'] } })
    return client
  }
  it.each([
    ['a close code', { how: 'close', code: 1011 }, 1011],
    ['a reset', { how: 'rst' }, 1006],
    ['FIN', { how: 'fin' }, 1006],
  ] as const)('%s after the second delta', async (_name, end, code) => {
    simulator.setFaults({ end: { ...fault, ...end } })
    const client = await ask()
    expect((await client.closed()).code).toBe(code)
    expect(client.events.at(-1)?.type).toBe('response.output_text.delta')
    // A reset may overtake what was sent before it.
    expect(client.events.filter((event) => event.type === fault.type).length).toBeLessThanOrEqual(2)
  })

  it('once, then no more', async () => {
    simulator.setFaults({ end: { ...fault, how: 'close', code: 1013, times: 1 } })
    expect((await (await ask()).closed()).code).toBe(1013)
    const client = await ask()
    await client.next('response.done')
  })

  it('by silence: no event, no answer to a ping, no close', async () => {
    simulator.setFaults({ end: { ...fault, how: 'silence' } })
    const client = await ask()
    await client.next(fault.type)
    await client.next(fault.type)
    let pongs = 0
    client.socket.on('pong', () => pongs++)
    client.socket.ping()
    client.send({ type: 'nope' })
    // Another session that is served shows that this one had its chance.
    simulator.setFaults({})
    const other = await ask()
    await other.next('response.done')
    expect([pongs, client.socket.readyState, client.events.at(-1)?.type]).toEqual([0, client.socket.OPEN, fault.type])
    client.socket.terminate()
  })
})

describe('ends at its longest time', () => {
  it.each([
    ['error', ['error']],
    ['server-error', ['error']],
    ['close', []],
  ] as const)('%s', async (sessionEnd, types) => {
    const short = await startSimulator({ sessionSeconds: 1, sessionEnd })
    const client = await connect(short)
    const created = await client.next('session.created')
    const leftMs = Number((created.session as JsonObject).expires_at) * 1000 - Date.now()
    expect(leftMs).toBeLessThanOrEqual(1000)
    expect(leftMs).toBeGreaterThan(-1000)
    if (sessionEnd === 'close') expect(await client.closed()).toEqual({ code: 1001, reason: 'Your session hit the maximum duration of 1 seconds.' })
    else expect((await client.next('error')).error).toMatchObject(sessionEnd === 'error' ? { code: 'session_expired' } : { type: 'server_error', code: null })
    expect(client.events.slice(1).map((event) => event.type)).toEqual(types)
    await short.close()
  })

  it('close-error: the error comes after the close frame', async () => {
    const short = await startSimulator({ sessionSeconds: 1, sessionEnd: 'close-error' })
    const tcp = connectTcp(short.port, '127.0.0.1')
    const chunks: Buffer[] = []
    tcp.on('data', (chunk: Buffer) => chunks.push(chunk))
    tcp.write(
      `GET ${GA_PATH} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\napi-key: k\r\n\r\n`,
    )
    while (!Buffer.concat(chunks).includes('session_expired')) await once(tcp, 'data')
    const all = Buffer.concat(chunks)
    const close = all.indexOf(Buffer.from([0x03, 0xe9]))
    expect(all[close - 2]).toBe(0x88)
    expect(all.indexOf('session_expired')).toBeGreaterThan(close)
    tcp.destroy()
    await short.close()
  })
})

it('refuses dials above a rate with 429 and Retry-After', async () => {
  const rated = await startSimulator({ dialsPerMinute: 2 })
  for (let i = 0; i < 2; i++) await (await connect(rated)).next('session.created')
  const socket = new WebSocket(rated.url.replace('http', 'ws') + GA_PATH, { headers: { 'api-key': 'k' } })
  socket.on('error', () => undefined)
  const [, response] = await once(socket, 'unexpected-response')
  expect(response.statusCode).toBe(429)
  expect(Number(response.headers['retry-after'])).toBeGreaterThan(50)
  expect(Number(response.headers['retry-after'])).toBeLessThanOrEqual(60)
  await rated.close()
})

it('delays every event by latency and jitter, and keeps their order', async () => {
  const far = await startSimulator({ speed: Number.POSITIVE_INFINITY, latencyMs: 40, jitterMs: 20, seed: 3 })
  const client = await connect(far)
  await client.next('session.created')
  const before = performance.now()
  for (let i = 0; i < 30; i++) client.send({ type: 'conversation.item.retrieve', item_id: 'x', event_id: `e${i}` })
  await client.next((event) => (event.error as JsonObject | undefined)?.event_id === 'e29')
  expect(performance.now() - before).toBeGreaterThanOrEqual(39)
  expect(client.events.filter((event) => event.type === 'error').map((event) => (event.error as JsonObject).event_id)).toEqual(Array.from({ length: 30 }, (_, i) => `e${i}`))
  await far.close()
})

it('keeps the conversations in order, also of sessions that ended', async () => {
  const client = await connect(simulator)
  const item = (id: string) => ({ id, type: 'message', role: 'user', content: [{ type: 'input_text', text: id }] })
  client.send({ type: 'conversation.item.create', item: item('b') })
  client.send({ type: 'conversation.item.create', item: item('a'), previous_item_id: 'root' })
  client.send({ type: 'response.create', response: { output_modalities: ['text'] } })
  await client.next('response.done')
  client.close()
  await client.closed()
  const [conversation] = simulator.conversations()
  expect(conversation?.sessionId).toMatch(/^sess_/)
  expect(conversation?.items.map((one) => one.role)).toEqual(['user', 'user', 'assistant'])
  expect(conversation?.items.slice(0, 2).map((one) => one.id)).toEqual(['a', 'b'])
})

it('counts no cached tokens in a new session', async () => {
  const cached = async (times: number) => {
    const client = await connect(simulator)
    client.send(update({ output_modalities: ['text'], instructions: 'word '.repeat(500) }))
    let done: JsonObject = {}
    for (let i = 0; i < times; i++) {
      client.send({ type: 'response.create' })
      done = (await client.next('response.done')).response as JsonObject
    }
    client.close()
    return (done.usage as { input_token_details: JsonObject }).input_token_details.cached_tokens
  }
  expect(await cached(2)).toBeGreaterThan(0)
  expect(await cached(1)).toBe(0)
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
