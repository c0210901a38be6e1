// The commands as a user types them: what they print, which secrets they do not print, and their exit code.

import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.js'
import { isCommand } from '../../src/cli/commands.js'
import { loadAuthConfig } from '../../src/config/load.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { runCommand, startCommand } from '../support/built-relay.js'
import { connectClient } from '../support/realtime-client.js'
import { appendable, silence, tone } from '../support/speech.js'

const SECRET = 'canary secret of the commands, 32 bytes or more'
const KEY = 'canary-key-of-the-commands'
const PASSWORD = 'canary-password'
const CANARIES = /canary|lighthouse/
let simulator: Simulator
let env: Record<string, string>

beforeAll(async () => {
  simulator = await startSimulator({ apiKey: KEY, deployments: ['voice'], speed: Number.POSITIVE_INFINITY })
  env = {
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    JWT_SECRET: SECRET,
    AZURE_OPENAI_ENDPOINT: simulator.url,
    AZURE_OPENAI_DEPLOYMENT: 'voice',
    AZURE_OPENAI_API_KEY: KEY,
    INSTRUCTIONS: 'Keep the lamp of the lighthouse burning.',
  }
})
afterAll(() => simulator.close())

async function freePort(): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return String(port)
}

const tokenOf = async (...words: string[]) => (await runCommand(['token', ...words], { env: { JWT_SECRET: SECRET } })).output.trim()

describe('start', () => {
  it('with a bad configuration: every mistake by name, no value of a secret, exit 1 within two seconds', async () => {
    const bad = {
      PORT: 'eighty',
      ADMIN_PORT: '70000',
      HOST: '127.0.0.1',
      JWT_SECRET: 'canary-short',
      AZURE_OPENAI_ENDPOINT: 'http://example.com',
      AZURE_OPENAI_API_KEY: 'canary key with blanks',
      REDIS_URL: `http://user:${PASSWORD}@redis`,
      TOOLS: JSON.stringify([
        { type: 'function', name: 'x', run: { http: { method: 'GET', url: 'http://x', headers: { a: ['$', '{MISSING_NAME}'].join('') } } } },
        { type: 'mcp', server_label: 'a__b', url: 'http://127.0.0.1:9' },
      ]),
      SESSION: '{"instructions":"lighthouse"}',
      CLIENT_MAY_SET: 'instructions',
      MAX_SESIONS: '3',
      TLS_CERT_FILE: '/nowhere/cert.pem',
    }
    // The first start reads the files from the disk, so it is not measured.
    const runs = [await runCommand([], { env: bad }), await runCommand(['serve'], { env: bad })]
    for (const { code, output } of runs) {
      expect(code).toBe(1)
      for (const name of Object.keys(bad).filter((one) => one !== 'HOST')) expect(output, name).toMatch(new RegExp(`- ${name}\\b.{10,}`))
      expect(output).toContain('MISSING_NAME')
      expect(output).toContain('- TOOLS entry 2 ("a__b"): server_label must be')
      expect(output).toContain('AZURE_OPENAI_DEPLOYMENT is missing')
      expect(output).toContain('did you mean MAX_SESSIONS?')
      expect(output).not.toMatch(CANARIES)
      expect(output).not.toMatch(/\n\s+at /)
    }
    expect(Math.min(...runs.map(({ ms }) => ms))).toBeLessThan(2000)
  })

  it('without any configuration: says what is missing, exit 1', async () => {
    const { code, errors } = await runCommand([])
    expect(code).toBe(1)
    expect(errors).toContain('JWT_SECRET')
    expect(errors).toContain('AZURE_OPENAI_ENDPOINT')
  })

  it('with a tool that only a start can find unusable: in the same words, exit 1', async () => {
    const module = join(import.meta.dirname, '../support/order-tool.mjs')
    const TOOLS = JSON.stringify([{ type: 'function', name: 'x', run: { module: `${module}#noSuchFunction` } }])
    const { code, errors } = await runCommand([], { env: { ...env, TOOLS } })
    expect(code).toBe(1)
    expect(errors).toBe(`The configuration has one mistake:\n  - TOOLS "x": run module ${module} exports no function noSuchFunction\n`)
  })

  it('on a port in use: says so, exit 1', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { code, output } = await runCommand([], { env: { ...env, PORT: String((taken.address() as AddressInfo).port) } })
    expect(code).toBe(1)
    const { port } = taken.address() as AddressInfo
    expect(output).toContain(`PORT ${port} is in use`)
    const admin = await runCommand([], { env: { ...env, ADMIN_PORT: String(port) } })
    expect(admin.errors).toContain(`ADMIN_PORT ${port} is in use: another program listens on that port of 127.0.0.1.`)
    const simulate = await runCommand(['simulate', '--port', String(port)])
    expect([simulate.code, simulate.errors]).toEqual([1, expect.stringContaining(`--port ${port} is in use`)])
    taken.close()
  })

  it.each([
    ['HOST', '203.0.113.7', 'is not an address of this machine'],
    ['ADMIN_HOST', 'nowhere.invalid', 'is not a name that this machine knows'],
  ])('on a wrong host: names %s and its value, exit 1', async (name, value, problem) => {
    const { code, errors } = await runCommand([], { env: { ...env, [name]: value } })
    expect(errors).toContain(`${name} ${value} ${problem}`)
    expect(code).toBe(1)
  })

  it('says its version and where it listens in one line', async () => {
    const server = await startCommand([], { env })
    const [line] = await server.says(/^.*"msg":"listening".*$/m)
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string }
    expect(JSON.parse(line)).toMatchObject({ version, node: process.version, url: expect.stringMatching(/^http/) })
    await server.stop()
  })

  it('with a signal during the start: stops, exit 0', async () => {
    const server = await startCommand([], { env: { ...env, LOG_LEVEL: 'debug' } })
    await server.says(/"level"/)
    server.child.kill('SIGTERM')
    expect((await server.ended).code).toBe(0)
  })
})

describe('token', () => {
  it('signs what the relay verifies', async () => {
    const token = await tokenOf('--sub', 'alice', '--claims', '{"profile":"default"}', '--ttl', '2h')
    const identity = await createAuthenticator(loadAuthConfig({ JWT_SECRET: SECRET })).verify(token)
    expect(identity).toMatchObject({ subject: 'alice', claims: { profile: 'default' } })
    expect(identity.expiresAtMs - Date.now()).toBeGreaterThan(7100_000)
  })

  it.each([
    [['token'], '--sub is missing'],
    [['token', '--sub', 'a', '--ttl', 'soon'], '--ttl must look like'],
    [['token', '--sub', 'a', '--claims', '[1]'], '--claims must be a JSON object'],
    [['token', '--subject', 'a'], '--subject is not known. Did you mean --sub? Known options: --sub'],
    [['token', '--sub', 'a', 'alice'], '"alice" is one word too many'],
    [['token', '--sub'], '--sub needs a value'],
    [['tokens'], 'There is no command "tokens". Did you mean token?'],
    [['chekc'], 'There is no command "chekc". Did you mean check?'],
    [['frobnicate'], 'There is no command "frobnicate".'],
    [['serve', '--envfile', '.env'], '--envfile is not known. Did you mean --env-file?'],
    [['demo', '--voice', 'opera'], '--voice must be one of tones, espeak'],
    [['explain'], '--token is missing'],
    [['simulate', '--port', 'x'], '--port must be a number'],
    [['simulate', '--colour', 'red'], '--colour'],
  ])('%j says what is wrong and exits 1', async (words, problem) => {
    const { code, errors } = await runCommand(words, { env: { JWT_SECRET: SECRET } })
    expect(code).toBe(1)
    expect(errors).toContain(problem)
    expect(errors).toContain(`realtime-relay ${isCommand(words[0]) ? words[0] : '<command>'}`)
  })

  it.each([
    ['JWKS_URL', { JWKS_URL: 'https://login.example.com/keys', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' }],
    ['JWT_PUBLIC_KEY', { JWT_PUBLIC_KEY: generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString() }],
  ])('with %s says who signs, and what it would need itself', async (name, settings) => {
    const { code, errors } = await runCommand(['token', '--sub', 'alice'], { env: settings })
    expect(errors).toContain(`${name} is set: only`)
    expect(errors).toContain('set JWT_SECRET (32 bytes or more), which this command signs with')
    expect(code).toBe(1)
  })
})

describe('--help and --version', () => {
  const commands = ['init', 'serve', 'demo', 'check', 'call', 'token', 'explain', 'simulate'].flatMap((name) => [
    [name, '--help'],
    [name, '-h'],
    ['help', name],
  ])

  it.each([['--help'], ['-h'], ['help']])('%s lists every command and exits 0', async (...words) => {
    const { code, output } = await runCommand(words)
    for (const name of ['init', 'serve', 'demo', 'check', 'call', 'token', 'explain', 'simulate']) expect(output).toMatch(new RegExp(`^ {2}${name}\\b.{20,}`, 'm'))
    expect(code).toBe(0)
  })

  it.each(commands)('%s %s says what the command takes, exits 0 and starts nothing', async (...words) => {
    const { code, output, errors } = await runCommand(words)
    expect(output).toContain(`realtime-relay ${words.find((word) => !/^(help|-.*)$/.test(word))}`)
    expect([code, errors]).toEqual([0, ''])
  })

  it.each([['--version'], ['-v'], ['serve', '--version'], ['token', '--version']])('%s %s prints the version and exits 0', async (...words) => {
    const { code, output } = await runCommand(words)
    expect(output).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(code).toBe(0)
  })
})

describe('init', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'init-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const init = (...words: string[]) => runCommand(['init', ...words], { cwd: folder })
  const file = () => readFileSync(join(folder, '.env'), 'utf8')

  it('writes a file for the user alone, and says what comes next', async () => {
    const { code, output } = await init()
    expect(code).toBe(0)
    expect(statSync(join(folder, '.env')).mode & 0o777).toBe(0o600)
    expect(output).toContain('npx realtime-relay check --env-file .env')
    expect(file()).toMatch(/^AZURE_OPENAI_ENDPOINT=$/m)
    const secret = /^JWT_SECRET=(\S+)$/m.exec(file())?.[1] ?? ''
    expect(secret.length).toBeGreaterThanOrEqual(32)
    expect(output).not.toContain(secret)
  })

  it('never overwrites without --force', async () => {
    writeFileSync(join(folder, '.env'), 'PRECIOUS=1\n')
    const { code, errors } = await init('openai')
    expect([code, file()]).toEqual([1, 'PRECIOUS=1\n'])
    expect(errors).toContain('.env is there already, and nothing was written')
    expect((await init('openai', '--force')).code).toBe(0)
    expect(file()).toMatch(/^OPENAI_API_KEY=$/m)
    expect(statSync(join(folder, '.env')).mode & 0o777).toBe(0o600)
  })

  it('makes each file its own secret', async () => {
    await init('--file', 'a.env')
    await init('--file', 'b.env')
    const [a, b] = ['a.env', 'b.env'].map((name) => /^JWT_SECRET=.+$/m.exec(readFileSync(join(folder, name), 'utf8'))?.[0])
    expect(a).not.toBe(b)
  })

  it.each([
    ['azure', ['Upstream: none is set. Set AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_DEPLOYMENT']],
    ['openai', ['OPENAI_API_KEY is missing']],
  ])('for %s leaves open only what the user must fill in', async (kind, missing) => {
    await init(kind)
    const { code, errors } = await runCommand(['serve', '--env-file', '.env'], { cwd: folder, env: { HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0' } })
    expect(code).toBe(1)
    expect(errors.match(/^ {2}- .+$/gm)).toEqual(missing.map((line) => expect.stringContaining(line)))
  })

  it('for the simulator works as written', async () => {
    await init('simulator')
    const port = await freePort()
    const fake = await startCommand(['simulate', '--port', port, '--api-key', 'simulator-key'])
    await fake.says(/http:/)
    writeFileSync(join(folder, '.env'), file().replace('localhost:9100', `localhost:${port}`))
    const check = await runCommand(['check', '--env-file', '.env'], { cwd: folder })
    expect(check.output).toContain('All parts work.')
    const relay = await startCommand(['serve', '--env-file', '.env'], { cwd: folder, env: { HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0' } })
    const [, url = ''] = await relay.says(/"url":"http([^"]+)"/)
    const token = (await runCommand(['token', '--sub', 'alice', '--env-file', '.env'], { cwd: folder })).output.trim()
    const client = await connectClient(`ws${url}/v1/realtime`, token)
    await client.next('session.created')
    await relay.stop()
    await fake.stop()
  })

  it.each([
    [['init', 'aws'], '"aws" is none of azure, openai, simulator'],
    // Node 20 looks for the file itself, before the relay does.
    [['serve', '--env-file', 'gone.env'], /names a file that does not exist: gone\.env|gone\.env: not found/],
  ])('%j says what is wrong', async (words, problem) => {
    const { code, errors } = await runCommand(words, { cwd: folder })
    expect(errors).toMatch(problem)
    expect(code).not.toBe(0)
  })

  it('a file is read only if asked for, the environment wins over it, and what Node reads before is a mistake', async () => {
    await init()
    expect((await runCommand(['serve'], { cwd: folder })).errors).toContain('serve --env-file .env')
    writeFileSync(join(folder, '.env'), `JWT_SECRET=short\nNODE_EXTRA_CA_CERTS=/ca.pem\n`)
    expect((await runCommand(['token', '--sub', 'a', '--env-file', '.env'], { cwd: folder })).errors).toContain('NODE_EXTRA_CA_CERTS has no effect in .env')
    writeFileSync(join(folder, '.env'), `JWT_SECRET=short\n`)
    expect((await runCommand(['token', '--sub', 'a', '--env-file', '.env'], { cwd: folder, env: { JWT_SECRET: SECRET } })).code).toBe(0)
  })
})

describe('check', () => {
  it('reports every part as reached', async () => {
    const { code, output } = await runCommand(['check'], { env: { ...env, REDIS_URL: process.env.REDIS_URL ?? '' } })
    expect(output).toMatch(/^upstream azure\s+ok/m)
    expect(output).toMatch(/^Redis\s+ok/m)
    expect(output).toMatch(/^token keys\s+ok/m)
    expect(output).toContain('All parts work.')
    expect(output).not.toMatch(CANARIES)
    expect(code).toBe(0)
  })

  it('names the parts that are down, exit 1', async () => {
    const broken = { ...env, AZURE_OPENAI_API_KEY: 'canary-key-that-is-wrong', REDIS_URL: `redis://user:${PASSWORD}@127.0.0.1:1` }
    const { code, output } = await runCommand(['check'], { env: broken })
    expect(output).toMatch(/^upstream azure +down +AZURE_OPENAI_API_KEY: 127\.0\.0\.1:\d+ answers HTTP 401, directly\n +→ Copy one of the two keys/m)
    expect(output).toMatch(/^Redis +down +REDIS_URL: 127\.0\.0\.1:1 refuses the connection; redis is not connected\n +→ /m)
    expect(output).not.toMatch(CANARIES)
    expect(code).toBe(1)
  })
})

describe('what check says of a part that does not work', () => {
  const upstreams = () => [
    { name: 'gone', endpoint: simulator.url, deployment: 'other', apiKey: KEY },
    { name: 'nowhere', endpoint: 'https://nowhere.invalid', deployment: 'voice', apiKey: KEY },
    { name: 'closed', endpoint: 'http://127.0.0.1:1', deployment: 'voice', apiKey: KEY },
    { name: 'live', provider: 'voice-live', endpoint: 'http://127.0.0.1:1', deployment: 'm', apiKey: KEY },
  ]

  it('tells an unknown host, a closed port and a wrong deployment apart, and names the entry of UPSTREAMS', async () => {
    const { AZURE_OPENAI_ENDPOINT: _e, AZURE_OPENAI_DEPLOYMENT: _d, AZURE_OPENAI_API_KEY: _k, ...rest } = env
    const { code, output } = await runCommand(['check'], { env: { ...rest, UPSTREAMS: JSON.stringify(upstreams()) } })
    expect(output).toMatch(/^upstream gone +down +UPSTREAMS "gone" deployment: 127\.0\.0\.1:\d+ answers HTTP 404, directly\n +→ Nothing is deployed there under this name/m)
    expect(output).toMatch(/^upstream nowhere +down +UPSTREAMS "nowhere" endpoint: nowhere\.invalid is not a known host name \(DNS\), directly\n +→ Check the spelling/m)
    expect(output).toMatch(
      /^upstream closed +down +UPSTREAMS "closed" endpoint: 127\.0\.0\.1:1 refuses the connection, directly\n +→ The name is known, and nothing listens there/m,
    )
    expect(output).toMatch(/^upstream live +down +UPSTREAMS "live" endpoint: /m)
    expect(output).not.toMatch(CANARIES)
    expect(code).toBe(1)
  })

  it.each([
    ['another status', (answer: ServerResponse) => answer.writeHead(503).end(), 'answers HTTP 503'],
    ['no key set', (answer: ServerResponse) => answer.writeHead(200).end('<html>'), 'answers with a web page, not with a key set'],
    ['a redirect', (answer: ServerResponse) => answer.writeHead(302, { location: '/login' }).end(), 'answers with a redirect, which is not followed'],
    ['other JSON', (answer: ServerResponse) => answer.writeHead(200).end('{"error":"x"}'), 'answers HTTP 200, but not with a key set'],
  ])('names the host of a key set and %s', async (_what, respond, says) => {
    const host = createServer((_request, answer) => respond(answer)).listen(0, '127.0.0.1')
    await once(host, 'listening')
    const { port } = host.address() as AddressInfo
    const { JWT_SECRET: _secret, ...rest } = env
    const keys = { ...rest, JWT_ISSUER: 'i', JWT_AUDIENCE: 'a', JWKS_URL: `http://127.0.0.1:${port}/keys` }
    expect((await runCommand(['check'], { env: keys })).output).toMatch(new RegExp(`^token keys +down +JWKS_URL: 127\\.0\\.0\\.1:${port} ${says}, directly\\n +→ .*jwks_uri`, 'm'))
    host.close()
  })

  it('names the host of a tool', async () => {
    const tool = (name: string, url: string) => ({ type: 'function', name, run: { http: { method: 'GET', url } } })
    const TOOLS = JSON.stringify([tool('a', 'https://nowhere.invalid/a'), tool('b', 'http://127.0.0.1:1/b')])
    const { output } = await runCommand(['check'], { env: { ...env, TOOLS } })
    expect(output).toMatch(/^tool a +degraded +TOOLS: nowhere\.invalid is not a known host name \(DNS\), directly$/m)
    expect(output).toMatch(/^tool b +degraded +TOOLS: 127\.0\.0\.1:1 refuses the connection, directly$/m)
  })
})

describe('explain', () => {
  it('says what a token allows and why, but not the instructions', async () => {
    const { code, output } = await runCommand(['explain', '--token', await tokenOf('--sub', 'alice')], { env })
    expect(output).toMatch(/^subject\s+alice\s+claim sub/m)
    expect(output).toMatch(/^instructions\s+sha256 [0-9a-f]{12}…, 40 characters/m)
    expect(output).toMatch(/^enforcement +prevents +over WebSocket/m)
    expect(output).toMatch(/^WebRTC calls +off +the default of WEBRTC$/m)
    expect(output).not.toMatch(CANARIES)
    expect(code).toBe(0)
  })

  it.each([
    ['media-only', 'prevents-control'],
    ['shared', 'detects'],
  ])('says that %s %s', async (mode, word) => {
    const { output } = await runCommand(['explain', '--token', await tokenOf('--sub', 'alice')], { env: { ...env, WEBRTC: mode } })
    expect(output).toMatch(new RegExp(`^WebRTC calls +${mode} +WEBRTC$`, 'm'))
    expect(output).toMatch(new RegExp(`^enforcement in calls +${word} `, 'm'))
  })

  it('says for every quota whether a claim or the profile set it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'explain-'))
    const amount = (claim: string) => ({ max: 10, claim, claimMax: 100 })
    const quota = { perMinute: { responses: 5, tokens: amount('tokens') }, perDay: { responses: amount('daily'), tokens: amount('none'), audioMinutes: amount('words') } }
    writeFileSync(join(folder, 'profiles.json'), JSON.stringify({ default: { limits: { quota } } }))
    const token = await tokenOf('--sub', 'alice', '--claims', '{"tokens":7,"daily":"500","words":"many"}')
    const { output } = await runCommand(['explain', '--token', token], { env: { ...env, PROFILES_FILE: join(folder, 'profiles.json') } })
    rmSync(folder, { recursive: true })
    expect(output).toMatch(/^quota of responses\s+5 per minute\s+profile default of PROFILES_FILE$/m)
    expect(output).toMatch(/^quota of tokens\s+7 per minute\s+claim tokens$/m)
    expect(output).toMatch(/^quota of responses\s+100 per day\s+claim daily, cut to claimMax of profile default$/m)
    expect(output).toMatch(/^quota of tokens\s+10 per day\s+profile default of PROFILES_FILE; no claim none$/m)
    expect(output).toMatch(/^quota of audio minutes\s+10 per day\s+profile default of PROFILES_FILE; claim words is no amount$/m)
  })

  it('says why a token is refused, exit 1', async () => {
    const { code, output } = await runCommand(['explain', '--token', `${await tokenOf('--sub', 'alice')}x`], { env })
    expect(output).toMatch(/^refused\s+unauthenticated\s+bad_signature: The signature does not fit the key/m)
    expect(code).toBe(1)
  })

  it.each([
    [
      'an issuer that is not ours',
      { JWT_ISSUER: 'https://issuer.example' },
      /wrong_issuer: The claim iss is not what JWT_ISSUER says.*\nclaim iss +missing +JWT_ISSUER is "https:\/\/issuer\.example"$/m,
    ],
    [
      'a claim that is missing',
      { JWT_REQUIRED_CLAIMS: '{"scp":"Talk"}' },
      /claim_required: A claim that JWT_REQUIRED_CLAIMS names.*\nclaim scp +missing +JWT_REQUIRED_CLAIMS wants \["Talk"\]$/m,
    ],
    ['an unknown profile', {}, /forbidden +unknown_profile: The token names a profile that PROFILES_FILE does not have/],
  ])('refuses %s in a sentence', async (_what, more, sentence) => {
    const token = await tokenOf('--sub', 'alice', '--claims', '{"profile":"gone"}')
    expect((await runCommand(['explain', '--token', token], { env: { ...env, ...more } })).output).toMatch(sentence)
  })

  it.each([
    ['{"profile":["x","Team"]}', /^profile +default +claim profile, by JWT_PROFILE_MAP$/m],
    ['{"profile":"gone"}', /^profile +default +claim profile has no value of JWT_PROFILE_MAP$/m],
    ['{}', /^profile +default +no claim profile$/m],
  ])('says how a map made a profile of %s', async (claims, says) => {
    const token = await tokenOf('--sub', 'alice', '--claims', claims)
    expect((await runCommand(['explain', '--token', token], { env: { ...env, JWT_PROFILE_MAP: '{"Team":"default"}' } })).output).toMatch(says)
  })

  it('says which of two sources decided each number', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'explain-'))
    const profiles = { guest: { instructions: 'Short.', limits: { maxSessionSeconds: 300, responsesPerMinute: 10 } }, default: { clientMaySet: [], limits: { maxItems: 7 } } }
    writeFileSync(join(folder, 'profiles.json'), JSON.stringify(profiles))
    const settings = { ...env, PROFILES_FILE: join(folder, 'profiles.json'), IDLE_TIMEOUT_SECONDS: '60' }
    const explain = async (claims: string) => (await runCommand(['explain', '--token', await tokenOf('--sub', 'alice', '--claims', claims)], { env: settings })).output
    const guest = await explain('{"profile":"guest"}')
    expect(guest).toMatch(/^instructions +sha256 .* profile guest of PROFILES_FILE$/m)
    expect(guest).toMatch(/^longest session +300 s +profile guest of PROFILES_FILE$/m)
    expect(guest).toMatch(/^idle timeout +60 s +IDLE_TIMEOUT_SECONDS$/m)
    expect(guest).toMatch(/^responses a minute +10 +profile guest of PROFILES_FILE$/m)
    expect(guest).toMatch(/^items +2000 +the default of MAX_ITEMS_PER_SESSION$/m)
    expect(guest).toMatch(/^relay events +false +the default$/m)
    const other = await explain('{"relayEvents":true}')
    expect(other).toMatch(/^instructions +sha256 .* INSTRUCTIONS$/m)
    expect(other).toMatch(/^items +7 +profile default of PROFILES_FILE$/m)
    expect(other).toMatch(/^client may set +nothing +profile default of PROFILES_FILE$/m)
    expect(other).toMatch(/^relay events +true +claim relayEvents$/m)
    rmSync(folder, { recursive: true })
  })
})

describe('simulate and demo', () => {
  it('simulate answers at the address it prints until a signal stops it', async () => {
    const running = await startCommand(['simulate', '--port', '0', '--api-key', KEY, '--speed', 'Infinity'])
    const url = (await running.says(/http:\/\/\S+/))[0].replace('http', 'ws')
    const client = await connectClient(`${url}/openai/v1/realtime?model=any`, KEY)
    expect((await client.ask('hello')).at(-1)).toMatchObject({ response: { status: 'completed' } })
    running.child.kill('SIGTERM')
    await client.closed()
    expect((await running.ended).code).toBe(0)
  })

  it('demo --heard says what every spoken turn is taken for', async () => {
    const running = await startCommand(['demo', '--heard', 'Where is my order 7?', '--voice', 'tones'], { env: { PORT: '0' } })
    const [, address = '', token = ''] = await running.says(/WebSocket\s+(ws:\S+)\nToken\s+(\S+)\n/)
    await running.says(/Speech +is not recognised: the simulator hears "Where is my order 7\?"/)
    const client = await connectClient(address, token)
    await client.next('session.created')
    for (const audio of appendable(tone(1200), silence(800))) client.send({ type: 'input_audio_buffer.append', audio })
    expect(await client.next('conversation.item.input_audio_transcription.completed')).toMatchObject({ transcript: 'Where is my order 7?' })
    await running.stop()
  })

  it('demo needs no configuration and prints a working page, address and token, and no log line', async () => {
    const running = await startCommand(['demo'], { env: { PORT: '0' } })
    const [, address = '', token = ''] = await running.says(/WebSocket\s+(ws:\S+)\nToken\s+(\S+)\n(?:.*\n)+/)
    const [page = ''] = /http:\S+(?=#token)/.exec(running.output) ?? []
    const html = await fetch(page)
    expect(html.headers.get('content-security-policy')).toContain("default-src 'self'")
    expect(await html.text()).toContain('<title>Realtime Relay</title>')
    const client = await connectClient(address, token)
    await client.next('session.created')
    const answer = await client.ask('look up order 12345')
    expect(JSON.stringify(answer)).toContain('Order 12345 of demo')
    expect(running.output).not.toContain('"level"')
    running.child.kill('SIGTERM')
    expect((await client.closed()).code).toBe(1012)
    expect((await running.ended).code).toBe(0)
  })
})
