// Bad client events: each gets one error, changes nothing, and the session goes on.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { fc } from '../support/property.js'
import { type Client, connect, GA_PATH, update, userText } from './client.js'

let simulator: Simulator
let client: Client
beforeAll(async () => {
  simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY })
  client = await connect(simulator)
})
afterAll(() => simulator.close())

const TOOL = { type: 'function', name: 'f', parameters: { type: 'object' } }
const pcm = { type: 'audio/pcm', rate: 24_000 }

/** Update, and the code and param of the error that answers it. */
const UPDATES: [string, object, string, string][] = [
  ['unknown field', { type: 'realtime', bogus_field: 1 }, 'unknown_parameter', 'session.bogus_field'],
  ['preview field', { type: 'realtime', modalities: ['text'] }, 'unknown_parameter', 'session.modalities'],
  ['no type', { instructions: 'x' }, 'missing_required_parameter', 'session.type'],
  ['other type', { type: 'nope' }, 'invalid_value', 'session.type'],
  ['no rate', { type: 'realtime', audio: { output: { format: { type: 'audio/pcm' } } } }, 'missing_required_parameter', 'session.audio.output.format.rate'],
  ['low rate', { type: 'realtime', audio: { input: { format: { type: 'audio/pcm', rate: 16_000 } } } }, 'integer_below_min_value', 'session.audio.input.format.rate'],
  ['both modalities', { type: 'realtime', output_modalities: ['text', 'audio'] }, 'invalid_value', 'session.output_modalities'],
  ['unknown voice', { type: 'realtime', audio: { output: { voice: 'hal' } } }, 'invalid_value', 'session.audio.output.voice'],
  ['too fast', { type: 'realtime', audio: { output: { speed: 9 } } }, 'decimal_above_max_value', 'session.audio.output.speed'],
  [
    'threshold',
    { type: 'realtime', audio: { input: { turn_detection: { type: 'server_vad', threshold: 2 } } } },
    'decimal_above_max_value',
    'session.audio.input.turn_detection.threshold',
  ],
  ['turn detection none', { type: 'realtime', audio: { input: { turn_detection: { type: 'none' } } } }, 'invalid_value', 'session.audio.input.turn_detection.type'],
  ['too many tokens', { type: 'realtime', max_output_tokens: 5000 }, 'integer_above_max_value', 'session.max_output_tokens'],
  ['tool without a name', { type: 'realtime', tools: [{ type: 'function' }] }, 'missing_required_parameter', 'session.tools[0].name'],
  ['two tools of one name', { type: 'realtime', tools: [TOOL, TOOL] }, 'invalid_value', 'session.tools'],
  ['choice of no tool', { type: 'realtime', tool_choice: { type: 'function', name: 'g' } }, 'invalid_value', 'session.tool_choice'],
  ['temperature', { type: 'realtime', temperature: 0.8 }, 'unknown_parameter', 'session.temperature'],
  ['not an object', [], 'invalid_type', 'session'] as unknown as [string, object, string, string],
]

describe('session.update', () => {
  it.each(UPDATES)('is refused as a whole: %s', async (name, session, code, param) => {
    client.send({ type: 'session.update', event_id: name, session: Array.isArray(session) ? session : { instructions: 'never applied', ...session } })
    expect((await client.next('error')).error).toMatchObject({ type: 'invalid_request_error', code, param, event_id: name })
    client.send(update({}))
    expect(JSON.stringify(await client.next('session.updated'))).not.toContain('never applied')
  })

  it('merges only present fields and sends the whole configuration', async () => {
    const other = await connect(simulator)
    other.send(update({ instructions: 'Be kind.', audio: { input: { turn_detection: { type: 'server_vad', threshold: 0.7 } } }, tools: [TOOL] }))
    other.send(update({ audio: { input: { turn_detection: { type: 'server_vad', silence_duration_ms: 900 } }, output: { voice: 'marin' } } }))
    await other.next('session.updated')
    const session = (await other.next('session.updated')).session as JsonObject
    expect(session).toMatchObject({
      instructions: 'Be kind.',
      tools: [TOOL],
      audio: { input: { format: pcm, turn_detection: { threshold: 0.7, silence_duration_ms: 900, prefix_padding_ms: 300 } }, output: { format: pcm, voice: 'marin', speed: 1 } },
    })
    other.send(update({ instructions: '', tools: [], audio: { input: { turn_detection: { type: 'semantic_vad' } } } }))
    expect((await other.next('session.updated')).session).toMatchObject({
      instructions: expect.stringContaining('default persona'),
      tools: [],
      audio: { input: { turn_detection: { type: 'semantic_vad', eagerness: 'auto', create_response: true, interrupt_response: true } } },
    })
    other.send(update({ audio: { input: { turn_detection: null } } }))
    expect((await other.next('session.updated')).session).toMatchObject({ audio: { input: { turn_detection: null } } })
    other.close()
  })

  it('fixes the voice once the assistant has spoken', async () => {
    const other = await connect(simulator)
    other.send(userText('hi'))
    other.send({ type: 'response.create' })
    await other.next('response.done')
    other.send(update({ audio: { output: { voice: 'ash' } } }))
    expect((await other.next('error')).error).toMatchObject({ code: 'cannot_update_voice' })
    other.send(update({ audio: { output: { voice: 'alloy', speed: 1.2 } } }))
    expect((await other.next('session.updated')).session).toMatchObject({ audio: { output: { speed: 1.2 } } })
    other.close()
  })
})

/** Event, and the code and param of the error that answers it. */
const EVENTS: [string, object, string, string | null][] = [
  ['unknown type', { type: 'nope' }, 'invalid_value', 'type'],
  ['inherited name', { type: 'constructor' }, 'invalid_value', 'type'],
  ['preview type', { type: 'transcription_session.update', session: {} }, 'invalid_value', 'type'],
  ['transcription on a realtime session', { type: 'session.update', session: { type: 'transcription' } }, 'invalid_value', 'session.type'],
  ['no type', {}, 'invalid_event', null],
  ['type of a number', { type: 7 }, 'invalid_event', null],
  ['append without audio', { type: 'input_audio_buffer.append' }, 'missing_required_parameter', 'audio'],
  ['append of no base64', { type: 'input_audio_buffer.append', audio: '***' }, 'invalid_value', 'audio'],
  ['unknown parameter', { type: 'response.cancel', why: 'x' }, 'unknown_parameter', 'why'],
  ['item without content', { type: 'conversation.item.create', item: { type: 'message', role: 'user' } }, 'missing_required_parameter', 'item.content'],
  ['developer item', { type: 'conversation.item.create', item: { type: 'message', role: 'developer', content: [] } }, 'invalid_value', 'item.role'],
  [
    'wrong part',
    { type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'output_text', text: 'x' }] } },
    'invalid_value',
    'item.content[0].type',
  ],
  [
    'assistant audio',
    { type: 'conversation.item.create', item: { type: 'message', role: 'assistant', content: [{ type: 'output_audio', transcript: 'x' }] } },
    'invalid_value',
    'item.content[0].type',
  ],
  ['long item id', { type: 'conversation.item.create', item: { id: 'i'.repeat(33), type: 'message', role: 'user', content: [] } }, 'string_above_max_length', 'item.id'],
  ['long call id', { type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'c'.repeat(33), output: 'x' } }, 'string_above_max_length', 'item.call_id'],
  ['output without call', { type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'c', output: 'x' } }, 'invalid_tool_call_id', 'item.call_id'],
  ['unknown previous', { ...userText('x'), previous_item_id: 'item_none' }, 'item_create_invalid_previous_item_id', 'previous_item_id'],
  ['retrieve unknown', { type: 'conversation.item.retrieve', item_id: 'item_none' }, 'item_retrieve_invalid_item_id', 'item_id'],
  ['delete unknown', { type: 'conversation.item.delete', item_id: 'item_none' }, 'item_delete_invalid_item_id', 'item_id'],
  ['truncate unknown', { type: 'conversation.item.truncate', item_id: 'item_none', content_index: 0, audio_end_ms: 0 }, 'item_truncate_invalid_item_id', 'item_id'],
  ['negative time', { type: 'conversation.item.truncate', item_id: 'i', content_index: 0, audio_end_ms: -1 }, 'integer_below_min_value', 'audio_end_ms'],
  ['reference to nothing', { type: 'response.create', response: { input: [{ type: 'item_reference', id: 'item_none' }] } }, 'invalid_value', 'response.input[0].id'],
  ['metadata of numbers', { type: 'response.create', response: { metadata: { a: 1 } } }, 'invalid_type', 'response.metadata.a'],
  [
    'too much metadata',
    { type: 'response.create', response: { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v'])) } },
    'object_above_max_properties',
    'response.metadata',
  ],
  ['cancel of nothing', { type: 'response.cancel' }, 'response_cancel_not_active', null],
]

describe('items', () => {
  it('are refused with the service’s texts', async () => {
    const other = await connect(simulator)
    const says = async (event: object) => {
      other.send(event)
      return (await other.next('error')).error as JsonObject
    }
    const create = (item: object) => ({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'x' }], ...item } })
    other.send(create({ id: 'twice' }))
    expect(await says(create({ id: 'twice' }))).toMatchObject({
      code: 'item_create_duplicate_item_id',
      message: "Error adding item: an item with id 'twice' already exists.",
      param: null,
    })
    expect(await says(create({ id: 'x'.repeat(36) }))).toMatchObject({
      message: "Invalid 'item.id': string too long. Expected a string with maximum length 32, but got a string with length 36 instead.",
    })
    expect(await says(create({ role: 'assistant', content: [{ type: 'output_audio' }] }))).toMatchObject({ message: "Invalid value: 'output_audio'. Value must be 'output_text'." })
    expect(await says({ type: 'conversation.item.truncate', item_id: 'twice', content_index: 0, audio_end_ms: 0 })).toMatchObject({
      code: 'unsupported_content_type',
      message: 'Only model output audio messages can be truncated',
      param: null,
    })
    other.close()
  })

  it('are retrieved with the names of GA, and truncated while they are being said', async () => {
    const slow = await startSimulator({ speed: 20 })
    const other = await connect(slow)
    other.send(userText('one two three four five six seven eight nine ten'))
    other.send({ type: 'response.create' })
    const { item_id } = await other.next('response.output_audio.delta')
    other.send({ type: 'conversation.item.truncate', item_id, content_index: 0, audio_end_ms: 100 })
    expect(await other.next('conversation.item.truncated')).toMatchObject({ item_id, audio_end_ms: 100 })
    expect(other.events.some((event) => event.type === 'response.done')).toBe(false)
    other.send({ type: 'conversation.item.truncate', item_id, content_index: 0, audio_end_ms: 999_999 })
    expect((await other.next('error')).error).toMatchObject({ code: 'invalid_value', param: 'audio_end_ms' })
    await other.next('response.done')
    other.send({ type: 'conversation.item.retrieve', item_id })
    const { content } = (await other.next('conversation.item.retrieved')).item as { content: JsonObject[] }
    expect(content[0]).toMatchObject({ type: 'output_audio', transcript: '' })
    expect(Buffer.from(String(content[0]?.audio), 'base64')).toHaveLength(100 * 48)
    await slow.close()
  })
})

describe('other events', () => {
  it.each(EVENTS)('are refused: %s', async (name, event, code, param) => {
    client.send({ event_id: name, ...event })
    expect((await client.next('error')).error).toMatchObject({ type: 'invalid_request_error', code, param, event_id: name })
  })

  it('lists the supported types, and survives binary, broken and deep frames', async () => {
    client.send({ type: 'nope' })
    expect((await client.next('error')).error).toMatchObject({ message: expect.stringContaining("'session.update', 'session.close', 'input_audio_buffer.append',") })
    const frames: [string | Buffer, string][] = [
      [Buffer.from([1, 2, 3]), 'invalid_event'],
      ['{"type":', 'invalid_json'],
      ['[]', 'invalid_json'],
      ['null', 'invalid_json'],
      [`{"type":"session.update","session":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'invalid_json'],
    ]
    for (const [frame, code] of frames) {
      client.sendRaw(frame)
      expect((await client.next('error')).error).toMatchObject({ code, event_id: null })
    }
    client.send(update({}))
    await client.next('session.updated')
  })

  it('keeps ids and order that the client chose', async () => {
    const other = await connect(simulator)
    const item = (id: string) => ({ type: 'message', role: 'user', id, content: [{ type: 'input_text', text: id }] })
    other.send({ type: 'conversation.item.create', item: item('a') })
    other.send({ type: 'conversation.item.create', item: item('c') })
    other.send({ type: 'conversation.item.create', item: item('b'), previous_item_id: 'a' })
    other.send({ type: 'conversation.item.create', item: item('first'), previous_item_id: 'root' })
    other.send({ type: 'conversation.item.create', item: item('a'), event_id: 'twice' })
    const events = await other.until('error')
    expect(events.filter((event) => event.type === 'conversation.item.added').map((event) => [(event.item as JsonObject).id, event.previous_item_id])).toEqual([
      ['a', null],
      ['c', 'a'],
      ['b', 'a'],
      ['first', null],
    ])
    expect(events.at(-1)?.error).toMatchObject({ code: 'item_create_duplicate_item_id', event_id: 'twice' })
    other.send({ type: 'conversation.item.delete', item_id: 'b' })
    expect(await other.next('conversation.item.deleted')).toMatchObject({ item_id: 'b' })
    other.close()
  })

  it('answers anything that a client sends without crashing', async () => {
    const types = ['session.update', 'conversation.item.create', 'conversation.item.truncate', 'response.create', 'input_audio_buffer.append', 'x']
    const other = await connect(simulator)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...types),
        fc.dictionary(fc.constantFrom('session', 'item', 'response', 'audio', 'item_id', 'event_id', '__proto__'), fc.jsonValue({ maxDepth: 4 })),
        async (type, fields) => {
          other.send({ ...fields, type })
        },
      ),
      { numRuns: 300 },
    )
    other.send({ type: 'conversation.item.retrieve', item_id: 'marker-item', event_id: 'marker' })
    const marked = await other.next((event) => (event.error as JsonObject | undefined)?.event_id === 'marker')
    expect(marked.error).toMatchObject({ code: 'item_retrieve_invalid_item_id' })
    expect(other.events.filter((event) => (event.error as JsonObject | undefined)?.code === 'internal_error')).toEqual([])
    other.close()
  })

  it.each([GA_PATH, '/openai/realtime?api-version=2025-04-01-preview&deployment=voice'])('instructions that are null in a response are the session’s: %s', async (path) => {
    const other = await connect(simulator, path)
    const type = path === GA_PATH ? { type: 'realtime' } : {}
    other.send({ type: 'session.update', session: { ...type, instructions: 'Be kind.' } })
    const answers: string[] = []
    for (const response of [{}, { instructions: null }, { instructions: 'Be quick.' }]) {
      other.send(userText('What are your instructions?'))
      other.send({ type: 'response.create', response })
      answers.push(String((await other.next((event) => event.type === 'error' || /transcript\.done$/.test(event.type))).transcript))
      await other.next('response.done')
    }
    expect(answers[0]).toContain('fingerprint')
    expect(answers[1]).toBe(answers[0])
    expect(answers[2]).not.toBe(answers[0])
    other.close()
  })

  it('bounds the input buffer', async () => {
    const other = await connect(simulator)
    other.send(update({ audio: { input: { turn_detection: null } } }))
    const big = Buffer.alloc(9 * 1024 * 1024).toString('base64')
    other.send({ type: 'input_audio_buffer.append', audio: big })
    other.send({ type: 'input_audio_buffer.append', audio: big, event_id: 'too much' })
    expect((await other.next('error')).error).toMatchObject({ code: 'input_audio_buffer_full', event_id: 'too much' })
    other.close()
  })
})
