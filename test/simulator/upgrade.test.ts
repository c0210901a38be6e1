// Which upgrades are accepted, which are refused, and how: Azure before the 101, OpenAI after it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { connect, GA_PATH } from './client.js'

const KEY = 'the-right-key-0123'

function refusal(simulator: Simulator, path: string, headers: Record<string, string>): Promise<{ status: number; body: { error: { code: string; message: string } } }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(simulator.url.replace('http', 'ws') + path, { headers })
    socket.on('error', () => undefined)
    socket.on('open', () => reject(new Error('was let in')))
    socket.on('unexpected-response', (_request, response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }))
    })
  })
}

describe('Azure', () => {
  let azure: Simulator
  beforeAll(async () => {
    azure = await startSimulator({ apiKey: KEY, deployments: ['voice', 'my-whisper'] })
  })
  afterAll(() => azure.close())
  const key = { 'api-key': KEY }

  it.each([
    ['no key', '/openai/v1/realtime?model=voice', {}, 401, '401'],
    ['wrong key', '/openai/v1/realtime?model=voice', { 'api-key': 'x' }, 401, '401'],
    ['api-version on the GA path', '/openai/v1/realtime?model=voice&api-version=2025-04-01-preview', key, 401, '401'],
    ['no model', '/openai/v1/realtime', key, 400, 'BadRequest'],
    ['unknown deployment', '/openai/v1/realtime?model=other', key, 404, 'DeploymentNotFound'],
    ['transcription model', '/openai/v1/realtime?model=my-whisper', key, 400, 'OpperationNotSupported'],
    ['call id', '/openai/v1/realtime?call_id=rtc_1', key, 404, 'NotFound'],
    ['preview without api-version', '/openai/realtime?deployment=voice', key, 400, 'BadRequest'],
    ['preview with a bad api-version', '/openai/realtime?deployment=voice&api-version=now', key, 400, 'BadRequest'],
    ['preview, unknown deployment', '/openai/realtime?deployment=x&api-version=2025-04-01-preview', key, 404, 'DeploymentNotFound'],
    ['Voice Live without api-version', '/voice-live/realtime?model=voice', key, 400, 'BadRequest'],
    ['Voice Live without a model', '/voice-live/realtime?api-version=2025-10-01', key, 400, 'BadRequest'],
    ['Voice Live, wrong key', '/voice-live/realtime?api-version=2025-10-01&model=voice', { 'api-key': 'x' }, 401, '401'],
    ['OpenAI path', '/v1/realtime?model=voice', key, 404, '404'],
    ['other path', '/realtime', key, 404, '404'],
  ])('refuses: %s', async (_name, path, headers, status, code) => {
    const { status: got, body } = await refusal(azure, path, headers as Record<string, string>)
    expect([got, body.error.code]).toEqual([status, code])
  })

  it.each([
    ['api-key header', '/openai/v1/realtime?model=voice', key],
    ['bearer', '/openai/v1/realtime?model=voice', { authorization: `Bearer ${KEY}` }],
    ['query', `/openai/v1/realtime?model=voice&api-key=${KEY}`, {}],
    ['preview', '/openai/realtime?deployment=voice&api-version=2025-04-01-preview', key],
  ])('accepts: %s', async (_name, path, headers) => {
    const client = await connect(azure, path, headers as Record<string, string>)
    expect((await client.next('session.created')).type).toBe('session.created')
    client.close()
  })

  it('counts sessions and remembers what they sent', async () => {
    const client = await connect(azure, '/openai/v1/realtime?model=voice', key)
    client.send({ type: 'input_audio_buffer.clear', event_id: 'remember me' })
    await client.next('input_audio_buffer.cleared')
    expect(azure.sessions()).toBeGreaterThan(0)
    const record = azure.received.at(-1)
    expect(record).toMatchObject({
      deployment: 'voice',
      dialect: 'ga',
      target: '/openai/v1/realtime?model=voice',
      events: [{ type: 'input_audio_buffer.clear', event_id: 'remember me' }],
    })
    expect(record?.headers['api-key']).toBe(KEY)
    client.close()
    await client.closed()
  })

  it('answers plain HTTP with 404 and JSON', async () => {
    const response = await fetch(`${azure.url}/anything`)
    expect([response.status, await response.json()]).toEqual([404, { error: { code: '404', message: 'Resource not found' } }])
  })

  it('accepts any key that is not empty if none is set', async () => {
    const open = await startSimulator()
    const client = await connect(open, GA_PATH, { authorization: 'Bearer whatever' })
    await client.next('session.created')
    expect((await refusal(open, GA_PATH, {})).status).toBe(401)
    expect(open.sessions()).toBe(1)
    await open.close()
    expect(open.sessions()).toBe(0)
    expect((await client.closed()).code).toBe(1006)
    await expect(fetch(open.url)).rejects.toThrow()
  })
})

describe('OpenAI', () => {
  let openAi: Simulator
  beforeAll(async () => {
    openAi = await startSimulator({ style: 'openai', apiKey: KEY, deployments: ['gpt-realtime'] })
  })
  afterAll(() => openAi.close())
  const bearer = { authorization: `Bearer ${KEY}` }

  it.each([
    ['wrong key', '/v1/realtime?model=gpt-realtime', { authorization: 'Bearer sk-wrong-one' }, 'invalid_api_key', 3000, 'invalid_request_error.invalid_api_key'],
    ['no key', '/v1/realtime?model=gpt-realtime', {}, null, 3000, 'invalid_request_error'],
    ['no model', '/v1/realtime', bearer, 'missing_model', 4000, 'invalid_request_error.missing_model'],
    ['unknown model', '/v1/realtime?model=gpt-nope', bearer, 'invalid_model', 4000, 'invalid_request_error.invalid_model'],
    [
      'beta header',
      '/v1/realtime?model=gpt-realtime',
      { ...bearer, 'openai-beta': 'realtime=v1' },
      'beta_api_shape_disabled',
      4000,
      'invalid_request_error.beta_api_shape_disabled',
    ],
  ])('upgrades, then refuses: %s', async (_name, path, headers, code, closeCode, reason) => {
    const client = await connect(openAi, path, headers as Record<string, string>)
    expect(await client.closed()).toEqual({ code: closeCode, reason })
    expect(client.events).toHaveLength(1)
    expect(client.events[0]).toMatchObject({ type: 'error', error: { code } })
  })

  it('masks the key that it quotes', async () => {
    const client = await connect(openAi, '/v1/realtime?model=gpt-realtime', { authorization: 'Bearer sk-wrong-0123456789' })
    expect((await client.next('error')).error).toMatchObject({
      message: 'Incorrect API key provided: sk-wrong*******6789. You can find your API key at https://platform.openai.com/account/api-keys.',
    })
  })

  it('ends a session whose update has the beta’s shape, and goes on if only the type is missing', async () => {
    const client = await connect(openAi, '/v1/realtime?model=gpt-realtime', bearer)
    client.send({ type: 'session.update', session: { instructions: 'x' } })
    expect((await client.next('error')).error).toMatchObject({ code: 'missing_required_parameter', param: 'session.type' })
    client.send({ type: 'session.update', session: { modalities: ['text'], voice: 'alloy' } })
    expect((await client.next('error')).error).toMatchObject({ code: 'beta_api_shape_disabled' })
    expect(await client.closed()).toEqual({ code: 4000, reason: 'invalid_request_error.beta_api_shape_disabled' })
  })

  it('accepts the key as a subprotocol and answers with realtime only', async () => {
    const client = await connect(openAi, '/v1/realtime?model=gpt-realtime', {}, [`openai-insecure-api-key.${KEY}`, 'realtime'])
    await client.next('session.created')
    expect(client.socket.protocol).toBe('realtime')
    client.close()
  })

  it('answers other paths before the upgrade', async () => {
    expect((await refusal(openAi, GA_PATH, bearer)).status).toBe(404)
  })
})
