// A valid environment becomes the whole configuration, defaults and units included; nothing in it can be changed or printed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { configWarnings, describeConfig } from '../../src/config/describe.js'
import { loadAuthConfig, loadConfig } from '../../src/config/load.js'
import { checkTools } from '../../src/tools/check.js'

const folder = mkdtempSync(join(tmpdir(), 'relay-config-'))
afterAll(() => rmSync(folder, { recursive: true }))
const options = { mode: 'serve', cwd: folder } as const
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return name
}
/** As users write it: filled from the environment at start. */
const slot = (name: string) => `$\{${name}}`
const secret = 'a-shared-secret-of-more-than-32-bytes'
const least = { AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'voice', JWT_SECRET: secret }
const load = (env: Record<string, string> = {}) => loadConfig(checkTools, { ...least, ...env }, options)

it('counts the processors for WORKERS=auto', () => {
  expect(load({ WORKERS: 'auto', REDIS_URL: 'redis://localhost' }).workers).toBe(availableParallelism())
  expect(load({ WORKERS: '3', REDIS_URL: 'redis://localhost' }).workers).toBe(3)
})

describe('the least configuration', () => {
  const config = load()

  it('has an upstream with Entra ID and every default', () => {
    expect(config.upstreams).toEqual([
      {
        name: 'azure',
        provider: 'azure',
        endpoint: new URL('https://r.openai.azure.com'),
        deployment: 'voice',
        apiKey: undefined,
        entraScope: 'https://cognitiveservices.azure.com/.default',
        apiVersion: undefined,
        priority: 0,
        weight: 1,
      },
    ])
    expect(config).toMatchObject({ host: '0.0.0.0', port: 8080, logLevel: 'info', tls: undefined, allowedOrigins: undefined, redis: undefined, usageRetentionDays: 35 })
    expect(config).toMatchObject({ trustProxy: undefined, clientDialect: 'ga', forwardRateLimits: false, refuseAfterUpgrade: false, warmPoolSize: 0, workers: 1 })
    expect(config.admin).toEqual({ host: '127.0.0.1', port: 9090 })
    expect(config.auth).toMatchObject({ algorithms: ['HS256'], issuer: undefined, audience: undefined, clockToleranceMs: 5000, allowQueryToken: false })
    expect(config.limits).toMatchObject({ maxMessageBytes: 4 * 1024 * 1024, slowClientMs: 30_000 })
    expect(config.toolLimits).toEqual({
      timeoutMs: 10_000,
      maxBytes: 65_536,
      maxRounds: 8,
      maxConcurrent: 4,
      callsPerMinute: 60,
      approvalTimeoutMs: 30_000,
      logPayloads: false,
      identitySecret: undefined,
    })
    expect(config.profiles.default).toEqual({
      instructions: '',
      toolNames: undefined,
      session: {},
      clientMaySet: ['audio.output.voice', 'audio.input.turn_detection', 'output_modalities'],
      relayEvents: false,
      clientTools: false,
      limits: {},
    })
  })

  it('is frozen all the way down', () => {
    expect(Object.isFrozen(config)).toBe(true)
    expect(Object.isFrozen(config.limits)).toBe(true)
    expect(Object.isFrozen(config.profiles.default?.clientMaySet)).toBe(true)
  })

  it('warns about what is weak', () => {
    expect(configWarnings(config).join('\n')).toMatch(/REDIS_URL.*\n.*ALLOWED_ORIGINS.*\n.*JWT_ISSUER/)
  })
})

it('signs callers for tools that ask for it', () => {
  const tool = { type: 'function', name: 'x', run: { http: { url: 'https://tools.example.com/x', identity: 'jwt' } } }
  const { tools, toolLimits } = load({ TOOL_IDENTITY_SECRET: 'a secret between relay and tools, 32 bytes', TOOLS: JSON.stringify([tool]) })
  expect(tools).toMatchObject([{ run: { identity: 'jwt' } }])
  expect(toolLimits.identitySecret?.reveal()).toBe('a secret between relay and tools, 32 bytes')
  expect(() => load({ TOOL_IDENTITY_SECRET: 'short' })).toThrow(/TOOL_IDENTITY_SECRET/)
})

it('warns when the payloads of tools are logged', () => {
  expect(configWarnings(load()).join()).not.toContain('LOG_TOOL_PAYLOADS')
  expect(configWarnings(load({ LOG_TOOL_PAYLOADS: 'true' })).join()).toContain('LOG_TOOL_PAYLOADS is on')
})

describe('values', () => {
  it('take fractions of seconds and units of bytes', () => {
    const { limits, toolLimits } = load({
      IDLE_TIMEOUT_SECONDS: '1.5',
      TOOL_TIMEOUT_SECONDS: '.25',
      MAX_MESSAGE_BYTES: '65536',
      CLIENT_BUFFER_BYTES: '1.5 MiB',
      MESSAGES_PER_SECOND: '12.5',
    })
    expect(limits).toMatchObject({ idleTimeoutMs: 1500, maxMessageBytes: 65_536, clientBufferBytes: 1_572_864, messagesPerSecond: 12.5 })
    expect(toolLimits.timeoutMs).toBe(250)
  })

  it('are unset when empty, as docker compose passes them', () => {
    expect(load({ PORT: '', JWT_PUBLIC_KEY: ' ', REDIS_URL: '' })).toMatchObject({ port: 8080, redis: undefined })
  })

  it('come from files, without the line break at the end', () => {
    const config = loadConfig(
      checkTools,
      {
        AZURE_OPENAI_ENDPOINT: least.AZURE_OPENAI_ENDPOINT,
        AZURE_OPENAI_DEPLOYMENT: 'voice',
        JWT_SECRET_FILE: file('jwt', `${secret}\n`),
        INSTRUCTIONS_FILE: file('told', 'Be kind.\n'),
      },
      options,
    )
    expect(config.auth.key.kind === 'secret' && config.auth.key.secret.reveal()).toBe(secret)
    expect(config.profiles.default?.instructions).toBe('Be kind.')
  })

  it.each(['redis://h:6379/2', 'rediss://user:pw@h', 'redis+cluster://a:1,b:2', 'rediss+sentinel://:pw@a:26379,b/mymaster', 'redis://[::1]:6379'])('REDIS_URL %s', (url) => {
    expect(load({ REDIS_URL: url }).redis?.url.reveal()).toBe(url)
  })

  it('REDIS_URL with Entra ID', () => {
    const url = 'rediss://6497c918-11ad-41e7-1b0f-7c518a87d0b0@name.region.redis.azure.net:10000'
    const { redis } = load({ REDIS_URL: url, REDIS_ENTRA: 'true' })
    expect([redis?.url.reveal(), redis?.entra]).toEqual([url, true])
    expect(load({ REDIS_URL: 'rediss://user:pw@h' }).redis?.entra).toBe(false)
  })

  it('name origins and proxies exactly', () => {
    const config = load({ ALLOWED_ORIGINS: 'https://app.example.com, http://localhost:3000,capacitor://localhost', TRUST_PROXY: '10.0.0.0/8, loopback' })
    expect(config.allowedOrigins).toEqual(['https://app.example.com', 'http://localhost:3000', 'capacitor://localhost'])
    expect(config.trustProxy).toBe('10.0.0.0/8,loopback')
    expect(load({ TRUST_PROXY: 'false' }).trustProxy).toBe(false)
    expect(load({ CLIENT_MAY_SET: 'none' }).profiles.default?.clientMaySet).toEqual([])
  })
})

describe('what clients may set', () => {
  const opened = (text: string) => {
    const { clientMaySet, clientMaySetValues } = load({ CLIENT_MAY_SET: text }).profiles.default ?? {}
    return [clientMaySet, clientMaySetValues]
  }

  it.each<[string, readonly string[], Record<string, readonly string[]> | undefined]>([
    ['output_modalities', ['output_modalities'], undefined],
    ['audio.output.voice=alloy|marin, include', ['audio.output.voice', 'include'], { 'audio.output.voice': ['alloy', 'marin'] }],
    ['audio.output.voice.id= voice_1 | 7 ', ['audio.output.voice.id'], { 'audio.output.voice.id': ['voice_1', '7'] }],
    ['audio.output.speed=1.0|1.25', ['audio.output.speed'], { 'audio.output.speed': ['1', '1.25'] }],
    ['max_output_tokens=inf|500', ['max_output_tokens'], { max_output_tokens: ['inf', '500'] }],
    ['parallel_tool_calls=false', ['parallel_tool_calls'], { parallel_tool_calls: ['false'] }],
    ['output_modalities=text', ['output_modalities'], { output_modalities: ['text'] }],
    ['audio.input.turn_detection=null|semantic_vad', ['audio.input.turn_detection'], { 'audio.input.turn_detection': ['null', 'semantic_vad'] }],
    ['audio.input.format=audio/pcm|audio/pcmu', ['audio.input.format'], { 'audio.input.format': ['audio/pcm', 'audio/pcmu'] }],
    ['audio.input.transcription=whisper-1', ['audio.input.transcription'], { 'audio.input.transcription': ['whisper-1'] }],
    ['reasoning=low', ['reasoning'], { reasoning: ['low'] }],
    ['truncation=auto|retention_ratio', ['truncation'], { truncation: ['auto', 'retention_ratio'] }],
    ['audio.output.voice=alloy,audio.output.voice=marin', ['audio.output.voice'], { 'audio.output.voice': ['alloy', 'marin'] }],
    ['audio.output.voice=alloy,audio.output.voice', ['audio.output.voice'], undefined],
  ])('%s', (text, paths, values) => {
    expect(opened(text)).toEqual([paths, values])
  })

  it('a profile has its own, values included, or inherits both', () => {
    const config = load({
      CLIENT_MAY_SET: 'audio.output.voice=alloy',
      PROFILES_FILE: file('openings.json', JSON.stringify({ a: {}, b: { clientMaySet: ['audio.output.voice'] }, c: { clientMaySet: ['audio.output.voice=marin'] } })),
    })
    const values = (name: string) => config.profiles[name]?.clientMaySetValues
    expect(['a', 'b', 'c'].map(values)).toEqual([{ 'audio.output.voice': ['alloy'] }, undefined, { 'audio.output.voice': ['marin'] }])
    expect(describeConfig(config)).toContainEqual(['profile c', expect.stringContaining('clients may set: audio.output.voice=marin')])
  })
})

describe('upstreams', () => {
  it('OpenAI with its defaults', () => {
    const [upstream] = loadConfig(checkTools, { OPENAI_API_KEY: 'sk-x', JWT_SECRET: secret }, options).upstreams
    expect(upstream).toMatchObject({ provider: 'openai', deployment: 'gpt-realtime', endpoint: new URL('https://api.openai.com/v1') })
    expect(upstream?.apiKey?.reveal()).toBe('sk-x')
  })

  it('several, keys from the environment or from files', () => {
    const UPSTREAMS = JSON.stringify([
      { name: 'a', provider: 'azure', endpoint: 'https://a.example.com', deployment: 'd', apiKey: slot('KEY_A'), priority: 1, weight: 3 },
      { endpoint: 'http://localhost:1234', deployment: 'e', entra: true, apiVersion: '2025-04-01-preview' },
      { name: 'v', provider: 'voice-live', endpoint: 'https://v.example.com', deployment: 'm', entra: 'https://ai.azure.com/.default' },
      { name: 'o', provider: 'openai', deployment: 'gpt', apiKey: 'sk' },
    ])
    const { upstreams } = loadConfig(checkTools, { UPSTREAMS, JWT_SECRET: secret, KEY_A_FILE: file('key-a', 'kkk\n') }, options)
    expect(upstreams.map(({ name, provider, priority, weight, entraScope, apiVersion }) => [name, provider, priority, weight, entraScope, apiVersion])).toEqual([
      ['a', 'azure', 1, 3, 'https://cognitiveservices.azure.com/.default', undefined],
      ['e', 'azure', 0, 1, 'https://cognitiveservices.azure.com/.default', '2025-04-01-preview'],
      ['v', 'voice-live', 0, 1, 'https://ai.azure.com/.default', undefined],
      ['o', 'openai', 0, 1, 'https://cognitiveservices.azure.com/.default', undefined],
    ])
    expect(upstreams[0]?.apiKey?.reveal()).toBe('kkk')
    expect(upstreams[3]?.endpoint.href).toBe('https://api.openai.com/v1')
  })
})

describe('tools and profiles', () => {
  const TOOLS = JSON.stringify([
    {
      type: 'function',
      name: 'get_weather',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
      run: { http: { method: 'GET', url: `${slot('WEATHER')}/v1/{city}`, headers: { authorization: `Bearer ${slot('WEATHER_KEY')}` }, timeoutMs: 5000, idempotent: true } },
    },
    { type: 'function', name: 'lookup_order', description: 'x', run: { module: './orders.js#lookupOrder', onCancel: 'finish', background: true }, require_approval: 'client' },
    { type: 'function', name: 'show_on_screen', run: 'client' },
    { type: 'mcp', server_label: 'docs', url: 'https://mcp.internal/mcp', headers: { authorization: `Bearer ${slot('WEATHER_KEY')}` }, allowed_tools: ['search'] },
    { type: 'mcp', server_label: 'files', command: 'mcp-files', args: ['--ro'], env: { A: 'b' }, background: true, onCancel: 'finish' },
  ])
  file('orders.js', 'export const lookupOrder = () => ""')
  const profiles = {
    default: { instructions: 'Default.' },
    kiosk: {
      tools: ['get_weather', 'docs', 'search'],
      clientMaySet: [],
      relayEvents: true,
      clientTools: true,
      toolNoticeMs: 1500,
      toolFiller: 'Say that you are looking it up.',
      onCutAnswer: 'leave',
      minSpeechMs: 300,
      truncate: 'relay',
      limits: { maxSessionSeconds: 0.5, maxSessionsPerUser: 1 },
      session: { audio: { output: { voice: 'marin' } } },
    },
  }
  const config = load({
    TOOLS,
    WEATHER: 'http://weather.internal',
    WEATHER_KEY: 'wk',
    SESSION: JSON.stringify({ type: 'realtime', audio: { input: { transcription: { model: 'whisper-1', prompt: 'names' } } }, tracing: null }),
    PROFILES_FILE: file('profiles.json', JSON.stringify(profiles)),
  })

  it('fills the environment in', () => {
    expect(config.tools.map((tool) => tool.kind)).toEqual(['http', 'module', 'client', 'mcp', 'mcp'])
    const [weather, orders, , docs, files] = config.tools
    expect(config.tools.find((one) => one.kind === 'module')).toMatchObject({ handling: { onCancel: 'finish', background: true, approval: 'client' } })
    expect(files).toMatchObject({ handling: { onCancel: 'finish', background: true } })
    expect(docs).not.toHaveProperty('handling')
    expect(weather).toMatchObject({ run: { url: 'http://weather.internal/v1/{city}', timeoutMs: 5000, idempotent: true, denyPrivateAddresses: false } })
    expect(weather?.kind === 'http' && weather.run.headers.authorization?.reveal()).toBe('Bearer wk')
    expect(orders).toMatchObject({ file: join(folder, 'orders.js'), exportName: 'lookupOrder', timeoutMs: undefined })
    expect(docs).toMatchObject({ label: 'docs', allowedTools: ['search'], transport: { url: new URL('https://mcp.internal/mcp') } })
    expect(files).toMatchObject({ transport: { command: 'mcp-files', args: ['--ro'] }, allowedTools: undefined })
  })

  it('a profile inherits what it does not say', () => {
    expect(config.profiles.default).toMatchObject({ instructions: 'Default.', session: { tracing: null } })
    expect(config.profiles.kiosk).toEqual({
      own: expect.arrayContaining(['tools', 'limits', 'session']),
      instructions: '',
      toolNames: ['get_weather', 'docs', 'search'],
      session: { audio: { output: { voice: 'marin' } } },
      clientMaySet: [],
      relayEvents: true,
      clientTools: true,
      toolNoticeMs: 1500,
      toolFiller: 'Say that you are looking it up.',
      onCutAnswer: 'leave',
      interruption: { bargeIn: 'allow', minSpeechMs: 300, truncate: 'relay' },
      limits: { maxSessionMs: 500, maxSessionsPerUser: 1 },
    })
  })

  it('Voice Live sessions may hold fields of its own, but never instructions', () => {
    const UPSTREAMS = JSON.stringify([{ provider: 'voice-live', endpoint: 'https://v.example.com', deployment: 'm', entra: true }])
    const voiceLive = (session: object) => loadConfig(checkTools, { UPSTREAMS, JWT_SECRET: secret, SESSION: JSON.stringify(session) }, options)
    expect(
      voiceLive({ audio: { output: { voice: { type: 'azure-standard', name: 'en-US-AvaNeural' } } }, input_audio_echo_cancellation: {} }).profiles.default?.session,
    ).toHaveProperty('input_audio_echo_cancellation')
    expect(() => voiceLive({ instructions: 'x' })).toThrow('INSTRUCTIONS')
  })

  it('prints no secret', () => {
    const printed = [JSON.stringify(config), inspect(config, { depth: 9 }), JSON.stringify(describeConfig(config)), configWarnings(config).join()].join('\n')
    expect(printed).toContain('[secret]')
    expect(printed).not.toContain(secret)
    expect(printed).not.toContain('Bearer wk')
  })

  it('describes what it will do', () => {
    const rows = Object.fromEntries(describeConfig(config))
    expect(rows['upstream azure']).toBe('azure https://r.openai.azure.com, voice, v1, Entra ID (https://cognitiveservices.azure.com/.default), priority 0, weight 1')
    expect(rows['tool get_weather']).toBe('GET http://weather.internal')
    expect(rows['profile kiosk']).toContain('clients may set: nothing')
  })
})

describe('the part that verifies tokens, alone', () => {
  it('needs no upstream', () => {
    expect(loadAuthConfig({ JWT_SECRET: secret }, folder).key.kind).toBe('secret')
    expect(() => loadAuthConfig({}, folder)).toThrow('JWT_SECRET')
  })
})
