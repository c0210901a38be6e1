// GUARDS and what profiles say of them: defaults, every mistake at once, and guards that could do nothing.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/config-error.js'
import { configWarnings, describeConfig } from '../../src/config/describe.js'
import { loadConfig } from '../../src/config/load.js'
import { checkTools } from '../../src/tools/check.js'

const least = { AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'd', AZURE_OPENAI_API_KEY: 'k', JWT_SECRET: 'x'.repeat(32) }
const TRANSCRIBED = { audio: { input: { transcription: { model: 'whisper-1' } } } }
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-guards-'))
  writeFileSync(join(folder, 'ours.mjs'), 'export const check = () => ({ blocked: false })')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function load(guards: unknown, { profiles, ...env }: { profiles?: unknown; [name: string]: unknown } = {}) {
  if (profiles !== undefined) writeFileSync(join(folder, 'profiles.json'), JSON.stringify(profiles))
  return loadConfig(
    checkTools,
    {
      ...least,
      ...(guards !== undefined && { GUARDS: JSON.stringify(guards) }),
      ...(profiles !== undefined && { PROFILES_FILE: 'profiles.json' }),
      ...(env as Record<string, string>),
    },
    { mode: 'serve', cwd: folder },
  )
}
function mistakes(guards: unknown, rest: Parameters<typeof load>[1] = {}): readonly string[] {
  try {
    load(guards, rest)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
const patterns = (change: object = {}) => ({ name: 'cards', on: ['output'], run: { patterns: { deny: ['\\d{13,19}'] } }, ...change })
const azure = (change: object = {}, run: object = {}) => ({
  name: 'safety',
  on: ['output'],
  run: { azure: { endpoint: 'https://s.cognitiveservices.azure.com', apiKey: 'k2', ...run } },
  ...change,
})

describe('GUARDS', () => {
  it('reads each kind, with careful defaults', () => {
    const { guards } = load(
      [
        {
          name: 'cards',
          on: ['output', 'tool_output'],
          run: { patterns: { deny: ['a+b', { pattern: 'bomb', category: 'weapons' }], redact: [{ pattern: '\\d{13,19}', replacement: '#' }, 'x{3}'], ignoreCase: true } },
        },
        {
          name: 'ours',
          on: ['output'],
          mode: 'observe',
          timeoutMs: 300,
          whenUnsure: 'pass',
          run: { http: { url: 'https://guard.internal/${PLACE}', headers: { authorization: 'Bearer ${GUARD_KEY}' }, subject: true } },
        },
        { name: 'module', on: ['tool_arguments'], mode: 'gate', run: { module: './ours.mjs' } },
        azure({}, { severity: 2, blocklists: ['names'] }),
        { name: 'shield', on: ['tool_output'], run: { azure: { endpoint: 'http://localhost:8080', entra: true, promptShield: true, categories: { Hate: 6 } } } },
      ],
      { PLACE: 'check', GUARD_KEY: 'k1' },
    )
    expect(guards.map(({ name, mode, timeoutMs, whenUnsure }) => [name, mode, timeoutMs, whenUnsure])).toEqual([
      ['cards', 'hold', 800, 'block'],
      ['ours', 'observe', 300, 'pass'],
      ['module', 'gate', 800, 'block'],
      ['safety', 'hold', 800, 'block'],
      ['shield', 'hold', 800, 'block'],
    ])
    expect(guards[0]?.run).toEqual({
      kind: 'patterns',
      deny: [
        { pattern: 'a+b', category: 'pattern' },
        { pattern: 'bomb', category: 'weapons' },
      ],
      redact: [
        { pattern: '\\d{13,19}', category: 'pattern', replacement: '#' },
        { pattern: 'x{3}', category: 'pattern', replacement: '[removed]' },
      ],
      ignoreCase: true,
    })
    expect(guards[1]?.run).toMatchObject({ kind: 'http', url: new URL('https://guard.internal/check'), subject: true })
    expect(guards[1]?.run.kind === 'http' && guards[1].run.headers.authorization?.reveal()).toBe('Bearer k1')
    expect(guards[2]?.run).toEqual({ kind: 'module', file: join(folder, 'ours.mjs') })
    expect(guards[3]?.run).toMatchObject({
      kind: 'azure',
      categories: { Hate: 2, SelfHarm: 2, Sexual: 2, Violence: 2 },
      blocklists: ['names'],
      promptShield: false,
      apiVersion: '2024-09-01',
    })
    expect(guards[4]?.run).toMatchObject({ apiKey: undefined, categories: { Hate: 6 }, promptShield: true, scope: 'https://cognitiveservices.azure.com/.default' })
  })

  it('names every mistake at once', () => {
    const found = mistakes([
      7,
      { on: [], mode: 'stop', timeoutMs: 1, whenUnsure: 'maybe', run: {}, extra: 1 },
      { name: 'a b', on: ['output', 'everything'], run: { http: { url: 'ftp://x' }, module: 'x' } },
      { name: 'twice', on: ['output'], run: { module: './absent.mjs' } },
      { name: 'twice', on: ['output'], run: { patterns: { deny: ['(?=hunter2)', '', 7, { category: 'Big' }, 'a*'], redact: 'x' } } },
      patterns({ name: 'empty', run: { patterns: {} } }),
      patterns({ name: 'gate', mode: 'gate' }),
      azure({ name: 'az' }, { endpoint: 'http://not-loopback', entra: true, apiVersion: 'v1', severity: 9, categories: ['Rude'], promptShield: true }),
      azure({ name: 'nothing' }, { categories: [] }),
      azure({ name: 'shield', on: ['input', 'output'] }, { categories: [], promptShield: true }),
      { name: 'http', on: ['output'], run: { http: { url: 'http://u:p@h', headers: { x: '${ABSENT}' } } } },
    ]).join('\n')
    for (const words of [
      'GUARDS entry 1: must be an object',
      'entry 2: name is missing',
      'entry 2: on must be a list of input, output, tool_arguments, tool_output',
      'entry 2: mode must be one of observe, cut, hold, gate',
      'entry 2: timeoutMs must be a whole number from 50 to 10000',
      'entry 2: whenUnsure must be one of pass, block',
      'entry 2: run must have one of patterns, http, module, azure',
      'entry 2: has unknown fields: "extra"',
      'entry 3 ("a b"): name must be',
      'entry 3 ("a b"): on must be',
      'entry 3 ("a b"): run must have one of',
      'entry 4 ("twice"): run module names "./absent.mjs", which is not a file',
      'entry 5 ("twice"): has a name that an earlier entry has',
      'run patterns deny 1 is no pattern of RE2',
      'run patterns deny 2 must be a pattern',
      'run patterns deny 3 must be a pattern',
      'run patterns deny 4 category must be a word',
      'run patterns deny 5 matches an empty text',
      'redact must be a list of patterns',
      'entry 6 ("empty"): run patterns deny or redact is needed',
      'entry 7 ("gate"): mode gate is for what the model has not answered yet',
      'endpoint must be https',
      'apiKey and entra are both set',
      'apiVersion must be a dated version',
      'severity must be a severity from 1 to 7',
      'categories names "Rude"',
      'promptShield reads "input" and "tool_output", and this guard is on neither',
      'entry 9 ("nothing"): run azure categories is empty, and there are neither',
      'entry 10 ("shield"): run azure categories is empty, and promptShield reads neither',
      'run http url must be an http or https URL without a user name',
      'needs the variable ABSENT, which is not set',
    ])
      expect(found).toContain(words)
    expect(found).not.toContain('hunter2')
    expect(mistakes({})).toEqual(['GUARDS must be a JSON list of at most 32 guards'])
    expect(mistakes(Array.from({ length: 33 }, (_, index) => patterns({ name: `g${index}` })))).toEqual(['GUARDS must be a JSON list of at most 32 guards'])
    expect(mistakes([patterns({ run: { patterns: { deny: Array.from({ length: 6 }, () => 'x{1000}[a-z]{900}') } } })]).join()).toContain('are too big together')
  })
})

describe('the guards of a profile', () => {
  const guards = [patterns(), patterns({ name: 'names', mode: 'cut', whenUnsure: 'pass' })]
  const all = [
    { name: 'cards', on: ['output'], mode: 'hold', whenUnsure: 'block' },
    { name: 'names', on: ['output'], mode: 'cut', whenUnsure: 'pass' },
  ]

  it('are all of GUARDS in order if it names none, and those that it names in its own order', () => {
    const { profiles } = load(guards, {
      profiles: {
        free: { guards: [] },
        careful: { guards: ['names', 'cards'], blockedLine: 'Say that you may not.', blockedMessage: 'Not here.', maxBlocks: 2, tellModel: true },
        plain: {},
      },
    })
    expect(profiles.default?.guards).toEqual({ guards: all, tellsModel: false, maxBlocks: 5 })
    expect(profiles.plain?.guards).toMatchObject({ guards: all, tellsModel: false, maxBlocks: 5 })
    expect(profiles.free?.guards).toBeUndefined()
    expect(profiles.careful?.guards).toEqual({ guards: all.toReversed(), blockedLine: 'Say that you may not.', blockedMessage: 'Not here.', maxBlocks: 2, tellsModel: true })
    expect(load(undefined).profiles.default?.guards).toBeUndefined()
  })

  it('are refused with every mistake', () => {
    const found = mistakes(guards, { profiles: { a: { guards: ['absent', 'cards', 'cards'], blockedLine: ' ', maxBlocks: 0 }, b: { guards: [], blockedMessage: 'x' } } }).join('\n')
    for (const words of [
      'guards names "absent", which GUARDS does not have',
      'guards names "cards" twice',
      'blockedLine must have 1 to 500',
      'maxBlocks must be',
      'blockedMessage says nothing in a profile without guards',
    ])
      expect(found).toContain(words)
  })

  it('read what the user says only with a transcription that the client cannot change', () => {
    const onInput = [patterns({ on: ['input', 'output'] })]
    expect(mistakes(onInput)).toEqual([expect.stringContaining('"cards" reads what the user says, and session audio.input.transcription is not set')])
    expect(mistakes(onInput, { SESSION: JSON.stringify(TRANSCRIBED) })).toEqual([])
    expect(mistakes(onInput, { SESSION: JSON.stringify(TRANSCRIBED), CLIENT_MAY_SET: 'audio.input.transcription' })).toEqual([expect.stringContaining('lets the client change')])
    expect(mistakes(onInput, { profiles: { default: { guards: [] }, a: { session: TRANSCRIBED } } })).toEqual([])
  })

  it('hold nothing where sound goes past the relay', () => {
    expect(mistakes([patterns()], { WEBRTC: 'media-only' })).toEqual([expect.stringContaining('the sound of WebRTC calls goes past the relay')])
    expect(mistakes([patterns({ mode: 'cut' })], { WEBRTC: 'media-only' })).toEqual([])
    const bySip = { SIP_WEBHOOK_SECRET: `whsec_${Buffer.from('s'.repeat(32)).toString('base64')}`, PUBLIC_URL: 'https://relay.example.com', TELEPHONY_PROFILE: '{"*":"default"}' }
    expect(mistakes([patterns()], bySip)).toEqual([expect.stringContaining('the sound of calls by SIP goes past the relay')])
    expect(mistakes([patterns({ mode: 'cut' })], bySip)).toEqual([])
  })

  it('name users only with a secret that all relays share', () => {
    const http = [{ name: 'ours', on: ['output'], run: { http: { url: 'https://g.test', subject: true } } }]
    const shareNothing = { AZURE_OPENAI_API_KEY: '', JWT_SECRET: '', JWKS_URL: 'https://i.test/keys', JWT_ISSUER: 'https://i.test', JWT_AUDIENCE: 'a' }
    expect(mistakes(http, shareNothing)).toEqual([expect.stringContaining('CALLS_SECRET is missing: the guard "ours" names users by a digest')])
    expect(mistakes(http, { ...shareNothing, CALLS_SECRET: 'c'.repeat(32) })).toEqual([])
  })
})

describe('a description of guards', () => {
  it('has no pattern and no secret, and warns of plain http and of a guard that nobody has', () => {
    const config = load(
      [
        patterns({ run: { patterns: { deny: ['hunter2'] } } }),
        azure({}, { apiKey: 'hunter2' }),
        { name: 'plain', on: ['output'], run: { http: { url: 'http://g.test/hunter2', headers: { k: 'hunter2' } } } },
      ],
      { profiles: { default: { guards: ['cards', 'plain'] } } },
    )
    const text = JSON.stringify([describeConfig(config), JSON.stringify(config.guards[1]), JSON.stringify(config.guards[2]?.run.kind === 'http' && config.guards[2].run.headers)])
    expect(text).toContain('guard safety')
    expect(text).not.toContain('hunter2')
    expect(configWarnings(config)).toEqual(expect.arrayContaining(['Guards that no profile has: safety', 'Guards reached over plain http: plain']))
  })
})
