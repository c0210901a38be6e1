// Voice Live's door: its address, its session, its spelling, and the relay in front of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { connectClient } from '../support/realtime-client.js'
import { API_KEY, DEPLOYMENT, runRelay } from '../support/running-relay.js'
import { appends, type Client, connect, shape, tone, userText } from './client.js'

const PATH = '/voice-live/realtime?api-version=2025-10-01&model=gpt-realtime'
const TOOL = { type: 'function', name: 'get_weather', description: 'x', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY, heardText: 'Good morning.' })
})
afterAll(() => simulator.close())

async function opened(path = PATH): Promise<Client> {
  const client = await connect(simulator, path)
  await client.next('session.created')
  return client
}
const set = (session: object) => ({ type: 'session.update', session })
const sessionOf = async (client: Client) => (await client.next('session.updated')).session as JsonObject

it('opens with a session of its own shape', async () => {
  const client = await connect(simulator, PATH)
  expect((await client.next('session.created')).session).toMatchObject({
    model: 'gpt-realtime-global-standard',
    modalities: ['audio'],
    voice: { name: 'alloy', type: 'openai' },
    input_audio_sampling_rate: 24_000,
    output_audio_format: null,
    avatar: null,
  })
  client.close()
})

it.each([
  ['alloy', { name: 'alloy', type: 'openai' }],
  ['en-US-AvaNeural', { name: 'en-US-AvaNeural', type: 'azure-standard' }],
  [
    { name: 'en-US-Ava:DragonHDLatestNeural', type: 'azure-standard', temperature: 0.8 },
    { name: 'en-US-Ava:DragonHDLatestNeural', type: 'azure-standard', temperature: 0.8 },
  ],
])('shows the voice %j as an object', async (voice, shown) => {
  const client = await opened()
  client.send(set({ voice }))
  expect((await sessionOf(client)).voice).toEqual(shown)
  client.send({ type: 'response.create' })
  expect((await client.next('response.created')).response).toMatchObject({ voice: shown })
  await client.next('response.done')
  client.close()
})

it('keeps and shows its own settings, and its own defaults of turn detection', async () => {
  const client = await opened()
  const own = {
    temperature: 0.7,
    input_audio_noise_reduction: { type: 'azure_deep_noise_suppression' },
    input_audio_echo_cancellation: { type: 'server_echo_cancellation' },
    input_audio_transcription: { model: 'azure-speech', language: 'en', phrase_list: ['Neo'] },
  }
  client.send(set({ ...own, turn_detection: { type: 'azure_semantic_vad', remove_filler_words: true, threshold: 0.4 } }))
  const session = await sessionOf(client)
  expect(session).toMatchObject(own)
  expect(session.turn_detection).toMatchObject({ type: 'azure_semantic_vad', remove_filler_words: true, threshold: 0.4, prefix_padding_ms: 400, silence_duration_ms: 500 })
  client.send(set({ instructions: 'Be kind.' }))
  expect(await sessionOf(client)).toMatchObject({ ...own, instructions: 'Be kind.', turn_detection: { type: 'azure_semantic_vad' } })
  client.send({ type: 'response.create', response: { temperature: 0.9, modalities: ['text'] } })
  expect((await client.next('response.created')).response).toMatchObject({ temperature: 0.9, modalities: ['text'] })
  expect((await client.next('response.done')).response).toMatchObject({ temperature: 0.9, usage: { output_token_details: { reasoning_tokens: 0 } } })
  client.close()
})

it.each([
  ['a GA field', { audio: {} }, 'unknown_parameter', 'session.audio'],
  ['a session type', { type: 'realtime' }, 'unknown_parameter', 'session.type'],
  ['an unknown voice of OpenAI', { voice: { type: 'openai', name: 'hal' } }, 'invalid_value', 'session.voice.name'],
  ['a high temperature', { temperature: 3 }, 'decimal_above_max_value', 'session.temperature'],
])('refuses %s as a whole', async (_name, session, code, param) => {
  const client = await opened()
  client.send({ ...set({ temperature: 0.5, instructions: 'Never.', ...session }), event_id: 'bad' })
  expect((await client.next('error')).error).toMatchObject({ code, param, event_id: 'bad' })
  client.send(set({}))
  expect(await sessionOf(client)).not.toMatchObject({ instructions: 'Never.' })
  client.close()
})

it('hears sound at 16 kHz and speaks at 8 kHz', async () => {
  const client = await opened()
  client.send(set({ input_audio_sampling_rate: 16_000, output_audio_format: 'pcm16_8000hz', turn_detection: null }))
  await client.next('session.updated')
  // A second at 16 kHz, ten tokens, is what 667 ms at 24 kHz are.
  for (const event of appends(tone(667))) client.send(event)
  client.send({ type: 'input_audio_buffer.commit' })
  await client.next('input_audio_buffer.committed')
  client.send({ type: 'response.create' })
  const done = await client.next('response.done')
  expect((done.response as { usage: { input_token_details: JsonObject } }).usage.input_token_details.audio_tokens).toBe(10)
  const bytes = client.events.filter((event) => event.type === 'response.audio.delta').map((event) => Buffer.from(String(event.delta), 'base64').length)
  expect(bytes[0]).toBe(200 * 16)
  client.close()
})

it('plays spoken turns and calls in its own spelling', async () => {
  const client = await opened()
  client.send(set({ modalities: ['text'], tools: [TOOL], input_audio_transcription: { model: 'whisper-1' } }))
  await client.next('session.updated')
  for (const event of appends(Buffer.concat([tone(400), tone(700, 0)]))) client.send(event)
  expect(shape(await client.until('response.created'))).toEqual([
    'input_audio_buffer.speech_started',
    'input_audio_buffer.speech_stopped',
    'input_audio_buffer.committed',
    'conversation.item.created',
    'conversation.item.done',
    'response.created',
  ])
  await client.next('response.done')
  client.send(userText('weather in Rome'))
  client.send({ type: 'response.create' })
  const events = await client.until('response.done')
  expect(events.map((event) => event.type)).not.toContain('conversation.item.done')
  expect(events.find((event) => event.type === 'response.function_call_arguments.done')).toMatchObject({ name: 'get_weather', arguments: '{"city":"Rome"}' })
  client.send({ type: 'nope' })
  expect((await client.next('error')).error).toMatchObject({ code: 'invalid_value', message: expect.stringContaining("'session.avatar.connect'") })
  client.close()
})

describe('behind the relay', () => {
  it('answers a caller who speaks GA, and runs a tool', async () => {
    const running = await runRelay({
      env: (url) => ({
        UPSTREAMS: JSON.stringify([{ name: 'voice', provider: 'voice-live', endpoint: url, deployment: DEPLOYMENT, apiKey: API_KEY }]),
        AZURE_OPENAI_ENDPOINT: '',
        AZURE_OPENAI_DEPLOYMENT: '',
        AZURE_OPENAI_API_KEY: '',
      }),
    })
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token())
    await client.next('session.created')
    const events = await client.ask('What is the weather in Lisbon?')
    expect(running.simulator.received.at(-1)).toMatchObject({ dialect: 'voice-live', target: expect.stringContaining('/voice-live/realtime') })
    expect(running.toolRequests.at(-1)).toBe('POST /weather {"city":"Lisbon"}')
    expect(events.map((event) => event.type)).toContain('response.output_audio.delta')
    client.close()
    await running.close()
  })
})
