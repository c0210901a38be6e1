// Record mode: a script of what a real upstream said, without a credential in it, and its replay.
import { mkdtempSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { parse } from 'yaml'
import type { JsonObject, RealtimeEvent } from '../../src/core/protocol/events.js'
import { simulateCommand } from '../../src/simulator/command.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { createTranscript } from '../../src/simulator/transcript.js'
import { appends, type Client, connect, tone, userText } from './client.js'

const KEY = 'sk-canary-of-the-real-upstream'
const TOOL = { type: 'function', name: 'get_weather', description: 'x', parameters: { type: 'object', properties: { city: { type: 'string' } } } }
const DOORS = {
  ga: { path: '/openai/v1/realtime?model=voice', session: { type: 'realtime', output_modalities: ['text'] } },
  preview: { path: '/openai/realtime?api-version=2025-04-01-preview&deployment=voice', session: { modalities: ['text'] } },
  'voice-live': { path: '/voice-live/realtime?api-version=2025-10-01&model=voice', session: { modalities: ['text'] } },
} as const

let upstream: Simulator
let file: string
beforeEach(async () => {
  file = join(mkdtempSync(join(tmpdir(), 'record-')), 'recorded.yaml')
  upstream = await startSimulator({
    apiKey: KEY,
    deployments: ['voice'],
    speed: Number.POSITIVE_INFINITY,
    script: {
      hears: ['Are you there?'],
      answers: [
        { on: { says: 'weather' }, reply: [{ say: 'One moment.' }, { call: { name: 'get_weather', arguments: { city: 'Oslo' } } }] },
        { on: { result: '*' }, reply: [{ say: 'It snows.' }] },
        { on: { says: 'there' }, reply: [{ say: 'I am.' }] },
        { on: { says: 'again' }, times: 1, reply: [{ say: 'First time.' }] },
        { on: { says: 'again' }, reply: [{ fail: 'server_error' }] },
      ],
    },
  })
})
afterEach(() => upstream.close())

/** One conversation, and everything that the model said in it. */
async function talk(client: Client, session: object): Promise<string[]> {
  const said: string[] = []
  const hear = async () => {
    const response = (await client.next('response.done')).response as { output: JsonObject[]; status: string }
    said.push(response.output.map((item) => String(((item.content ?? []) as JsonObject[])[0]?.text ?? `${item.name} ${item.arguments}`)).join(' | ') || response.status)
    return response
  }
  client.send({ type: 'session.update', session: { ...session, tools: [TOOL] } })
  await client.next('session.updated')
  client.send(userText('The weather in {Oslo}, please'))
  client.send({ type: 'response.create' })
  const call = (await hear()).output.find((item) => item.type === 'function_call')
  client.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call?.call_id, output: 'snow' } })
  client.send({ type: 'response.create' })
  await hear()
  for (const event of appends(Buffer.concat([tone(400), tone(700, 0)]))) client.send(event)
  await hear()
  for (let i = 0; i < 2; i++) {
    client.send(userText('and again'))
    client.send({ type: 'response.create' })
    await hear()
  }
  client.close()
  await client.closed()
  return said
}

describe.each(Object.entries(DOORS))('%s', (_name, { path, session }) => {
  it('is recorded, and its replay says the same', async () => {
    const recorder = await simulateCommand(['--upstream', upstream.url, '--record', file], () => undefined)
    const said = await talk(await connect(recorder, path, { 'api-key': KEY }), session)
    expect(said).toEqual(['One moment. | get_weather {"city":"Oslo"}', 'It snows.', 'I am.', 'First time.', 'failed'])
    await recorder.close()

    const text = readFileSync(file, 'utf8')
    expect(text).not.toContain(KEY)
    expect(text).not.toContain('canary')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const replayed = await startSimulator({ speed: Number.POSITIVE_INFINITY, script: file, heardText: 'Are you there?' })
    const client = await connect(replayed, path, { 'api-key': 'any' })
    // A transcription was not asked for, so the recorder never read what was said.
    expect(parse(text).hears).toEqual([''])
    expect((await talk(client, session)).filter((_, index) => index !== 2)).toEqual(said.filter((_, index) => index !== 2))
    await replayed.close()
  })
})

it('passes a refusal and an end on', async () => {
  const recorder = await simulateCommand(['--upstream', upstream.url, '--record', file], () => undefined)
  const refused = new WebSocket(recorder.url.replace('http', 'ws') + DOORS.ga.path, { headers: { 'api-key': 'wrong' } })
  refused.on('error', () => undefined)
  expect(await new Promise((resolve) => refused.on('unexpected-response', (_request, response) => resolve(response.statusCode)))).toBe(401)
  const client = await connect(recorder, DOORS.ga.path, { 'api-key': KEY })
  await client.next('session.created')
  upstream.setFaults({ end: { how: 'close', code: 4242, reason: 'told so', at: 'now' } })
  expect(await client.closed()).toEqual({ code: 4242, reason: 'told so' })
  await recorder.close()
  const gone = await simulateCommand(['--upstream', 'http://127.0.0.1:9', '--record', file], () => undefined)
  const lost = new WebSocket(gone.url.replace('http', 'ws') + DOORS.ga.path, { headers: { 'api-key': KEY } })
  lost.on('error', () => undefined)
  expect(await new Promise((resolve) => lost.on('unexpected-response', (_request, response) => resolve(response.statusCode)))).toBe(502)
  await gone.close()
})

it('reads a spoken turn by its transcription, also if that comes after the answer', () => {
  const transcript = createTranscript('ga')
  const server = (event: RealtimeEvent) => transcript.passed('server', event)
  server({ type: 'conversation.item.added', item: { id: 'i', type: 'message', role: 'user', content: [{ type: 'input_audio', transcript: null }] } })
  server({ type: 'response.created', response: { id: 'r', conversation_id: 'c' } })
  server({ type: 'response.done', response: { id: 'r', conversation_id: 'c', output: [{ type: 'message', content: [{ type: 'output_audio', transcript: 'Yes.' }] }] } })
  server({ type: 'response.done', response: { id: 'aside', conversation_id: null, output: [{ type: 'message', content: [{ type: 'output_text', text: 'Aside.' }] }] } })
  server({ type: 'conversation.item.input_audio_transcription.completed', item_id: 'i', transcript: 'Hello?' })
  expect(transcript.document()).toEqual({ hears: ['Hello?'], answers: [{ on: { says: 'Hello?' }, reply: [{ say: 'Yes.' }] }] })
})

it.each([
  [['--record', 'x.yaml'], 'belong together'],
  [['--record-events', 'x.jsonl'], '--record-events belongs to'],
  [['--upstream', 'nonsense', '--record', 'x.yaml'], '--upstream must be a URL'],
])('says which flag is wrong: %j', async (argv, words) => {
  await expect(simulateCommand(argv, () => undefined)).rejects.toThrow(words)
})
