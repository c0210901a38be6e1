// Barge-in, cancelling, manual turns, idle timeout, transcription sessions and out-of-band responses.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { JsonObject, RealtimeEvent } from '../../src/core/protocol/events.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { appends, connect, shape, tone, update, userText } from './client.js'

const LONG = 'Please repeat after me: one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'
const MANUAL = update({ audio: { input: { turn_detection: null } } })
const CLOSING = [
  'response.output_audio.done',
  'response.output_audio_transcript.done',
  'response.content_part.done',
  'conversation.item.done',
  'response.output_item.done',
  'response.done',
]

let natural: Simulator
let instant: Simulator
beforeAll(async () => {
  natural = await startSimulator({ speed: 4 })
  instant = await startSimulator({ speed: Number.POSITIVE_INFINITY, hear: (pcm) => `heard ${pcm.length} bytes` })
})
afterAll(async () => {
  await natural.close()
  await instant.close()
})

const response = (event: RealtimeEvent) => event.response as JsonObject

it('cuts a response short when the user speaks, and lets the client truncate what it did not play', async () => {
  const client = await connect(natural)
  client.send(userText(LONG))
  client.send({ type: 'response.create' })
  const delta = await client.next('response.output_audio.delta')
  for (const event of appends(Buffer.concat([tone(400), tone(300, 0)]))) client.send(event)
  await client.next('input_audio_buffer.speech_started')
  const closing = await client.until('response.done')
  expect(shape(closing)).toEqual(CLOSING)
  const done = response(closing.at(-1) as RealtimeEvent)
  expect(done).toMatchObject({ status: 'cancelled', status_details: { type: 'cancelled', reason: 'turn_detected' }, output: [{ status: 'incomplete' }] })
  expect((await client.next('response.created')).type).toBe('response.created')

  client.send({ type: 'conversation.item.truncate', item_id: delta.item_id, content_index: 0, audio_end_ms: 100 })
  expect(await client.next('conversation.item.truncated')).toMatchObject({ item_id: delta.item_id, content_index: 0, audio_end_ms: 100 })
  client.send({ type: 'conversation.item.retrieve', item_id: delta.item_id })
  const item = (await client.next('conversation.item.retrieved')).item as JsonObject
  const part = (item.content as JsonObject[])[0]
  expect(part).toMatchObject({ type: 'output_audio', transcript: '' })
  expect(Buffer.from(String(part?.audio), 'base64')).toHaveLength(4800)
  client.send({ type: 'conversation.item.truncate', item_id: delta.item_id, content_index: 0, audio_end_ms: 200, event_id: 'long' })
  expect((await client.next('error')).error).toMatchObject({ message: 'Audio content of 100ms is already shorter than 200ms', event_id: 'long' })
  client.close()
})

it('does not interrupt the response if interrupt_response is false, and answers the turn afterwards', async () => {
  const client = await connect(natural)
  client.send(update({ audio: { input: { turn_detection: { type: 'server_vad', interrupt_response: false } } } }))
  client.send(userText('hello'))
  client.send({ type: 'response.create' })
  const first = await client.next('response.created')
  for (const event of appends(Buffer.concat([tone(400), tone(300, 0)]))) client.send(event)
  await client.next('input_audio_buffer.committed')
  const done = await client.next('response.done')
  expect(response(done)).toMatchObject({ id: response(first).id, status: 'completed' })
  const second = await client.next('response.created')
  expect(response(second).id).not.toBe(response(first).id)
  client.close()
})

it('cancels a response once, then reports that none is active', async () => {
  const client = await connect(natural)
  client.send(userText(LONG))
  client.send({ type: 'response.create' })
  await client.next('response.output_audio.delta')
  client.send({ type: 'response.cancel' })
  client.send({ type: 'response.cancel', event_id: 'late' })
  expect(response(await client.next('response.done'))).toMatchObject({ status: 'cancelled', status_details: { reason: 'client_cancelled' } })
  expect((await client.next('error')).error).toMatchObject({ code: 'response_cancel_not_active', event_id: 'late' })
  client.close()
})

it('refuses a second response while one is active, names the refused event, and the first goes on', async () => {
  const client = await connect(natural)
  client.send(userText('hello'))
  client.send({ type: 'response.create', event_id: 'A' })
  client.send({ type: 'response.create', event_id: 'B' })
  const created = await client.next('response.created')
  const error = (await client.next('error')).error as JsonObject
  expect(error).toMatchObject({ code: 'conversation_already_has_active_response', event_id: 'B' })
  expect(error.message).toContain(String(response(created).id))
  expect(response(await client.next('response.done'))).toMatchObject({ id: response(created).id, status: 'completed' })
  client.close()
})

it('commits by hand without an answer, and at least 100 ms', async () => {
  const client = await connect(instant)
  client.send(MANUAL)
  await client.next('session.updated')
  client.send({ type: 'input_audio_buffer.commit', event_id: 'empty' })
  expect((await client.next('error')).error).toMatchObject({ code: 'input_audio_buffer_commit_empty', event_id: 'empty', message: expect.stringContaining('only has 0.00ms') })
  for (const event of appends(tone(300))) client.send(event)
  client.send({ type: 'input_audio_buffer.clear' })
  client.send({ type: 'input_audio_buffer.commit' })
  expect(shape(await client.until('error'))).toEqual(['input_audio_buffer.cleared', 'error'])
  for (const event of appends(tone(300))) client.send(event)
  client.send({ type: 'input_audio_buffer.commit' })
  client.send({ type: 'conversation.item.retrieve', item_id: 'none' })
  expect(shape(await client.until('error'))).toEqual(['input_audio_buffer.committed', 'conversation.item.added', 'conversation.item.done', 'error'])
  client.send({ type: 'response.create', response: { output_modalities: ['text'] } })
  expect(JSON.stringify(await client.next('response.done'))).toContain(`You said: heard ${300 * 48} bytes.`)
  client.close()
})

it('runs out-of-band responses in parallel', async () => {
  const client = await connect(natural)
  client.send(userText(LONG))
  client.send({ type: 'response.create' })
  const main = await client.next('response.created')
  client.send({
    type: 'response.create',
    response: {
      conversation: 'none',
      output_modalities: ['text'],
      metadata: { topic: 'aside' },
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'only this' }] }],
    },
  })
  const aside = await client.next((event) => event.type === 'response.done' && (response(event).metadata as JsonObject | null)?.topic === 'aside')
  expect(response(aside)).toMatchObject({ conversation_id: null, status: 'completed', output: [{ content: [{ text: expect.stringContaining('You said: only this.') }] }] })
  const item = (response(aside).output as JsonObject[])[0]
  expect(client.events.filter((event) => event.type === 'conversation.item.added').map((event) => (event.item as JsonObject).id)).not.toContain(item?.id)
  client.send({ type: 'response.cancel' })
  expect(response(await client.next('response.done')).id).toBe(response(main).id)
  client.close()
})

it('ends an answer at its token limit', async () => {
  const client = await connect(instant)
  client.send(userText(LONG))
  client.send({ type: 'response.create', response: { max_output_tokens: 10, output_modalities: ['text'] } })
  const done = response(await client.next('response.done'))
  expect(done).toMatchObject({ status: 'incomplete', status_details: { type: 'incomplete', reason: 'max_output_tokens' }, output: [{ status: 'incomplete' }] })
  expect(Number((done.usage as JsonObject).output_tokens)).toBeLessThanOrEqual(12)
  client.close()
})

it('speaks up after a silence of idle_timeout_ms', async () => {
  const quick = await startSimulator({ speed: 200 })
  const client = await connect(quick)
  client.send(update({ output_modalities: ['text'], audio: { input: { turn_detection: { type: 'server_vad', idle_timeout_ms: 5000 } } } }))
  client.send(userText('hi'))
  client.send({ type: 'response.create' })
  await client.next('response.done')
  expect(shape((await client.until('response.created')).filter((event) => event.type !== 'rate_limits.updated'))).toEqual([
    'input_audio_buffer.timeout_triggered',
    'input_audio_buffer.committed',
    'conversation.item.added',
    'conversation.item.done',
    'response.created',
  ])
  client.close()
  await quick.close()
})

it('transcribes and never answers in a transcription session', async () => {
  const client = await connect(instant, '/openai/v1/realtime?intent=transcription')
  expect((await client.next('session.created')).session).toMatchObject({ type: 'transcription' })
  client.send({ type: 'session.update', session: { type: 'transcription', audio: { input: { transcription: { model: 'my-whisper' } } } } })
  expect((await client.next('session.updated')).session).toMatchObject({ audio: { input: { transcription: { model: 'my-whisper', language: null, prompt: null } } } })
  for (const event of appends(Buffer.concat([tone(400), tone(300, 0)]))) client.send(event)
  const events = await client.until('conversation.item.input_audio_transcription.completed')
  expect(events.at(-1)).toMatchObject({ transcript: expect.stringMatching(/^heard \d+ bytes$/), usage: { type: 'duration', seconds: 1 } })
  client.send({ type: 'response.create', event_id: 'no' })
  expect((await client.next('error')).error).toMatchObject({ event_id: 'no' })
  expect(client.events.some((event) => event.type.startsWith('response.') || event.type === 'rate_limits.updated')).toBe(false)
  client.close()
})

it('reports that it cannot reach MCP servers', async () => {
  const client = await connect(instant)
  client.send(update({ tools: [{ type: 'mcp', server_label: 'docs', server_url: 'https://mcp.example', authorization: 'secret-of-mcp' }] }))
  const events = await client.until('conversation.item.done')
  expect(shape(events)).toEqual(['session.created', 'session.updated', 'conversation.item.added', 'mcp_list_tools.in_progress', 'mcp_list_tools.failed', 'conversation.item.done'])
  expect(JSON.stringify(client.events)).not.toContain('secret-of-mcp')
  client.close()
})

it('makes a remark before calls if configured', async () => {
  const wordy = await startSimulator({ speed: Number.POSITIVE_INFINITY, preamble: true })
  const client = await connect(wordy)
  client.send(
    update({
      output_modalities: ['text'],
      tools: [{ type: 'function', name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }],
    }),
  )
  client.send(userText('the weather in Oslo, please'))
  client.send({ type: 'response.create' })
  const done = response(await client.next('response.done'))
  expect(done.output).toMatchObject([
    { type: 'message', phase: 'commentary' },
    { type: 'function_call', name: 'get_weather', arguments: '{"city":"Oslo"}' },
  ])
  client.close()
  await wordy.close()
})
