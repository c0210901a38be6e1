// SIGHUP to a running relay process: new sessions get the current files, running ones keep their version, and a bad version is refused as a whole.
import { closeSync, fstatSync, futimesSync, mkdtempSync, openSync, rmSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadAuthConfig } from '../../src/config/load.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { type RunningCommand, startCommand } from '../support/built-relay.js'
import { connectClient } from '../support/realtime-client.js'

const SECRET = 'a shared secret of the tests, 32 bytes or more'
const MODULE = join(import.meta.dirname, '../support/order-tool.mjs')
/** Modification time of every file at all times, in whole seconds since 1970, so that it can be set again exactly. */
const MODIFIED = 1_000_000_000
let folder: string
let simulator: Simulator
let command: RunningCommand | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relay-signal-'))
  for (const [name, text] of Object.entries(version('First', 'lookup_order', 111))) {
    writeFileSync(join(folder, name), text)
    utimesSync(join(folder, name), MODIFIED, MODIFIED)
  }
  simulator = await startSimulator({ apiKey: 'key', deployments: ['dep'], speed: Number.POSITIVE_INFINITY })
})
afterEach(async () => {
  await command?.stop()
  command = undefined
  await simulator.close()
  rmSync(folder, { recursive: true, force: true })
})

const order = (name: string) => ({
  type: 'function',
  name,
  description: 'Looks up an order by its number.',
  parameters: { type: 'object', properties: { order_id: { type: 'string' } }, required: ['order_id'] },
  run: { module: `${MODULE}#lookupOrder` },
})
const padded = (value: unknown) => JSON.stringify(value).padEnd(2000)

/** The contents of the three files. `persona` has five letters. */
function version(persona: string, tool: string, maxTokens: number): Record<string, string> {
  return {
    'tools.json': padded([order(tool)]),
    'instructions.txt': `${persona} persona, told to nobody.`,
    'profiles.json': padded({ default: { session: { max_output_tokens: maxTokens } } }),
  }
}

/** Keeps inode, size and modification time, which are all that the file watch compares. So only the signal can cause the reload. */
function rewriteUnseen(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = openSync(join(folder, name), 'r+')
    expect(Buffer.byteLength(text), name).toBe(fstatSync(file).size)
    writeSync(file, text, 0)
    futimesSync(file, MODIFIED, MODIFIED)
    closeSync(file)
  }
}

async function start(env: Record<string, string> = {}): Promise<RunningCommand> {
  command = await startCommand([], {
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
      JWT_SECRET: SECRET,
      AZURE_OPENAI_ENDPOINT: simulator.url,
      AZURE_OPENAI_DEPLOYMENT: 'dep',
      AZURE_OPENAI_API_KEY: 'key',
      TOOLS_FILE: join(folder, 'tools.json'),
      INSTRUCTIONS_FILE: join(folder, 'instructions.txt'),
      PROFILES_FILE: join(folder, 'profiles.json'),
      ...env,
    },
  })
  return command
}

/** Also returns the part of the upstream's session that the files decide. */
async function open(url: string) {
  const client = await connectClient(`ws${url}/v1/realtime`, await mintToken(loadAuthConfig({ JWT_SECRET: SECRET }), { subject: 'alice', ttlSeconds: 600, claims: {} }))
  await client.next('session.created')
  const upstream = simulator.received.at(-1)
  const updates = () => (upstream?.events ?? []).filter(({ type }) => type === 'session.update').map(({ session }) => session)
  return { client, updates }
}

const as = (persona: string, tool: string, maxTokens: number) => [
  expect.objectContaining({ instructions: `${persona} persona, told to nobody.`, tools: [expect.objectContaining({ name: tool })], max_output_tokens: maxTokens }),
]
const RELOADED = '"msg":"configuration reloaded"'
const REFUSED = '"msg":"the changed configuration is refused, the one in force stays"'
/** Process ids of the processes that logged it, in order. */
const pidsOf = (output: string, message: string) => output.split('\n').flatMap((line) => (line.includes(message) ? [Number(/"pid":(\d+)/.exec(line)?.[1])] : []))
const problemsIn = (output: string): string[] => output.split('\n').flatMap((line) => (line.includes(REFUSED) ? (JSON.parse(line) as { problems: string[] }).problems : []))

/** Four mistakes in two files, and instructions that would be fine. */
const BAD = () => ({
  'tools.json': padded([
    { ...order('one'), run: {} },
    { ...order('two'), nonsense: 1 },
  ]),
  'instructions.txt': 'Third persona, told to nobody.',
  'profiles.json': padded({ default: { session: { max_output_tokens: 333 }, nonsense: 1 }, other: { limits: 7 } }),
})

describe('SIGHUP', () => {
  it('gives new sessions the current files, lets running ones keep their version, and refuses a bad version as a whole', async () => {
    const relay = await start()
    const [, url = ''] = await relay.says(/"url":"http([^"]+)","adminUrl":"[^"]+","msg":"listening"/, 60_000)
    const first = await open(url)
    expect(first.updates()).toEqual(as('First', 'lookup_order', 111))

    rewriteUnseen(version('Other', 'find_parcel', 222))
    relay.child.kill('SIGHUP')
    await relay.says(new RegExp(RELOADED))
    const second = await open(url)
    expect(second.updates()).toEqual(as('Other', 'find_parcel', 222))
    expect(JSON.stringify(await first.client.ask('Look up order 7'))).toContain('of alice is on its way')
    expect(first.updates()).toEqual(as('First', 'lookup_order', 111))

    rewriteUnseen(BAD())
    relay.child.kill('SIGHUP')
    await relay.says(new RegExp(REFUSED))
    expect(problemsIn(relay.output)).toEqual([
      expect.stringMatching(/^TOOLS entry 1 \("one"\): run must be /),
      expect.stringMatching(/^TOOLS entry 2 \("two"\): has unknown fields: "nonsense"/),
      expect.stringMatching(/^PROFILES_FILE "default": has unknown fields: "nonsense"/),
      expect.stringMatching(/^PROFILES_FILE "other": limits must be /),
    ])
    const third = await open(url)
    expect(third.updates()).toEqual(as('Other', 'find_parcel', 222))

    expect(relay.output).not.toContain('told to nobody')
    expect(relay.errors).toBe('')
    for (const { client } of [first, second, third]) client.close()
  })

  it('reaches every process, even one that is still starting', async () => {
    const relay = await start({ WORKERS: '2', REDIS_URL: process.env.REDIS_URL ?? '', REDIS_KEY_PREFIX: `signal-${process.pid}:` })
    const [, url = ''] = await relay.says(/"url":"http([^"]+)","adminUrl":"[^"]+","ready":1,"msg":"worker ready"/, 60_000)
    rewriteUnseen(version('Other', 'find_parcel', 222))
    relay.child.kill('SIGHUP')
    await relay.says(/"ready":2,"msg":"worker ready"/, 60_000)
    await relay.says(new RegExp(`${RELOADED}[^]*${RELOADED}`))
    expect(new Set(pidsOf(relay.output, RELOADED)).size).toBe(2)

    rewriteUnseen(BAD())
    relay.child.kill('SIGHUP')
    await relay.says(new RegExp(`${REFUSED}[^]*${REFUSED}`))
    expect(new Set(pidsOf(relay.output, REFUSED)).size).toBe(2)
    const sessions = []
    for (let n = 0; n < 4; n++) sessions.push(await open(url))
    for (const { updates } of sessions) expect(updates()).toEqual(as('Other', 'find_parcel', 222))
    for (const { client } of sessions) client.close()
  })
})
