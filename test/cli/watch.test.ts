// The commands that watch a running relay: `top` prints its picture, `session` a timeline without content; their mistakes say what to do.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { session } from '../../src/cli/session.js'
import { entryOf, timelineText } from '../../src/cli/timeline.js'
import { runCommand, startCommand } from '../support/built-relay.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { freePort } from '../support/redis.js'
import { type RunningRelay, runRelay, SECRET } from '../support/running-relay.js'

const folder = mkdtempSync(join(tmpdir(), 'watch-'))
let running: RunningRelay
let client: RealtimeClient
let id = ''
let env: Record<string, string>

beforeAll(async () => {
  running = await runRelay({ env: { SESSION: '{"output_modalities":["text"]}' }, simulator: { rateLimits: 'both' } })
  client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('alice'))
  await client.next('session.created')
  await client.ask('Good morning to you')
  const { port } = new URL(running.relay.adminUrl)
  env = { JWT_SECRET: SECRET, ADMIN_HOST: '127.0.0.1', ADMIN_PORT: port }
  const headers = { authorization: `Bearer ${await running.token('operator', { scope: 'relay:read' })}` }
  const { sessions } = (await (await fetch(`${running.relay.adminUrl}/v1/admin/sessions`, { headers })).json()) as { sessions: { id: string }[] }
  id = sessions[0]?.id ?? ''
})
afterAll(async () => {
  client.close()
  await running.close()
  rmSync(folder, { recursive: true })
})

const tokenFile = async (claims: Record<string, unknown>) => {
  const file = join(folder, `token-${Object.keys(claims).length}`)
  writeFileSync(file, `${await running.token('operator', claims)}\n`)
  return file
}

describe('top', () => {
  it('--once prints the relay, its upstream with limits, and its sessions under pseudonyms, and ends', async () => {
    const { code, output, errors } = await runCommand(['top', '--once'], { env })
    expect({ code, errors }).toEqual({ code: 0, errors: '' })
    expect(output).toMatch(/^realtime-relay {2}\S+Z {2}1 relay {2}calls 1 of 1,000\n/)
    expect(output).toMatch(/^azure +1 closed +1 +\d+ms +- +.*tokens [\d.K]+\/[\d.K]+/m)
    expect(output).toMatch(new RegExp(`^${id} +u-[0-9a-f]{10} +idle +azure +1 +- +1 +[\\d,]+\\+\\d+ `, 'm'))
    expect(output).not.toMatch(/alice|Good morning/)
    expect(output).not.toContain('\u001b')
  })

  it('without --once prints one picture after another until it is stopped', async () => {
    const command = await startCommand(['top', '--rows', '1', '--sort', 'cost'], { env })
    await command.says(/realtime-relay {2}[\s\S]*realtime-relay {2}/)
    await command.stop()
  })

  it.each([
    { id: 'no token at all', words: ['top', '--once'], env: {}, says: 'A token is missing whose scope has relay:read. Give it with --token-file' },
    { id: 'a file that is not there', words: ['top', '--once', '--token-file', 'nowhere'], env: {}, says: 'nowhere cannot be read (ENOENT)' },
    { id: 'two tokens', words: ['top', '--token', 'a', '--token-file', 'b'], env: {}, says: 'give one' },
    { id: 'a token of another key', words: ['top', '--once', '--token', 'x'], env: {}, says: 'does not accept the token' },
    { id: 'an address that is none', words: ['top', '--url', 'localhost'], env: {}, says: '--url must be the address of an admin port' },
    { id: 'an odd order', words: ['top', '--sort', 'size'], env: {}, says: '--sort must be one of wait, cost, age, user.' },
    { id: 'odd rows', words: ['top', '--rows', 'many'], env: {}, says: '--rows must be a whole number' },
    { id: 'a mistyped option', words: ['top', '--onse'], env: {}, says: 'Did you mean --once?' },
  ])('$id: says what to do, exit 1', async ({ words, env: own, says }) => {
    const { code, errors } = await runCommand(words, { env: { ADMIN_HOST: '127.0.0.1', ADMIN_PORT: env.ADMIN_PORT ?? '', ...own } })
    expect(errors).toContain(says)
    expect(errors).toContain('realtime-relay top')
    expect(code).toBe(1)
  })

  it('a token without the scope, a port where nobody listens, and the public port: says which', async () => {
    const once = (...words: string[]) => runCommand(['top', '--once', ...words], { env })
    expect((await once('--token-file', await tokenFile({}))).errors).toContain('neither relay:read nor relay:admin')
    expect((await once('--url', `http://127.0.0.1:${await freePort()}`)).errors).toMatch(/does not answer \(ECONNREFUSED\)\. Is the relay running\? --url names its admin port/)
    expect((await once('--url', running.relay.url)).errors).toContain('it is no admin port')
  })
})

describe('session', () => {
  const line = (fields: object, msg: string, at = '2026-11-29T12:00:00.000Z', level = 'info') =>
    JSON.stringify({ level, time: at, pid: 1, hostname: 'h', sessionId: id, ...fields, msg })
  const log = () =>
    [
      'not json at all',
      line({ dialect: 'ga', profile: 'default', correlationId: 'x' }, 'upgrade admitted'),
      `relay-1  | ${line({ type: 'x', dialect: 'ga', profile: 'default' }, 'session_opened', '2026-11-29T12:00:00.100Z')}`,
      line({ tool: 'get_weather', outcome: 'ok', arguments: '{"city":"Secretville"}', output: 'canary words' }, 'tool payload', '2026-11-29T12:00:01.000Z'),
      line({ callId: 'c', tool: 'get_weather', outcome: 'timeout', durationMs: 1500, cut: false, output: 'canary words' }, 'tool_finished', '2026-11-29T12:00:02.500Z', 'warn'),
      line({ cause: 'closed', during: 'canary words' }, 'upstream_lost', '2026-11-29T12:00:02.000Z', 'warn'),
      JSON.stringify({ level: 'info', time: '2026-11-29T12:00:03.000Z', sessionId: 'another', msg: 'session_opened' }),
      JSON.stringify({ level: 'info', time: '2026-11-29T12:00:03.000Z', note: id, msg: 'canary words' }),
      '{"half":',
    ].join('\n')

  it('of a live one: what it does now, and what the log says happened, in order and without content', async () => {
    const file = join(folder, 'relay.log')
    writeFileSync(file, log())
    const { code, output, errors } = await runCommand(['session', id, '--log', file], { env })
    expect({ code, errors }).toEqual({ code: 0, errors: '' })
    expect(output).toMatch(/^Upstream azure, leg 1: 0 lost, 0 restored, 0 planned moves$/m)
    expect(output).toMatch(/^Now {6}idle for \d+s, \d+s old$/m)
    expect(output).toMatch(/^Used {5}1 answers, [\d,]+ tokens in, \d+ out, cost -$/m)
    const timeline = output.split('\n').filter((one) => one.startsWith('2026-11-29T12'))
    expect(timeline).toEqual([
      '2026-11-29T12:00:00.000Z     +0.000   let in: ga, profile default',
      '2026-11-29T12:00:00.100Z     +0.100   session begun',
      '2026-11-29T12:00:02.000Z     +2.000 ! UPSTREAM LOST: closed, during ?',
      '2026-11-29T12:00:02.500Z     +2.500 ! tool get_weather: timeout after 1.5s',
    ])
    expect(output).not.toMatch(/canary|Secretville|alice|Good morning/)
  })

  it('from a log alone; nothing known: says so and what to do, exit 1', async () => {
    const file = join(folder, 'relay.log')
    writeFileSync(file, log())
    const offline = await runCommand(['session', id, '--offline', '--log', file], { env: {} })
    expect(offline).toMatchObject({ code: 0, errors: '' })
    expect(offline.output).toContain('session begun')
    const unknown = await runCommand(['session', 'none', '--log', file], { env })
    expect(unknown.code).toBe(1)
    expect(unknown.errors).toContain('Nothing is known of session "none": no relay has it live, and the log has no line of it.')
    expect((await runCommand(['session', 'none'], { env })).errors).toContain('give its log with --log FILE')
    expect((await runCommand(['session'], { env })).errors).toContain('<id> is missing')
    expect((await runCommand(['session', id, '--offline'], { env })).errors).toContain('give it with --log FILE')
    expect((await runCommand(['session', id, '--log', 'nowhere'], { env })).errors).toContain('nowhere cannot be read (ENOENT)')
  })

  it('reads a log from standard input', async () => {
    const printed: string[] = []
    await session({ id, log: '-', port: undefined, stdin: Readable.from([log()]) }, (text) => printed.push(text))
    expect(printed.join('\n')).toContain('+2.000 ! UPSTREAM LOST')
  })

  it('knows every line that the relay logs of a session, and shows no text that is not its own', () => {
    const cut = { sessionId: 's', time: '2026-11-29T12:00:00.000Z', level: 'info' }
    const of = (fields: object) => entryOf(JSON.stringify({ ...cut, ...fields }), 's')?.text
    expect(of({ msg: 'session_closed', code: 'client_left', why: 'closed', durationMs: 61_000, upMessages: 12, downMessages: 40, upBytes: 9, downBytes: 8 })).toBe(
      'SESSION CLOSED: client_left (closed) after 61.0s; 12 messages up, 40 down, 9 and 8 bytes',
    )
    expect(of({ msg: 'restored', cause: 'lost', durationMs: 800, attempts: 2, cut: 'none' })).toBe('goes on with another upstream (lost) after 800ms, 2 dials, cut answer: none')
    expect(of({ msg: 'some_new_note', text: 'canary' })).toBe('some new note')
    expect(of({ msg: 'Bob said: "hello"' })).toBeUndefined()
    expect(of({ msg: 'constructor' })).toBe('constructor')
    expect(of({ msg: 'session_opened', time: 'never' })).toBeUndefined()
    expect(timelineText([])).toEqual([])
  })
})

it('a relay that stops ends top, and says so', async () => {
  const own = await runRelay()
  const command = await startCommand(['top'], { env: { ...env, ADMIN_PORT: new URL(own.relay.adminUrl).port } })
  await command.says(/calls 0 of/)
  await own.close()
  const { code } = await command.ended
  expect(code).toBe(1)
  expect(command.errors).toContain('The relay stops.')
})
