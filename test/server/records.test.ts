// Records of a real relay: nothing before consent, what was said and heard after it, encrypted if asked for, and nothing left lying in the spool.
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Decrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadConfig } from '../../src/config/load.js'
import { startSimulator } from '../../src/simulator/simulator.js'
import { checkTools } from '../../src/tools/check.js'
import { startCommand } from '../support/built-relay.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { type RunningRelay, runRelay, SECRET } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'

const SUBJECT_KEY = 'a key of the tests for digests of users'

/** The first thing that is spoken is heard as `weather`. */
const SCRIPT = {
  hears: ['weather'],
  answers: [
    { on: { result: 'get_weather' }, reply: [{ say: 'It rains there.' }] },
    { on: { says: 'weather' }, reply: [{ call: { name: 'get_weather', arguments: { city: 'Bergen' } } }] },
    { on: { says: 'hello' }, reply: [{ say: 'Good morning to you.' }] },
  ],
}

let folder: string
let relay: RunningRelay | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-records-'))
  for (const name of ['store-', 'spool-']) renameSync(mkdtempSync(join(folder, name)), join(folder, name.slice(0, -1)))
  writeFileSync(join(folder, 'profiles.json'), JSON.stringify({ default: { record: 'transcript', relayEvents: true } }))
})
afterEach(async () => {
  await relay?.close()
  relay = undefined
  rmSync(folder, { recursive: true })
})

function settings(): Record<string, string> {
  return { RECORDS_URL: join(folder, 'store'), RECORDS_SPOOL: join(folder, 'spool'), SUBJECT_KEY, PROFILES_FILE: join(folder, 'profiles.json') }
}

async function started(env: Record<string, string> = {}): Promise<RunningRelay> {
  relay = await runRelay({ env: { ...settings(), ...env } })
  return relay
}

async function stopped(): Promise<void> {
  await relay?.close()
  relay = undefined
}

async function connected(claims: Record<string, unknown> = {}): Promise<RealtimeClient> {
  const running = relay ?? (await started())
  const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('alice', claims))
  await client.next('session.created')
  return client
}

/** Names below the store, sorted. */
function stored(under = join(folder, 'store')): readonly string[] {
  return (
    readdirSync(under, { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile())
      .map((one) => join(one.parentPath, one.name).slice(under.length + 1)) as string[]
  ).sort()
}

function turns(): readonly Record<string, unknown>[] {
  const name = stored().find((one) => one.endsWith('turns.jsonl'))
  return readFileSync(join(folder, 'store', name ?? ''), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

function manifest(): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, 'store', stored().find((one) => one.endsWith('manifest.json')) ?? ''), 'utf8'))
}

async function left(client: RealtimeClient): Promise<void> {
  client.close()
  await client.closed()
  await stopped()
}

describe('consent', () => {
  it('is waited for: nothing is kept without it', async () => {
    const client = await connected()
    expect(await client.next('relay.recording')).toMatchObject({ state: 'waiting', keeps: 'transcript', remains: false })
    await client.ask('the words before')
    await left(client)
    expect(stored()).toEqual([])
    expect(stored(join(folder, 'spool'))).toEqual([])
  })

  it('given by an event holds from then on, and its withdrawal likewise', async () => {
    const client = await connected()
    await client.ask('the words before')
    client.send({ type: 'relay.recording.consent', granted: true })
    expect(await client.next('relay.recording', { from: client.events.length })).toMatchObject({ state: 'on' })
    await client.ask('the words between')
    client.send({ type: 'relay.recording.consent', granted: false })
    expect(await client.next('relay.recording', { from: client.events.length })).toMatchObject({ state: 'stopped', remains: true })
    await client.ask('the words after')
    await left(client)
    expect(turns()).toMatchObject([
      { turn: 1, who: 'user', text: 'the words between' },
      { turn: 2, who: 'assistant', item: expect.any(String), atMs: expect.any(Number) },
    ])
    expect(turns()).toHaveLength(2)
    expect(JSON.stringify(turns())).not.toMatch(/before|after/)
    expect(manifest()).toMatchObject({ end: 'complete', keeps: 'transcript', states: [{ state: 'on' }, { state: 'stopped' }] })
    expect(stored(join(folder, 'spool'))).toEqual([])
  })

  it('given by a claim holds from the start, under a name that says nothing', async () => {
    const client = await connected({ recording_consent: true })
    expect(await client.next('relay.recording')).toMatchObject({ state: 'on' })
    await client.ask('hello there')
    await left(client)
    expect(turns()[0]).toMatchObject({ who: 'user', text: 'hello there' })
    expect(stored().join()).toMatch(/^\d{4}-\d{2}-\d{2}\/[0-9a-f]{32}\/[^/,]+\/manifest\.json,/)
    expect(stored().join()).not.toContain('alice')
  })

  it('must be true or false, and is of no use in a session without a record', async () => {
    const client = await connected()
    client.send({ type: 'relay.recording.consent', granted: 'yes' })
    expect(await client.next('error')).toMatchObject({ error: { code: 'bad_event', param: 'granted' } })
    await left(client)
    writeFileSync(join(folder, 'profiles.json'), JSON.stringify({ default: { relayEvents: true } }))
    const other = await connected()
    other.send({ type: 'relay.recording.consent', granted: true })
    expect(await other.next('error')).toMatchObject({ error: { code: 'event_not_allowed' } })
    expect(other.events.some(({ type }) => type === 'relay.recording')).toBe(false)
    await left(other)
  })

  it('by announcement: the model says first that it is recorded', async () => {
    await started({ RECORDS_CONSENT: 'announce', RECORDS_ANNOUNCEMENT: 'We record this.' })
    const client = await connected()
    const { response } = (await client.next('response.done')) as unknown as { response: { output: readonly { content: unknown }[] } }
    expect(response.output).toHaveLength(1)
    await left(client)
    expect(turns()[0]).toMatchObject({ turn: 1, who: 'assistant' })
  })
})

describe('what is kept', () => {
  it('is readable by the recipients alone', async () => {
    const identity = await generateIdentity()
    await started({ RECORDS_RECIPIENTS: await identityToRecipient(identity) })
    const client = await connected({ recording_consent: true })
    await client.ask('a word in confidence')
    await left(client)
    const name = stored().find((one) => one.endsWith('turns.jsonl.age')) ?? ''
    const sealed = readFileSync(join(folder, 'store', name))
    expect(sealed.toString('latin1')).not.toContain('confidence')
    const decrypter = new Decrypter()
    decrypter.addIdentity(identity)
    expect(await decrypter.decrypt(sealed, 'text')).toContain('a word in confidence')
    expect(stored().some((one) => one.endsWith('.jsonl'))).toBe(false)
  })

  it('has no match of a pattern that a guard of its profile redacts, whatever the guard’s mode', async () => {
    const run = { patterns: { redact: [{ pattern: '\\b\\d(?:[ -]?\\d){12,18}\\b', replacement: '[card]' }] } }
    await started({ GUARDS: JSON.stringify([{ name: 'cards', on: ['output'], mode: 'observe', run }]) })
    const client = await connected({ recording_consent: true })
    await client.ask('Charge 4111 1111 1111 1111 please.')
    await left(client)
    expect(turns()[0]).toMatchObject({ who: 'user', text: 'Charge [card] please.' })
    expect(JSON.stringify(turns())).not.toMatch(/\d{4} \d{4}/)
  })

  it('says how much of a truncated answer was heard, and which tools ran without what they were given', async () => {
    relay = await runRelay({ env: { ...settings(), SESSION: JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' } } } }) }, simulator: { script: SCRIPT } })
    const client = await connected({ recording_consent: true })
    const from = client.events.length
    for (const audio of appendable(tone(600), silence(900))) client.send({ type: 'input_audio_buffer.append', audio })
    await client.next('response.done', { from })
    await client.ask('hello')
    const answers = client.events.filter(({ type }) => type === 'response.output_audio_transcript.done') as unknown as { item_id: string; content_index: number }[]
    const last = answers.at(-1)
    expect(last).toBeDefined()
    client.send({ type: 'conversation.item.truncate', item_id: last?.item_id, content_index: 0, audio_end_ms: 0 })
    await client.next('conversation.item.truncated')
    await left(client)
    expect(turns().find(({ item }) => item === last?.item_id)).toMatchObject({ heard: 'none', heardMs: 0, heardText: '', by: 'truncated' })
    expect(turns()).toContainEqual(expect.objectContaining({ who: 'user', text: 'weather' }))
    expect(turns()).toContainEqual(expect.objectContaining({ who: 'assistant', text: 'It rains there.', heard: expect.stringMatching(/all|part|none/) }))
    expect(turns().filter(({ who }) => who === 'tool')).toMatchObject([{ tool: 'get_weather', outcome: 'ok' }])
    expect(JSON.stringify(turns().filter(({ who }) => who === 'tool'))).not.toMatch(/Bergen|sunny/)
  })

  it('leaves out what follows a tool that pauses it, until the answer was given', async () => {
    const parameters = { type: 'object', properties: { city: { type: 'string' } } }
    relay = await runRelay({
      env: settings(),
      simulator: { script: SCRIPT },
      tools: (url) => [{ type: 'function', name: 'get_weather', parameters, run: { http: { method: 'POST', url: `${url}/weather` }, pauseRecording: true } }],
    })
    const client = await connected({ recording_consent: true })
    for (const text of ['weather', 'hello']) await client.ask(text)
    await left(client)
    expect(turns().map(({ text, tool }) => text ?? tool)).toEqual(['weather', 'get_weather', 'hello', 'Good morning to you.'])
    expect(manifest()).toMatchObject({ states: [{ state: 'on' }, { state: 'paused' }, { state: 'on' }] })
  })

  it('waits while the store is away, and goes there when it is back, also by the next process', async () => {
    renameSync(join(folder, 'store'), join(folder, 'store.away'))
    await expect(started()).rejects.toThrow('RECORDS_URL names no folder')
    renameSync(join(folder, 'store.away'), join(folder, 'store'))
    await started()
    renameSync(join(folder, 'store'), join(folder, 'store.away'))
    writeFileSync(join(folder, 'store'), 'no folder')
    await left(await connected({ recording_consent: true }).then(async (client) => ask(client, 'kept for later')))
    expect(stored(join(folder, 'spool')).filter((name) => name.endsWith('turns.jsonl'))).toHaveLength(1)
    rmSync(join(folder, 'store'))
    renameSync(join(folder, 'store.away'), join(folder, 'store'))
    await started()
    await vi.waitFor(() => expect(turns()[0]).toMatchObject({ text: 'kept for later' }), 5000)
    await stopped()
    expect(existsSync(join(folder, 'spool')) && stored(join(folder, 'spool'))).toEqual([])
  })
})

async function ask(client: RealtimeClient, text: string): Promise<RealtimeClient> {
  await client.ask(text)
  return client
}

describe('the settings of records', () => {
  it.each([
    [{ RECORDS_URL: '' }, 'record is transcript and RECORDS_URL is missing'],
    [{ RECORDS_SPOOL: '' }, 'RECORDS_SPOOL is missing'],
    [{ SUBJECT_KEY: '' }, 'SUBJECT_KEY is missing'],
    [{ RECORDS_RECIPIENTS: 'age1no' }, 'RECORDS_RECIPIENTS entry 1 must be an age public key'],
    [{ RECORDS_URL: 's3://x/' }, 'RECORDS_URL must name a bucket'],
    [{ RECORDS_URL: 'http://example.com/hook' }, 'RECORDS_URL must be https'],
    [{ RECORDS_RECIPIENTS: `age1${'q'.repeat(58)}` }, 'RECORDS_RECIPIENTS has an entry that is no age public key'],
    [{ RECORDS_CONSENT: 'maybe' }, 'RECORDS_CONSENT must be one of'],
  ])('%j is a mistake at the start', async (env, problem) => {
    await expect(started(env as Record<string, string>)).rejects.toThrow(problem)
  })
})

describe('a process that is killed', () => {
  it('leaves what was said in the spool, and the next process brings it to the store', async () => {
    const simulator = await startSimulator({ apiKey: 'key', deployments: ['dep'], speed: Number.POSITIVE_INFINITY })
    const env = {
      ...{ HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0', JWT_SECRET: SECRET, AZURE_OPENAI_ENDPOINT: simulator.url, AZURE_OPENAI_DEPLOYMENT: 'dep', AZURE_OPENAI_API_KEY: 'key' },
      ...{ RECORDS_URL: join(folder, 'store'), RECORDS_SPOOL: join(folder, 'spool'), RECORDS_CONSENT: 'none', SUBJECT_KEY, PROFILES_FILE: join(folder, 'profiles.json') },
    }
    const command = await startCommand([], { env })
    try {
      const [, url = ''] = await command.says(/"url":"http(:[^"]+)"/)
      const client = await connectClient(`ws${url}/v1/realtime`, await mintToken(loadConfig(checkTools, env).auth, { subject: 'alice', ttlSeconds: 600, claims: {} }))
      await client.next('session.created')
      await client.ask('said before the end')
      await vi.waitFor(() => expect(stored(join(folder, 'spool')).some((name) => name.endsWith('manifest.json'))).toBe(true), 10_000)
      command.child.kill('SIGKILL')
      await command.ended
      expect(stored()).toEqual([])
      // As a minute later.
      const [home = ''] = readdirSync(join(folder, 'spool'))
      utimesSync(join(folder, 'spool', home, 'alive'), new Date(), new Date(Date.now() - 120_000))
      await started()
      await vi.waitFor(() => expect(stored().some((name) => name.endsWith('manifest.json'))).toBe(true), 5000)
      expect(turns()[0]).toMatchObject({ who: 'user', text: 'said before the end' })
      expect(manifest()).toMatchObject({ end: 'lost' })
    } finally {
      await command.stop()
      await simulator.close()
    }
  }, 60_000)
})
