// Several processes that share their ports behave as one relay: common metrics, limits and drain. A process that dies is replaced.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadConfig } from '../../src/config/load.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { checkTools } from '../../src/tools/check.js'
import { type RunningCommand, startCommand } from '../support/built-relay.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'

const SECRET = 'a shared secret of the tests, 32 bytes or more'
let simulator: Simulator
let prefix = 0
const commands: RunningCommand[] = []

beforeAll(async () => {
  simulator = await startSimulator({ apiKey: 'key', deployments: ['dep'], speed: Number.POSITIVE_INFINITY })
})
afterAll(async () => {
  await Promise.all(commands.map((command) => command.stop()))
  await simulator.close()
})

function environment(over: Record<string, string> = {}): Record<string, string> {
  return {
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    JWT_SECRET: SECRET,
    AZURE_OPENAI_ENDPOINT: simulator.url,
    AZURE_OPENAI_DEPLOYMENT: 'dep',
    AZURE_OPENAI_API_KEY: 'key',
    CONNECTS_PER_SECOND: '1000',
    DRAIN_SECONDS: '5',
    WORKERS: '2',
    REDIS_URL: process.env.REDIS_URL ?? '',
    REDIS_KEY_PREFIX: `workers-${process.pid}-${prefix++}:`,
    ...over,
  }
}

interface Relay {
  readonly command: RunningCommand
  readonly wsUrl: string
  readonly adminUrl: string
  /** Process ids of all workers that became ready. */
  workers(): number[]
  connect(subject: string, headers?: Record<string, string>): Promise<RealtimeClient>
  metrics(): Promise<string>
}

async function startRelay(over: Record<string, string> = {}): Promise<Relay> {
  const env = environment(over)
  const command = await startCommand([], { env })
  commands.push(command)
  const [, url, adminUrl] = await command.says(/"url":"http([^"]+)","adminUrl":"([^"]+)","ready":2,"msg":"worker ready"/, 60_000)
  const { auth } = loadConfig(checkTools, env, { mode: 'serve', cwd: '/' })
  const connect = async (subject: string, headers = {}) => connectClient(`ws${url}/v1/realtime`, await mintToken(auth, { subject, ttlSeconds: 600, claims: {} }), { headers })
  const workers = () => [...command.output.matchAll(/"worker":(\d+),[^\n]*"msg":"worker ready"/g)].map((found) => Number(found[1]))
  return { command, wsUrl: `ws${url}`, adminUrl: adminUrl as string, workers, connect, metrics: async () => (await fetch(`${adminUrl}/metrics`)).text() }
}

async function live(relay: Relay, subject: string): Promise<RealtimeClient> {
  const client = await relay.connect(subject)
  await client.next('session.created')
  return client
}

const value = (text: string, name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
/** Process ids, one for each admitted session. */
const admissions = (relay: Relay) => [...relay.command.output.matchAll(/"pid":(\d+),[^\n]*"msg":"upgrade admitted"/g)].map((found) => Number(found[1]))
const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('a relay of two processes', () => {
  let relay: Relay
  beforeAll(async () => {
    relay = await startRelay({ MAX_SESSIONS_PER_USER: '3', MAX_SESSIONS: '40', WARM_POOL_SIZE: '3' })
  })

  it('distributes sessions and counts them together, on one admin port', async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, (_, n) => live(relay, `user-${n}`)))
    for (const client of clients) expect((await client.ask('Good morning')).at(-1)).toMatchObject({ type: 'response.done' })
    // Each answer may come from either process.
    for (let n = 0; n < 4; n++) {
      const text = await relay.metrics()
      expect(value(text, 'relay_sessions')).toBe(6)
      expect(value(text, 'relay_workers')).toBe(2)
      expect(value(text, 'relay_sessions_opened_total\\{dialect="ga",profile="default"\\}')).toBe(6)
      expect(value(text, 'relay_turns_total\\{end="completed"\\}')).toBe(6)
      expect(value(text, 'relay_first_audio_seconds_count\\{turn="typed",tools="no",profile="default",upstream="azure"\\}')).toBe(6)
      expect(text).not.toMatch(/\bnull\b|undefined/)
    }
    await expect.poll(() => new Set(admissions(relay))).toEqual(new Set(relay.workers()))
    // Two of three, rounded up, in each process.
    await expect.poll(async () => value(await relay.metrics(), 'relay_warm_pool_ready'), { timeout: 10_000 }).toBe(4)
    for (const client of clients) client.close()
    await Promise.all(clients.map((client) => client.closed()))
    await expect.poll(async () => value(await relay.metrics(), 'relay_sessions'), { timeout: 10_000 }).toBe(0)
  })

  it('keeps a user’s limit over both', async () => {
    const mine = await Promise.all([1, 2, 3].map(() => live(relay, 'greedy')))
    for (let n = 0; n < 4; n++) await expect(relay.connect('greedy')).rejects.toThrow('refused with 429')
    const other = await live(relay, 'modest')
    for (const client of [...mine, other]) client.close()
    await Promise.all([...mine, other].map((client) => client.closed()))
  })

  it('replaces a process that died, while the sessions of the other go on', async () => {
    const before = admissions(relay).length
    const clients = await Promise.all(Array.from({ length: 4 }, (_, n) => live(relay, `caller-${n}`)))
    // Each new connection goes to a process that is free, so both have some of them, not always as many.
    await expect.poll(() => admissions(relay).length).toBe(before + clients.length)
    const [victim] = relay.workers()
    const lost = admissions(relay)
      .slice(before)
      .filter((pid) => pid === victim).length
    process.kill(victim as number, 'SIGKILL')
    await relay.command.says(/"signal":"SIGKILL","pauseMs":\d+,"msg":"worker died"/)
    await expect.poll(() => relay.workers().length, { timeout: 30_000 }).toBe(3)
    const ended = clients.filter((client) => client.socket.readyState === client.socket.CLOSED)
    const going = clients.filter((client) => client.socket.readyState === client.socket.OPEN)
    expect([ended.length, going.length]).toEqual([lost, 4 - lost])
    expect(lost).toBeGreaterThan(0)
    for (const client of going) expect((await client.ask('Still there?')).at(-1)).toMatchObject({ type: 'response.done' })
    const after = await Promise.all(Array.from({ length: 4 }, (_, n) => live(relay, `later-${n}`)))
    const text = await relay.metrics()
    expect(value(text, 'relay_sessions')).toBe(going.length + 4)
    expect(value(text, 'relay_worker_replacements_total')).toBe(1)
    for (const client of [...going, ...after]) client.close()
    await Promise.all([...going, ...after].map((client) => client.closed()))
  })

  it('drains all at once on one signal and exits 0', async () => {
    const clients = await Promise.all(Array.from({ length: 4 }, (_, n) => live(relay, `last-${n}`)))
    relay.command.child.kill('SIGTERM')
    expect((await Promise.all(clients.map((client) => client.closed()))).map(({ code }) => code)).toEqual([1012, 1012, 1012, 1012])
    expect(await relay.command.ended).toMatchObject({ code: 0 })
    expect(relay.workers().filter(alive)).toEqual([])
    expect(relay.command.errors).toBe('')
  })
})

it('every process names traces in its histograms, and they are still there when all are added up', async () => {
  const relay = await startRelay({ METRICS_FORMAT: 'openmetrics' })
  const traceIds = Array.from({ length: 6 }, (_, n) => `0af7651916cd43dd8448eb211c80319${n}`)
  const clients = await Promise.all(traceIds.map((id, n) => relay.connect(`user-${n}`, { traceparent: `00-${id}-b7ad6b7169203331-01` })))
  for (const client of clients) await client.next('session.created')
  for (const client of clients) await client.ask('Good morning')
  await expect.poll(() => new Set(admissions(relay)).size).toBe(2)
  const text = await relay.metrics()
  for (const name of ['dial', 'configured', 'first_audio', 'first_token', 'audio_jitter']) {
    const counts = [...text.matchAll(new RegExp(`^relay_${name}_seconds_count(?:\\{[^}]*\\})? (\\d+)`, 'gm'))].map(([, count]) => Number(count))
    expect([name, counts.reduce((sum, count) => sum + count, 0)]).toEqual([name, 6])
    const found = [...text.matchAll(new RegExp(`^relay_${name}_seconds_bucket\\{.* # \\{trace_id="(\\w+)"\\}`, 'gm'))].map(([, id]) => id)
    expect([name, found.length > 0, found.filter((id) => !traceIds.includes(id ?? ''))]).toEqual([name, true, []])
  }
  for (const client of clients) client.close()
  await relay.command.stop()
})

describe('the admin API of two processes', () => {
  it('lists and ends the sessions of both, whichever process answers, and keeps revoked users out', async () => {
    const relay = await startRelay()
    const { auth } = loadConfig(checkTools, environment(), { mode: 'serve', cwd: '/' })
    const token = await mintToken(auth, { subject: 'operator', ttlSeconds: 600, claims: { scope: 'relay:admin' } })
    const ask = async (method: string, path: string, body?: object) => {
      // A connection each, so that either process may answer.
      const headers = { authorization: `Bearer ${token}`, connection: 'close', ...(body && { 'content-type': 'application/json' }) }
      const answer = await fetch(`${relay.adminUrl}/v1/admin${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
    }
    const clients = await Promise.all(Array.from({ length: 6 }, (_, n) => live(relay, n < 4 ? 'ann' : 'bob')))
    const listed = async () => (await ask('GET', '/sessions')).body.sessions as { id: string; subject: string; relay: string }[]
    for (let n = 0; n < 4; n++) {
      await expect.poll(async () => (await listed()).length).toBe(6)
      expect(new Set((await listed()).map((one) => one.relay)).size).toBe(2)
    }
    const bobs = (await listed()).filter(({ subject }) => subject === 'bob')
    expect(await ask('POST', `/sessions/${bobs[0]?.id}/end`)).toMatchObject({ status: 200, body: { ended: 1, asked: 2, answered: 2, everywhere: true } })
    expect(await ask('POST', `/sessions/${bobs[0]?.id}/end`)).toMatchObject({ status: 404 })
    expect(await ask('POST', '/users/ann/end')).toMatchObject({ status: 200, body: { ended: 4, asked: 2, answered: 2 } })
    expect((await Promise.all(clients.slice(0, 4).map((client) => client.closed()))).map(({ code }) => code)).toEqual([4410, 4410, 4410, 4410])
    const untilSeconds = Math.floor(Date.now() / 1000) + 600
    expect(await ask('POST', '/revoke', { subject: 'bob', untilSeconds })).toMatchObject({ status: 200, body: { everywhere: true } })
    expect(new Set((await Promise.all(clients.slice(4).map((client) => client.closed()))).map(({ code }) => code))).toEqual(new Set([4410, 4401]))
    for (let n = 0; n < 4; n++) await expect(relay.connect('bob')).rejects.toThrow('refused with 401')
    await expect.poll(async () => (await ask('GET', '/usage/ann')).body.counters).toMatchObject({ sessions: 4 })
    await relay.command.stop()
  })
})

describe('processes without their primary', () => {
  it('end their sessions in order and exit', async () => {
    const relay = await startRelay()
    const clients = await Promise.all([1, 2, 3, 4].map((n) => live(relay, `orphan-${n}`)))
    relay.command.child.kill('SIGKILL')
    expect((await Promise.all(clients.map((client) => client.closed()))).map(({ code }) => code)).toEqual([1012, 1012, 1012, 1012])
    await expect.poll(() => relay.workers().filter(alive), { timeout: 10_000 }).toEqual([])
  })
})

it('processes whose primary dies while they start end', async () => {
  const command = await startCommand([], { env: environment() })
  commands.push(command)
  const pid = command.child.pid as number
  const [worker = 0] = await vi.waitUntil(
    () => {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
      // Its code is loaded, so it knows its primary, and is about to ask it for a port.
      return children.some((child) => readFileSync(`/proc/${child}/maps`, 'utf8').includes('bufferutil')) && children
    },
    { timeout: 20_000, interval: 2 },
  )
  command.child.kill('SIGKILL')
  await expect.poll(() => alive(worker), { timeout: 10_000 }).toBe(false)
})

describe('a second signal', () => {
  it('ends every process now', async () => {
    const relay = await startRelay({ DRAIN_SECONDS: '60' })
    const client = await live(relay, 'slow')
    // A call that never ends keeps its session, and with it the drain.
    simulator.setFaults({ hang: true })
    client.send({ type: 'response.create' })
    relay.command.child.kill('SIGTERM')
    await relay.command.says(/"msg":"draining"/)
    relay.command.child.kill('SIGTERM')
    expect(await relay.command.ended).toMatchObject({ code: 1 })
    await expect.poll(() => relay.workers().filter(alive), { timeout: 10_000 }).toEqual([])
    simulator.setFaults({})
  })
})

describe('a relay that cannot start', () => {
  it('says why once and exits 1', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const command = await startCommand([], { env: environment({ PORT: String((taken.address() as { port: number }).port) }) })
    commands.push(command)
    expect(await command.ended).toMatchObject({ code: 1 })
    expect(command.errors.match(/PORT \d+ is in use/g)).toHaveLength(1)
    taken.close()
  })
})
