// The control port: what it shows and changes, that it is as its OpenAPI says, whom it refuses, and its page.
import { request } from 'node:http'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { simulateCommand } from '../../src/simulator/command.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { connect, update, userText } from './client.js'

let simulator: Simulator
beforeEach(async () => {
  simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY, control: {} })
})
afterEach(() => simulator.close())

const call = (method: string, path: string, body?: string, headers: Record<string, string> = {}) =>
  fetch(`${simulator.controlUrl}${path}`, { method, headers, ...(body !== undefined && { body }) })
const bodyOf = async <T>(answer: Promise<Response>) => (await (await answer).json()) as T
const read = <T>(path: string) => bodyOf<T>(call('GET', path))

interface Described {
  readonly responses: Record<string, { content: Record<string, { schema: JsonObject }> }>
}

interface Summary {
  readonly id: string
  readonly events: number
}

async function conversation() {
  const client = await connect(simulator, '/openai/v1/realtime?model=voice&api-key=very-secret', {})
  client.send(update({ output_modalities: ['text'] }))
  client.send(userText('hello'))
  client.send({ type: 'response.create' })
  await client.next('response.done')
  return client
}

it('shows sessions, their events both ways, and their items', async () => {
  const client = await conversation()
  const [session] = await read<[Summary]>('/sessions')
  expect(session).toMatchObject({ dialect: 'ga', deployment: 'voice', open: true, closeCode: null, target: expect.not.stringContaining('very-secret') })
  const events = await read<JsonObject[]>(`/sessions/${session.id}/events`)
  expect(events[0]).toMatchObject({ n: 1, from: 'server', event: { type: 'session.created' } })
  expect(events).toHaveLength(session.events)
  expect(await read(`/sessions/${session.id}/events?from=client`)).toMatchObject([
    { from: 'client', event: { type: 'session.update' } },
    { event: { type: 'conversation.item.create' } },
    { event: { type: 'response.create' } },
  ])
  expect(await read(`/sessions/${session.id}/events?after=${session.events - 1}`)).toMatchObject([{ event: { type: 'response.done' } }])
  expect((await read<JsonObject[]>(`/sessions/${session.id}/items`)).map((item) => item.role)).toEqual(['user', 'assistant'])
  expect((await call('GET', '/sessions/nobody/events')).status).toBe(404)
  client.send({ type: 'input_audio_buffer.append', audio: 'A'.repeat(8000) })
  client.send({ type: 'input_audio_buffer.clear' })
  await client.next('input_audio_buffer.cleared')
  expect(JSON.stringify(await read(`/sessions/${session.id}/events`))).toContain('… (8000 characters)')
  expect((await bodyOf<{ ended: number }>(call('DELETE', '/sessions'))).ended).toBe(1)
  expect((await client.closed()).code).toBe(1006)
})

it('changes faults and scripts, and says what is wrong with them', async () => {
  expect(await (await call('POST', '/faults', '{"failResponse":"server_error"}')).json()).toEqual({ failResponse: 'server_error' })
  expect(await read('/faults')).toEqual({ failResponse: 'server_error' })
  const wrong = await call('POST', '/faults', '{"nonsense":1}')
  expect([wrong.status, ((await wrong.json()) as { error: JsonObject }).error.message]).toEqual([400, expect.stringContaining('faults.nonsense')])
  await call('POST', '/faults', '{}')
  expect(await (await call('POST', '/script', 'answers:\n  - reply: [{say: From outside.}]\n')).json()).toEqual({ answers: 1 })
  const client = await conversation()
  expect(JSON.stringify(client.events)).toContain('From outside.')
  const bad = await call('POST', '/script', 'answers:\n  - reply: [{shout: x}]\n')
  expect([bad.status, ((await bad.json()) as { error: JsonObject }).error.message]).toEqual([400, expect.stringMatching(/^script:2:13: /)])
  await call('DELETE', '/script')
  client.send({ type: 'response.create' })
  expect(JSON.stringify(await client.next('response.done'))).toContain('You said')
  expect((await call('POST', '/script', 'x'.repeat(2 * 1024 * 1024))).status).toBe(413)
  expect((await call('PUT', '/sessions')).status).toBe(404)
})

it('tells events as they pass', async () => {
  const stream = await call('GET', '/events')
  expect(stream.headers.get('content-type')).toBe('text/event-stream')
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader()
  const client = await conversation()
  let text = ''
  while (!text.includes('response.done')) text += Buffer.from((await reader.read()).value ?? []).toString()
  const first = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '{}')
  expect(first).toMatchObject({ sessionId: expect.stringMatching(/^sess_/), n: 1, from: 'server', event: { type: 'session.created' } })
  await reader.cancel()
  client.close()
})

describe('OpenAPI', () => {
  it('describes every route, and its answers', async () => {
    const api = await read<{ components: JsonObject; paths: Record<string, Record<string, Described>> }>('/openapi.json')
    const client = await conversation()
    const [{ id }] = await read<[Summary]>('/sessions')
    const ajv = new Ajv2020({ strict: false })
    ajv.addSchema({ $id: 'api', components: api.components })
    const within = (schema: JsonObject) => JSON.parse(JSON.stringify(schema).replaceAll('#/components', 'api#/components')) as JsonObject
    let routes = 0
    const described = Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, { responses }]) => ({ path, method, responses })))
    // What ends sessions comes last, since an event is injected into an open one.
    for (const { path, method, responses } of described.sort((a, b) => Number(a.method === 'delete') - Number(b.method === 'delete'))) {
      if (path === '/events') continue
      const body = path.endsWith('/events') ? '{"type": "input_audio_buffer.clear"}' : '{}'
      const answer = await call(method.toUpperCase(), path.replace('{id}', id), method === 'post' ? body : undefined)
      const valid = ajv.compile(within(responses[answer.status]?.content['application/json']?.schema ?? { const: 'not described' }))
      expect(valid(await answer.json()), `${method} ${path} ${answer.status} ${JSON.stringify(valid.errors)}`).toBe(true)
      if (method !== 'delete') expect(answer.status).toBe(200)
      routes++
    }
    expect(routes).toBe(10)
    client.close()
  })
})

describe('other sites', () => {
  it('are refused, also under a name that points here', async () => {
    expect((await call('POST', '/faults', '{"hang":true}', { origin: 'https://evil.example' })).status).toBe(403)
    expect((await call('GET', '/faults', undefined, { origin: simulator.controlUrl as string })).status).toBe(200)
    const status = await new Promise((resolve) =>
      request(`${simulator.controlUrl}/sessions`, { headers: { host: 'rebound.example' } }, (answer) => resolve(answer.statusCode)).end(),
    )
    expect(status).toBe(403)
  })

  it('it has a page that loads nothing from elsewhere', async () => {
    const page = await call('GET', '/')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    const html = await page.text()
    expect(html).toContain('Send a fault')
    expect(html).not.toMatch(/https?:\/\//)
  })
})

it('is opened by its flag, and a taken port stops the start', async () => {
  const printed: string[] = []
  const other = await simulateCommand(['--control', '0'], (line) => printed.push(line))
  expect(printed[1]).toMatch(/^control http:\/\/127\.0\.0\.1:\d+$/)
  await expect(startSimulator({ control: { port: Number(new URL(other.controlUrl as string).port) } })).rejects.toThrow('EADDRINUSE')
  await other.close()
  await expect(fetch(other.controlUrl as string)).rejects.toThrow()
})
