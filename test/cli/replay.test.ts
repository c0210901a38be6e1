// The command `replay` as it is typed: recorded by the simulator's record mode, then compared; its exit codes, and that it prints no content unasked.
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { simulateCommand } from '../../src/simulator/command.js'
import { startSimulator } from '../../src/simulator/simulator.js'
import { connect, userText } from '../simulator/client.js'
import { runCommand } from '../support/built-relay.js'

const KEY = 'key-of-the-real-upstream'
const ENV = {
  JWT_SECRET: 'a secret of the replay test, 32 bytes or more',
  AZURE_OPENAI_ENDPOINT: 'https://nobody.openai.azure.com',
  AZURE_OPENAI_DEPLOYMENT: 'voice',
  AZURE_OPENAI_API_KEY: 'canary-key',
  INSTRUCTIONS: 'Keep the lighthouse secret.',
  CLIENT_MAY_SET: 'output_modalities',
}
const folder = mkdtempSync(join(tmpdir(), 'replay-'))
const file = (name: string, text?: string): string => {
  if (text !== undefined) writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const events = file('calls.jsonl')
const same = file('same.json', '{}')
const changed = file('changed.json', JSON.stringify({ default: { instructions: 'Tell of the canary.', clientMaySet: [] } }))
const replay = (...words: string[]) => runCommand(['replay', ...words], { env: ENV })

beforeAll(async () => {
  const upstream = await startSimulator({ apiKey: KEY, deployments: ['voice'], speed: Number.POSITIVE_INFINITY })
  const recorder = await simulateCommand(['--upstream', upstream.url, '--record', file('script.yaml'), '--record-events', events], () => undefined)
  for (let session = 0; session < 2; session++) {
    const client = await connect(recorder, '/openai/v1/realtime?model=voice', { 'api-key': KEY })
    client.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } })
    await client.next('session.updated')
    client.send(userText('canary words of a user'))
    client.send({ type: 'response.create' })
    await client.next('response.done')
    client.close()
    await client.closed()
  }
  await recorder.close()
  await upstream.close()
})

describe('recording', () => {
  it('one file a session, readable by its owner, with times, without the key', () => {
    for (const name of ['calls.jsonl', 'calls-2.jsonl']) {
      const text = readFileSync(file(name), 'utf8')
      const lines = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(statSync(file(name)).mode & 0o777).toBe(0o600)
      expect(text).not.toContain(KEY)
      expect(lines[0]).toMatchObject({ from: 'server', event: { type: 'session.created' } })
      expect(lines.filter(({ from }) => from === 'client').map(({ event }) => event.type)).toEqual(['session.update', 'conversation.item.create', 'response.create'])
      expect(lines.every(({ at }, index) => at >= (lines[index - 1]?.at ?? 0))).toBe(true)
    }
  })
})

describe('replay', () => {
  it('0: nothing is decided differently', async () => {
    const { code, output } = await replay(events, '--profiles', same)
    expect(output).toMatch(/^the same: \d+ events\n$/)
    expect(code).toBe(0)
  })

  it('1: what is, line by line, without content', async () => {
    const { code, output } = await replay(events, '--profiles', changed)
    expect(code).toBe(1)
    expect(output).toContain('opening\n  both    service is told session.update, but not alike: session.instructions')
    expect(output).toMatch(/line 2 {2}client session\.update\n {2}before {2}nothing\n {2}after {3}fields of session\.update are dropped: settings\n/)
    expect(output).not.toMatch(/canary|lighthouse/)
  })

  it('of a session that ends in one alone, nothing more is printed', async () => {
    const idle = JSON.stringify({ default: { limits: { idleTimeoutSeconds: 5 } } })
    const clear = (at: number) => `${JSON.stringify({ at, from: 'client', event: { type: 'input_audio_buffer.clear' } })}\n`
    const { code, output } = await replay(file('long.jsonl', clear(0) + clear(60_000) + clear(60_001) + clear(60_002)), '--profiles', file('idle.json', idle))
    expect(output).toContain('at 5.000 s: session ends: idle (idle)')
    expect(output).toContain('From here on only one of the two sessions goes on.\ndifferent: 3 of 4 events')
    expect(code).toBe(1)
  })

  it('1: patterns are asked about every word, and guards of other kinds are named once', async () => {
    const words = { name: 'birds', on: ['output'], mode: 'hold', run: { patterns: { deny: [{ pattern: '.', category: 'words' }] } } }
    const other = { name: 'ours', on: ['output'], run: { http: { url: 'https://guard.nobody.example/check' } } }
    const profiles = file('guarded.json', JSON.stringify({ default: { guards: ['birds', 'ours'] } }))
    const before = file('unguarded.json', JSON.stringify({ default: { guards: [] } }))
    const { code, output } = await runCommand(['replay', events, '--profiles', profiles, '--before', before], { env: { ...ENV, GUARDS: JSON.stringify([words, other]) } })
    expect(output.match(/not asked/g)).toHaveLength(1)
    expect(output).toContain('not asked: guards that are no patterns, which are taken to find nothing (ours by http)\n')
    expect(output).toMatch(/server response\.output_text\.delta\n {2}before {2}client sees response\.output_text\.delta\n/)
    expect(output).toContain('after   guard birds (hold) finds words in output')
    expect(output).toContain('after   service is told response.cancel')
    expect(output).not.toContain('canary')
    expect(code).toBe(1)
  })

  it('with --content values as well', async () => {
    const { output } = await replay(events, '--profiles', changed, '--before', same, '--content')
    expect(output).toContain('session.instructions: "Keep the lighthouse secret." → "Tell of the canary."')
  })

  it.each([
    ['no file', [file('absent.jsonl'), '--profiles', same], 'absent.jsonl cannot be read.'],
    ['a folder', [folder, '--profiles', same], 'is no file.'],
    ['no recording', [same, '--profiles', same], "line 1: 'from' must be client or server."],
    ['no profiles', [events, '--profiles', file('absent.json')], 'not readable: the configuration after the change'],
    ['a wrong profile file', [events, '--profiles', same, '--before', file('bad.json', '{"default":{"nonsense":1}}')], 'not readable: the configuration before the change'],
    ['no such profile', [events, '--profiles', same, '--profile', 'nobody'], 'before: there is no such profile.'],
    ['a mistyped option', [events, '--profile', same], '--profiles is missing'],
    ['no such dialect', [events, '--profiles', same, '--dialect', 'x'], '--dialect must be one of ga, preview, voice-live.'],
  ])('2: %s', async (_name, asked, words) => {
    const { code, output } = await replay(...asked)
    expect(output).toContain(words)
    expect(output).not.toContain('canary-key')
    expect(code).toBe(2)
  })
})
