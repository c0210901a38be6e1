// The preview endpoint: the same session in preview spelling and order.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { connectClient } from '../support/realtime-client.js'
import { runRelay } from '../support/running-relay.js'
import { appends, connect, shape, tone, userText } from './client.js'

const PATH = '/openai/realtime?api-version=2025-04-01-preview&deployment=old-voice'
const TOOL = { type: 'function', name: 'get_weather', description: 'x', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY })
})
afterAll(() => simulator.close())

const preview = (session: object) => ({ type: 'session.update', session })

it('opens with a flat session and takes flat updates', async () => {
  const client = await connect(simulator, PATH)
  const session = (await client.next('session.created')).session as JsonObject
  expect(session).toMatchObject({ model: 'old-voice', voice: 'alloy', input_audio_format: 'pcm16', output_audio_format: 'pcm16', turn_detection: { type: 'server_vad' } })
  expect(Object.keys(session)).not.toContain('audio')
  client.send(preview({ modalities: ['text'], instructions: 'Short.', temperature: 0.7, turn_detection: null }))
  expect((await client.next('session.updated')).session).toMatchObject({ modalities: ['text'], instructions: 'Short.', turn_detection: null })
  client.send({ ...preview({ type: 'realtime', instructions: 'x' }), event_id: 'ga' })
  expect((await client.next('error')).error).toMatchObject({ code: 'unknown_parameter', param: 'session.type', event_id: 'ga' })
  client.close()
})

it('shows a temperature and no client secret, and lets a response have its own', async () => {
  const client = await connect(simulator, PATH)
  expect((await client.next('session.created')).session).toMatchObject({ temperature: 0.8, client_secret: null })
  client.send(preview({ modalities: ['text'], temperature: 0.7 }))
  expect((await client.next('session.updated')).session).toMatchObject({ temperature: 0.7 })
  client.send(preview({ temperature: 2 }))
  expect((await client.next('error')).error).toMatchObject({ code: 'decimal_above_max_value', param: 'session.temperature' })
  client.send({ type: 'response.create', response: { temperature: 1.1 } })
  expect((await client.next('response.done')).response).toMatchObject({ temperature: 1.1 })
  client.send({ type: 'response.create' })
  expect((await client.next('response.done')).response).toMatchObject({ temperature: 0.7 })
  expect(JSON.stringify(client.events)).not.toContain('obfuscation')
  client.close()
})

it.each([
  ['session', { type: 'session.update', session: { instructions: 'x', output_modalities: ['text'] } }, 'unknown_parameter', 'session.output_modalities'],
  ['audio', { type: 'session.update', session: { audio: {} } }, 'unknown_parameter', 'session.audio'],
  ['response', { type: 'response.create', response: { output_modalities: ['text'] } }, 'unknown_parameter', 'response.output_modalities'],
  [
    'part',
    { type: 'conversation.item.create', item: { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'x' }] } },
    'invalid_value',
    'item.content[0].type',
  ],
])('refuses what only GA has: %s', async (_name, event, code, param) => {
  const client = await connect(simulator, PATH)
  client.send({ ...event, event_id: 'ga' })
  expect((await client.next('error')).error).toMatchObject({ code, param, event_id: 'ga' })
  client.close()
})

it('serves the relay, whose caller speaks GA', async () => {
  const running = await runRelay({ env: { AZURE_OPENAI_API_VERSION: '2025-04-01-preview' } })
  const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token())
  await client.next('session.created')
  const events = await client.ask('What is the weather in Lisbon?')
  expect(running.simulator.received.at(-1)?.dialect).toBe('preview')
  expect(running.toolRequests.at(-1)).toBe('POST /weather {"city":"Lisbon"}')
  expect(events.at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
  client.close()
  await running.close()
})

it('lists its own event types', async () => {
  const client = await connect(simulator, PATH)
  client.send({ type: 'nope' })
  const { message } = (await client.next('error')).error as JsonObject
  expect(message).toContain("'transcription_session.update'")
  expect(message).not.toContain("'session.close'")
  client.close()
})

it('plays text, audio and function-call turns in preview names', async () => {
  const client = await connect(simulator, PATH)
  client.send(preview({ modalities: ['text'] }))
  await client.next('session.updated')
  client.send(userText('hello'))
  client.send({ type: 'response.create' })
  expect(shape(await client.until('response.done'))).toEqual([
    'conversation.item.created',
    'response.created',
    'response.output_item.added',
    'conversation.item.created',
    'response.content_part.added',
    'response.text.delta',
    'response.text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.done',
  ])
  client.send({ type: 'response.create', response: { modalities: ['audio', 'text'] } })
  const audio = await client.until('response.done')
  expect([...new Set(shape(audio))]).toEqual([
    'response.created',
    'response.output_item.added',
    'conversation.item.created',
    'response.content_part.added',
    'response.audio_transcript.delta',
    'response.audio.delta',
    'response.audio.done',
    'response.audio_transcript.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.done',
  ])
  client.send(preview({ tools: [TOOL] }))
  client.send(userText('weather in Rome'))
  client.send({ type: 'response.create' })
  const call = await client.next('response.function_call_arguments.done')
  expect(call.arguments).toBe('{"city":"Rome"}')
  client.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call.call_id, output: 'hot' } })
  client.send({ type: 'response.create', response: { modalities: ['text'] } })
  await client.next('response.done')
  expect(JSON.stringify(await client.next('response.done'))).toContain('Here is what I found: hot')
  client.close()
})

it('hears a spoken turn', async () => {
  const client = await connect(simulator, PATH)
  client.send(preview({ modalities: ['text'] }))
  await client.next('session.updated')
  for (const event of appends(Buffer.concat([tone(400), tone(400, 0)]))) client.send(event)
  expect(shape(await client.until('response.created'))).toEqual([
    'input_audio_buffer.speech_started',
    'input_audio_buffer.speech_stopped',
    'input_audio_buffer.committed',
    'conversation.item.created',
    'response.created',
  ])
  client.close()
})
