// Scripts: what fits when, every kind of step, variables, mistakes with their place, and the schema for editors.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterEach, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { scriptSchema } from '../../src/simulator/script.js'
import { parseScript } from '../../src/simulator/script-file.js'
import { type ScriptDocument, type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.js'
import { appends, type Client, connect, GA_PATH, tone, update, userText } from './client.js'

let simulator: Simulator
afterEach(() => simulator?.close())

async function open(script: ScriptDocument | string, options: SimulatorOptions = {}): Promise<Client> {
  simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY, ...options, script })
  const client = await connect(simulator, GA_PATH)
  client.send(update({ output_modalities: ['text'] }))
  await client.next('session.updated')
  return client
}

/** What the model wrote in its next response. */
async function answer(client: Client, said?: string): Promise<string> {
  if (said !== undefined) client.send(userText(said))
  client.send({ type: 'response.create' })
  const output = ((await client.next('response.done')).response as { output: JsonObject[] }).output
  return output.map((item) => String(((item.content ?? []) as JsonObject[])[0]?.text ?? `${item.name} ${item.arguments}`)).join(' | ')
}

describe('fits', () => {
  it('words with names, patterns, turns, results and everything else, the first that fits', async () => {
    const client = await open({
      variables: { shop: 'Bakery' },
      answers: [
        { on: { turn: 5 }, reply: [{ say: 'The fifth.' }] },
        { on: { says: 'weather in {city}' }, reply: [{ say: 'One moment.' }, { call: { name: 'get_weather', arguments: { place: { city: '{city}' }, days: 3 } } }] },
        { on: { result: 'get_weather' }, reply: [{ say: 'In {city} ({args.place.city}): {result.degrees} degrees.' }] },
        { on: { says: ['/^(?<greeting>hello|hi)\\b/i', 'good day'] }, times: 1, reply: [{ say: 'Welcome to the {shop}, {greeting} and {nobody}.' }] },
        { on: { says: 'exit' }, reply: [] },
        { reply: [{ say: 'Sorry? {said} (turn {turn})' }] },
      ],
    })
    expect(await answer(client, 'Hello there')).toBe('Welcome to the Bakery, Hello and {nobody}.')
    expect(await answer(client, 'Hello there')).toBe('Sorry? Hello there (turn 2)')
    expect(await answer(client, 'What is the WEATHER   in San José?')).toBe('One moment. | get_weather {"place":{"city":"San José"},"days":3}')
    const { call_id } = client.events.find((event) => event.type === 'response.function_call_arguments.done') as JsonObject
    client.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id, output: '{"degrees": 31}' } })
    expect(await answer(client)).toBe('In San José (San José): 31 degrees.')
    expect(await answer(client, 'anything')).toBe('The fifth.')
    expect(await answer(client, 'exit')).toBe('')
  })

  it('nothing, and then the simulator answers by itself', async () => {
    const client = await open({ answers: [{ on: { says: 'banana' }, reply: [{ say: 'Yellow.' }] }] })
    expect(await answer(client, 'Tell me more')).toContain('You said: Tell me more.')
    expect(await answer(client, 'a Banana!')).toBe('Yellow.')
  })

  it('an event of the client: before it an error in place of it, after it an end', async () => {
    const client = await open({
      answers: [
        { on: { event: 'input_audio_buffer.clear' }, times: 1, reply: [{ error: { code: 'scripted', message: 'Not now, {shop}.' } }] },
        {
          on: { event: 'conversation.item.delete' },
          reply: [{ send: { type: 'conversation.created', conversation: { id: 'conv_x' } } }, { wait: 5 }, { end: { how: 'close', code: 4321 } }],
        },
      ],
    })
    client.send({ type: 'input_audio_buffer.clear', event_id: 'c1' })
    expect((await client.next('error')).error).toMatchObject({ code: 'scripted', message: 'Not now, {shop}.', event_id: 'c1' })
    client.send({ type: 'input_audio_buffer.clear' })
    await client.next('input_audio_buffer.cleared')
    client.send({ type: 'conversation.item.delete', item_id: 'none' })
    expect(await client.next('conversation.created')).toMatchObject({ conversation: { id: 'conv_x' }, event_id: expect.stringMatching(/^event_/) })
    expect((await client.closed()).code).toBe(4321)
    expect(client.events.filter((event) => event.type === 'input_audio_buffer.cleared')).toHaveLength(1)
  })
})

describe('steps', () => {
  it('fail a response, and end a session in its middle', async () => {
    const client = await open({
      answers: [
        { on: { says: 'fail' }, reply: [{ say: 'Half' }, { wait: 1 }, { fail: 'inference_rate_limit_exceeded' }] },
        { on: { says: 'end' }, reply: [{ say: 'Goodbye' }, { end: { how: 'close', code: 1011, reason: 'scripted' } }] },
      ],
    })
    client.send(userText('fail'))
    client.send({ type: 'response.create' })
    expect((await client.next('response.done')).response).toMatchObject({
      status: 'failed',
      status_details: { error: { code: 'inference_rate_limit_exceeded' } },
      output: [{ content: [{ text: 'Half' }] }],
    })
    client.send(userText('end'))
    client.send({ type: 'response.create' })
    expect(await client.closed()).toEqual({ code: 1011, reason: 'scripted' })
  })

  it('switch faults', async () => {
    const client = await open({ answers: [{ on: { says: 'close the door' }, reply: [{ faults: { refuse: { status: 503 } } }] }] })
    await answer(client, 'close the door')
    expect(await (await fetch(`${simulator.url}/_simulator/faults`)).json()).toEqual({ refuse: { status: 503 } })
  })

  it('play a WAV file with its transcript, resampled', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'script-'))
    const sound = tone(400).subarray(0, 400 * 24)
    const head = Buffer.alloc(44)
    head.write('RIFF')
    head.writeUInt32LE(36 + sound.length, 4)
    head.write('WAVEfmt ', 8)
    head.writeUInt32LE(16, 16)
    for (const [value, at] of [
      [1, 20],
      [1, 22],
      [2, 32],
      [16, 34],
    ] as const)
      head.writeUInt16LE(value, at)
    head.writeUInt32LE(12_000, 24)
    head.write('data', 36)
    head.writeUInt32LE(sound.length, 40)
    writeFileSync(join(folder, 'hello.wav'), Buffer.concat([head, sound]))
    writeFileSync(join(folder, 'answers.yaml'), 'answers:\n  - reply:\n      - audio: hello.wav\n        transcript: "Hello there, friend"\n')
    const client = await open(join(folder, 'answers.yaml'))
    client.send({ type: 'response.create', response: { output_modalities: ['audio'] } })
    const done = await client.next('response.done')
    expect(done.response).toMatchObject({ output: [{ content: [{ type: 'output_audio', transcript: 'Hello there, friend' }] }] })
    const bytes = client.events.filter((event) => event.type === 'response.output_audio.delta').map((event) => Buffer.from(String(event.delta), 'base64').length)
    expect(bytes.reduce((sum, one) => sum + one, 0)).toBe(400 * 48)
  })
})

it('hears what the script says, turn by turn, and the last one again', async () => {
  const client = await open({ hears: ['What is one?', 'And two?'], answers: [{ reply: [{ say: '{said}' }] }] })
  client.send(update({ audio: { input: { transcription: { model: 'gpt-4o-transcribe' } } } }))
  for (const words of ['What is one?', 'And two?', 'And two?']) {
    for (const event of appends(Buffer.concat([tone(400), tone(400, 0)]))) client.send(event)
    expect((await client.next('conversation.item.input_audio_transcription.completed')).transcript).toBe(words)
  }
})

it('is replaced while sessions run', async () => {
  const client = await open({ answers: [{ reply: [{ say: 'Old.' }] }] })
  expect(await answer(client, 'x')).toBe('Old.')
  simulator.setScript({ answers: [{ reply: [{ say: 'New.' }] }] })
  expect(await answer(client, 'x')).toBe('New.')
  expect(() => simulator.setScript({ answers: [{ reply: [{ shout: 'x' }] }] } as unknown as ScriptDocument)).toThrow('exactly one of')
  expect(await answer(client, 'x')).toBe('New.')
  simulator.setScript(undefined)
  expect(await answer(client, 'x')).toContain('You said')
})

describe('a mistake', () => {
  it.each([
    ['answers:\n  - on: {says: hi}\n    reply:\n      - shout: hi\n', 'a.yaml:4:9: ', "exactly one of 'say', 'audio'"],
    ['answers:\n  - on:\n      sayz: hi\n    reply: []\n', 'a.yaml:3:13: ', 'Unknown parameter'],
    ['answers:\n  - on: {says: hi}\n', 'a.yaml:2:5: ', 'Missing required parameter'],
    ['answers:\n  - reply: [{wait: soon}]\n', 'a.yaml:2:20: ', 'expected an integer'],
    ['answers:\n  - on: {says: "/(/"}\n    reply: []\n', 'a.yaml:2:16: ', 'nterminated'],
    ['answers:\n  - on: {event: response.create}\n    reply: [{say: hi}]\n', 'a.yaml:3:13: ', "'say' needs a response"],
    ['answers:\n  - reply: [{audio: gone.wav}]\n', 'a.yaml:2:21: ', 'no WAV file'],
    ['answers: [\n  - x\n', 'a.yaml:', ''],
    ['{"answers": [{"reply": [{"say": 7}]}]}', 'a.yaml:1:33: ', 'expected a string'],
    ['just words', 'a.yaml:1:1: ', 'an object'],
  ])('%j is told with line and column', (text, place, words) => {
    let told = ''
    try {
      parseScript(text, 'a.yaml', '.')
    } catch (error) {
      told = String((error as Error).message)
    }
    expect(told.startsWith(place) ? place : told).toBe(place)
    expect(told).toContain(words)
  })

  it('stops the start', async () => {
    await expect(startSimulator({ script: '/nowhere/answers.yaml' })).rejects.toThrow('/nowhere/answers.yaml cannot be read')
  })
})

it('has a schema that accepts what runs and refuses what does not', () => {
  const valid = new Ajv2020({ strict: false }).compile(scriptSchema())
  expect(
    valid({
      variables: { a: 1 },
      hears: ['x'],
      answers: [{ on: { says: ['x'] }, times: 2, reply: [{ say: 'x' }, { call: { name: 'f' } }, { end: { how: 'rst' } }, { wait: 3 }] }],
    }),
  ).toBe(true)
  expect(valid({ answers: [{ reply: [{ shout: 'x' }] }] })).toBe(false)
  expect(valid({ answers: [{ on: { sayz: 'x' }, reply: [] }] })).toBe(false)
  expect(valid({ answers: [{}] })).toBe(false)
})
