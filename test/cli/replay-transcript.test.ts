// The command `replay` on a record that a relay wrote of a real session: what other guards, tools and profiles would have decided, and no words unasked.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand } from '../support/built-relay.js'
import { connectClient } from '../support/realtime-client.js'
import { runRelay, sampleTools } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'

const folder = mkdtempSync(join(tmpdir(), 'replay-transcript-'))
const SUBJECT_KEY = 'a key of the tests for digests of users'
const TRANSCRIBED = JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' }, turn_detection: { type: 'server_vad', silence_duration_ms: 300 } } } })
const script = {
  hears: ['canary weather'],
  answers: [
    { on: { result: 'get_weather' }, reply: [{ say: 'It rains there, and the canary is wet.' }] },
    { on: { says: 'weather' }, reply: [{ call: { name: 'get_weather', arguments: { city: 'Bergen' } } }] },
    { reply: [{ say: 'Good morning to you.' }] },
  ],
}
const file = (name: string, content: unknown): string => {
  writeFileSync(join(folder, name), JSON.stringify(content))
  return join(folder, name)
}

afterAll(() => rmSync(folder, { recursive: true }))

/** The path of the transcript of a session of a spoken turn with a tool, and a typed one with a card's number. */
async function recorded(name: string, env: Record<string, string> = {}): Promise<string> {
  const [store, spool] = ['store', 'spool'].map((kind) => join(folder, `${name}-${kind}`)) as [string, string]
  for (const dir of [store, spool]) mkdirSync(dir)
  const profiles = file(`${name}.json`, { default: { record: 'transcript', relayEvents: true } })
  const records = { RECORDS_URL: store, RECORDS_SPOOL: spool, RECORDS_CONSENT: 'none', SUBJECT_KEY, PROFILES_FILE: profiles, SESSION: TRANSCRIBED }
  const relay = await runRelay({ env: { ...records, ...env }, simulator: { script } })
  const client = await connectClient(`${relay.wsUrl}/v1/realtime`, await relay.token('alice'))
  await client.next('session.created')
  const from = client.events.length
  for (const audio of appendable(tone(600), silence(900))) client.send({ type: 'input_audio_buffer.append', audio })
  await client.next('response.done', { from })
  await client.ask('Charge 4111 1111 1111 1111 please, says the canary.')
  client.close()
  await client.closed()
  await relay.close()
  return join(
    store,
    readdirSync(store, { recursive: true })
      .map(String)
      .find((one) => one.includes('turns.jsonl')) ?? '',
  )
}

const CARDS = { name: 'cards', on: ['input', 'output'], run: { patterns: { redact: [{ pattern: '\\b\\d(?:[ -]?\\d){12,18}\\b', category: 'card', replacement: '[card]' }] } } }
const WET = { name: 'wet', on: ['output'], mode: 'cut', run: { patterns: { deny: [{ pattern: 'canary is (wet|dry)', category: 'birds' }] } } }
const OURS = { name: 'ours', on: ['output'], run: { http: { url: 'https://guard.nobody.example/check' } } }
const ENV = {
  JWT_SECRET: 'a secret of the replay test, 32 bytes or more',
  AZURE_OPENAI_ENDPOINT: 'https://nobody.openai.azure.com',
  AZURE_OPENAI_DEPLOYMENT: 'voice',
  AZURE_OPENAI_API_KEY: 'canary-key',
  RECORDS_URL: join(folder, 'plain-store'),
  RECORDS_SPOOL: join(folder, 'plain-spool'),
  SUBJECT_KEY,
  SESSION: TRANSCRIBED,
  TOOLS: JSON.stringify(sampleTools('https://tools.nobody.example').slice(0, 1)),
}
const RECORD = { record: 'transcript' }

describe('replay of a kept transcript', { timeout: 60_000 }, () => {
  let transcript: string
  beforeAll(async () => {
    transcript = await recorded('plain')
  })
  const replay = (profile: object, guards: readonly object[] = [], ...words: string[]) =>
    runCommand(['replay', transcript, '--profiles', file('new.json', { default: profile }), ...words], { env: { ...ENV, GUARDS: JSON.stringify(guards) } })

  it('0: the same, and what a transcript cannot tell', async () => {
    const lines = readFileSync(transcript, 'utf8').trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line).who)).toEqual(['user', 'tool', 'assistant', 'user', 'assistant'])
    const { code, output } = await replay(RECORD)
    expect(output).toMatch(/^a transcript: words and names of tools alone\. It cannot tell of settings, .*\nthe same: 5 lines\n$/)
    expect(code).toBe(0)
  })

  it('1: guards read its words, in their modes, and those that are no patterns are named and not asked', async () => {
    const { code, output } = await replay(RECORD, [CARDS, WET, OURS, { ...WET, name: 'seen', mode: 'observe' }])
    expect(output).toContain('not asked: guards that are no patterns, which are taken to find nothing (ours by http)\n')
    expect(output).toMatch(
      / s {2}line 3 {2}assistant\n {2}record {2}shown, heard: \w+\n {2}after {3}guard wet \(cut\) finds birds: the answer is blocked, 0 of its 38 characters were cleared\n {2}seen {4}guard seen/,
    )
    expect(output).toMatch(
      /line 4 {2}user\n {2}record {2}said\n {2}after {3}guard cards \(hold\) finds card: the words are redacted if they were typed, .*\n {2}after {3}kept in other words\n/,
    )
    expect(output).toContain('different: 2 of 5 lines\n')
    expect(output).not.toMatch(/4111|Bergen|rains|canary-key|is wet/)
    expect(code).toBe(1)
  })

  it('1: a tool that the profile has not, or no record at all', async () => {
    const { output, code } = await replay({ ...RECORD, tools: [] })
    expect(output).toMatch(/line 2 {2}tool\n {2}record {2}tool get_weather ran\n {2}after {3}tool get_weather does not run: it is not among the profile’s tools\n/)
    expect(code).toBe(1)
    const none = await replay({})
    expect(none.output).toContain('none of it is kept: the profile has no record\ndifferent: all of 5 lines\n')
    expect(none.code).toBe(1)
  })

  it('with --content the words as well', async () => {
    const { output } = await replay(RECORD, [CARDS], '--content')
    expect(output).toContain('kept in other words "Charge [card] please, says the canary."')
  })

  it('2: what is encrypted, changed, or compared with another profile', async () => {
    const sealed = await recorded('sealed', { RECORDS_RECIPIENTS: await identityToRecipient(await generateIdentity()) })
    const of = (path: string, ...words: string[]) => runCommand(['replay', path, '--profiles', file('same.json', {}), ...words], { env: ENV })
    expect(await of(sealed)).toMatchObject({ code: 2, output: expect.stringContaining('is encrypted: age -d') })
    writeFileSync(join(folder, 'changed.jsonl'), `${readFileSync(transcript, 'utf8')}{"turn":6,"who":"nobody","atMs":1}\n`)
    expect(await of(join(folder, 'changed.jsonl'))).toMatchObject({ code: 2, output: expect.stringContaining("line 6: 'who' must be user, assistant or tool.") })
    expect(await of(transcript, '--before', file('before.json', {}))).toMatchObject({ code: 2, output: expect.stringContaining('--before is of no use with a transcript') })
  })
})
