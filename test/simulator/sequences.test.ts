// The order of events in each kind of turn, as recorded on the service.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { appends, connect, shape, tone, update, userText } from './client.js'

const WEATHER = {
  type: 'function',
  name: 'get_weather',
  description: 'Look up the weather for a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}
const TIME = {
  type: 'function',
  name: 'get_time',
  description: 'Tells the local time in a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}

const MESSAGE_OPENING = ['response.created', 'response.output_item.added', 'conversation.item.added', 'response.content_part.added']
const MESSAGE_ENDING = ['response.content_part.done', 'conversation.item.done', 'response.output_item.done', 'response.done']

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY, rateLimits: 'both' })
})
afterAll(() => simulator.close())

describe('GA', () => {
  it('opens with the whole default session', async () => {
    const client = await connect(simulator)
    const created = await client.next('session.created')
    expect(client.events).toHaveLength(1)
    const session = created.session as JsonObject
    expect(session).toMatchObject({
      type: 'realtime',
      object: 'realtime.session',
      model: 'gpt-realtime',
      output_modalities: ['audio'],
      tools: [],
      tool_choice: 'auto',
      max_output_tokens: 'inf',
      audio: { input: { turn_detection: { type: 'server_vad', silence_duration_ms: 200 } }, output: { voice: 'alloy' } },
    })
    expect(Number(session.expires_at)).toBeGreaterThan(Date.now() / 1000 + 3000)
    client.close()
  })

  it('plays a text turn, and links the items as recorded', async () => {
    const client = await connect(simulator)
    client.send(update({ output_modalities: ['text'], instructions: 'Be brief.' }))
    await client.next('session.updated')
    client.send(userText('hi there'))
    client.send({ type: 'response.create', response: { metadata: { purpose: 'test' } } })
    const events = await client.until('rate_limits.updated')
    expect(shape(events)).toEqual([
      'conversation.item.added',
      'conversation.item.done',
      ...MESSAGE_OPENING,
      'response.output_text.delta',
      'response.output_text.done',
      ...MESSAGE_ENDING,
      'rate_limits.updated',
    ])
    const done = events.find((event) => event.type === 'response.done')?.response as JsonObject
    const text = events
      .filter((event) => event.type === 'response.output_text.delta')
      .map((event) => event.delta)
      .join('')
    expect(text).toBe('You said: hi there.')
    expect(done).toMatchObject({
      status: 'completed',
      metadata: { purpose: 'test' },
      output_modalities: ['text'],
      output: [{ status: 'completed', content: [{ type: 'output_text', text }] }],
    })
    const used = done.usage as JsonObject
    expect(Number(used.total_tokens)).toBe(Number(used.input_tokens) + Number(used.output_tokens))
    expect(Number(used.output_tokens)).toBeGreaterThan(0)
    const added = events.filter((event) => event.type === 'conversation.item.added')
    expect(added[0]?.previous_item_id).toBeNull()
    expect(added[1]?.previous_item_id).toBe((added[0]?.item as JsonObject | undefined)?.id)
    expect(new Set(client.events.map((event) => event.event_id)).size).toBe(client.events.length)
    client.close()
  })

  it('plays an audio turn with the transcript ahead of the sound', async () => {
    const client = await connect(simulator)
    client.send(userText('tell me something'))
    client.send({ type: 'response.create' })
    const events = await client.until('response.done')
    expect(shape(events.slice(events.findIndex((event) => event.type === 'response.created')))).toEqual([
      ...MESSAGE_OPENING,
      'deltas',
      'response.output_audio.done',
      'response.output_audio_transcript.done',
      ...MESSAGE_ENDING,
    ])
    expect(events.find((event) => event.type.endsWith('.delta'))?.type).toBe('response.output_audio_transcript.delta')
    const pcm = Buffer.concat(events.filter((event) => event.type === 'response.output_audio.delta').map((event) => Buffer.from(String(event.delta), 'base64')))
    expect(pcm.length / 48).toBeGreaterThan(1000)
    const loudest = Math.max(...Array.from({ length: pcm.length / 2 }, (_, i) => Math.abs(pcm.readInt16LE(i * 2))))
    expect(loudest).toBeGreaterThan(3000)
    client.close()
  })

  it('calls a tool, then answers with its output', async () => {
    const client = await connect(simulator)
    client.send(update({ output_modalities: ['text'], tools: [WEATHER, TIME] }))
    client.send(userText('What is the weather in Lisbon?'))
    client.send({ type: 'response.create' })
    const events = await client.until('response.done')
    expect(shape(events.slice(events.findIndex((event) => event.type === 'response.created')))).toEqual([
      'response.created',
      'response.output_item.added',
      'conversation.item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'conversation.item.done',
      'response.output_item.done',
      'response.done',
    ])
    const call = events.find((event) => event.type === 'response.function_call_arguments.done')
    expect(call).toMatchObject({ name: 'get_weather', arguments: '{"city":"Lisbon"}' })
    client.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call?.call_id, output: 'Sunny, 24 degrees.' } })
    client.send({ type: 'response.create' })
    const done = await client.next('response.done')
    expect(JSON.stringify(done)).toContain('Here is what I found: Sunny, 24 degrees.')
    client.close()
  })

  it('makes parallel calls for one sentence', async () => {
    const client = await connect(simulator)
    client.send(update({ tools: [WEATHER, TIME] }))
    client.send(userText('weather in Paris and time in Tokyo'))
    client.send({ type: 'response.create' })
    const done = (await client.next('response.done')).response as JsonObject
    expect((done.output as JsonObject[]).map((item) => [item.name, item.arguments])).toEqual([
      ['get_weather', '{"city":"Paris"}'],
      ['get_time', '{"city":"Tokyo"}'],
    ])
    client.close()
  })

  it('detects a spoken turn, transcribes and answers it', async () => {
    const client = await connect(simulator)
    client.send(update({ output_modalities: ['text'], audio: { input: { transcription: { model: 'gpt-4o-transcribe' } } } }))
    await client.next('session.updated')
    for (const event of appends(Buffer.concat([tone(500, 0), tone(600), tone(500, 0)]))) client.send(event)
    const events = await client.until('response.done')
    const names = shape(events).filter((name) => !name.includes('transcription'))
    expect(names.slice(0, 6)).toEqual([
      'input_audio_buffer.speech_started',
      'input_audio_buffer.speech_stopped',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
      'response.created',
    ])
    const [started, stopped, committed, added] = events
    expect(new Set([started?.item_id, stopped?.item_id, committed?.item_id, (added?.item as JsonObject | undefined)?.id]).size).toBe(1)
    expect(started?.audio_start_ms).toBe(212)
    expect(stopped?.audio_end_ms).toBe(1344)
    const completed = client.events.find((event) => event.type.endsWith('transcription.completed')) ?? (await client.next('conversation.item.input_audio_transcription.completed'))
    expect(completed).toMatchObject({ transcript: 'I spoke for 1.1 seconds.', usage: { type: 'tokens', input_token_details: { audio_tokens: 11 } } })
    client.close()
  })
})
