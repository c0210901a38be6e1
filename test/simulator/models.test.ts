// What the model changes, and what a transcription model does: second-generation sessions, captions, failures, padding and drift.
import { afterEach, describe, expect, it } from 'vitest'
import type { JsonObject, RealtimeEvent } from '../../src/core/protocol/events.js'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.js'
import { appends, connect, GA_PATH, shape, tone, update, userText } from './client.js'

const TOOL = { type: 'function', name: 'get_weather', description: 'x', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }
const TRANSCRIPTION = 'conversation.item.input_audio_transcription'

let simulator: Simulator
afterEach(() => simulator.close())
async function open(options: SimulatorOptions = {}, path = GA_PATH) {
  simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY, ...options })
  return connect(simulator, path)
}

describe('gpt-realtime-2.1', () => {
  it.each([
    ['as the deployment’s name', {}, '/openai/v1/realtime?model=gpt-realtime-2.1'],
    ['as the model behind a deployment', { model: 'gpt-realtime-2.1' }, '/openai/v1/realtime?model=my-voice'],
  ])('has defaults of its own, %s', async (_name, options, path) => {
    const client = await open(options, path)
    expect((await client.next('session.created')).session).toMatchObject({
      model: 'gpt-realtime-2.1',
      audio: { input: { turn_detection: { silence_duration_ms: 500 } }, output: { voice: 'marin' } },
    })
  })

  it.each(['text', 'audio'])('streams a call before the remark in %s is done', async (modality) => {
    const client = await open({ model: 'gpt-realtime-2.1' })
    client.send(update({ output_modalities: [modality], tools: [TOOL] }))
    client.send(userText('the weather in Oslo, please'))
    client.send({ type: 'response.create' })
    await client.next('response.created')
    const events = await client.until('response.done')
    const said = modality === 'text' ? ['response.output_text.delta'] : ['deltas']
    const closed = modality === 'text' ? ['response.output_text.done'] : ['response.output_audio.done', 'response.output_audio_transcript.done']
    expect(shape(events)).toEqual([
      ...['response.output_item.added', 'conversation.item.added', 'response.content_part.added', ...said],
      ...['response.output_item.added', 'conversation.item.added', 'response.function_call_arguments.delta'],
      ...[...closed, 'response.content_part.done', 'conversation.item.done', 'response.output_item.done'],
      ...['response.function_call_arguments.done', 'conversation.item.done', 'response.output_item.done', 'response.done'],
    ])
    expect((events.at(-1)?.response as JsonObject).output).toMatchObject([
      { type: 'message', phase: 'commentary', status: 'completed' },
      { type: 'function_call', status: 'completed' },
    ])
  })

  it('closes both items if it is cancelled in between', async () => {
    const client = await open({ model: 'gpt-realtime-2.1', speed: 20 })
    client.send(update({ output_modalities: ['text'], tools: [TOOL] }))
    client.send(userText('the weather in Oslo, please'))
    client.send({ type: 'response.create' })
    await client.next('response.function_call_arguments.delta')
    client.send({ type: 'response.cancel' })
    const events = await client.until('response.done')
    expect(events.filter((event) => event.type === 'response.output_item.done').map((event) => (event.item as JsonObject).status)).toEqual(['incomplete', 'incomplete'])
  })

  it('counts reasoning only if it is asked to reason', async () => {
    const client = await open({ model: 'gpt-realtime-2.1' })
    const details = async (response: object): Promise<JsonObject> => {
      client.send({ type: 'response.create', response: { output_modalities: ['text'], ...response } })
      return ((await client.next('response.done')).response as { usage: { output_token_details: JsonObject } }).usage.output_token_details
    }
    expect(await details({})).not.toHaveProperty('reasoning_tokens')
    expect((await details({ reasoning: { effort: 'low' } })).reasoning_tokens).toBeGreaterThan(0)
    expect(client.events.filter((event) => event.type === 'response.output_item.done')[0]?.item).toMatchObject({ phase: 'final_answer' })
  })
})

describe('transcription', () => {
  const speech = Buffer.concat([tone(400), tone(400, 0)])
  const withModel = (model: string) => update({ output_modalities: ['text'], audio: { input: { transcription: { model } } } })

  it('fails for a deployment that does not exist, on every turn, and the answer still comes', async () => {
    const client = await open({ transcriptionDeployments: ['my-whisper'] })
    client.send(withModel('whisper-1'))
    for (const event of appends(speech)) client.send(event)
    const failed = await client.next(`${TRANSCRIPTION}.failed`)
    const { item_id } = client.events.find((event) => event.type === 'input_audio_buffer.committed') as RealtimeEvent
    expect(failed).toMatchObject({ item_id, content_index: 0, error: { code: 'DeploymentNotFound', message: expect.stringContaining('does not exist') } })
    await client.next('response.done')
    expect(client.events.some((event) => event.type.startsWith(`${TRANSCRIPTION}.`) && !event.type.endsWith('.failed'))).toBe(false)
  })

  it('sends captions during speech if the model streams', async () => {
    const client = await open({ heardText: 'one two three four' })
    client.send(withModel('gpt-realtime-whisper'))
    for (const event of appends(tone(400))) client.send(event)
    const first = await client.next(`${TRANSCRIPTION}.delta`)
    expect(client.events.some((event) => event.type === 'input_audio_buffer.speech_stopped')).toBe(false)
    for (const event of appends(tone(400, 0))) client.send(event)
    expect(await client.next(`${TRANSCRIPTION}.completed`)).toMatchObject({ item_id: first.item_id, transcript: 'one two three four' })
    const deltas = client.events.filter((event) => event.type === `${TRANSCRIPTION}.delta`).map((event) => event.delta)
    expect(deltas.join('')).toBe('one two three four')
  })

  it('has one delta with whisper-1, which does not stream', async () => {
    const client = await open({ heardText: 'one two three four' })
    client.send(withModel('whisper-1'))
    for (const event of appends(speech)) client.send(event)
    await client.next(`${TRANSCRIPTION}.completed`)
    expect(client.events.filter((event) => event.type === `${TRANSCRIPTION}.delta`).map((event) => event.delta)).toEqual(['one two three four'])
  })
})

describe('deltas of text', () => {
  it('are padded to blocks of sixteen, deltas of sound are not', async () => {
    const client = await open()
    client.send({ type: 'response.create' })
    await client.next('response.done')
    const deltas = client.events.filter((event) => event.type.endsWith('.delta'))
    for (const { type, delta, obfuscation } of deltas) {
      if (type === 'response.output_audio.delta') expect(obfuscation).toBeUndefined()
      else expect((String(delta) + String(obfuscation)).length % 16).toBe(0)
    }
    expect(new Set(deltas.map((event) => event.type)).size).toBe(2)
  })

  it('are bare by option', async () => {
    const client = await open({ obfuscation: false })
    client.send({ type: 'response.create' })
    await client.next('response.done')
    expect(JSON.stringify(client.events)).not.toContain('obfuscation')
  })
})

it('drifts to text after written words of the assistant, by option', async () => {
  const client = await open({ driftToText: true })
  client.send({ type: 'response.create' })
  await client.next('response.output_audio.delta')
  await client.next('response.done')
  const other = await connect(simulator)
  other.send({ type: 'conversation.item.create', item: { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Before.' }] } })
  other.send({ type: 'response.create' })
  await other.next('response.output_text.delta')
  expect((await other.next('response.done')).response).toMatchObject({ output_modalities: ['audio'], output: [{ content: [{ type: 'output_text' }] }] })
})

it('makes the same session twice from one seed, and another from another', async () => {
  const ids = async (seed: number) => {
    const client = await open({ seed })
    client.send({ type: 'response.create' })
    await client.next('response.done')
    await simulator.close()
    return client.events.map((event) => event.event_id)
  }
  const first = await ids(7)
  expect(await ids(7)).toEqual(first)
  expect(await ids(8)).not.toEqual(first)
})
