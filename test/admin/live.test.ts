// The stream of pictures over two relays and a real Redis: what it shows, who may watch, how many, how it ends, and what it costs while nobody does.
import { get, type IncomingMessage } from 'node:http'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { MOST_WATCHERS } from '../../src/admin/live.js'
import { PICTURE } from '../../src/admin/live-schemas.js'
import type { Picture } from '../../src/ports/picture.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { startRedis, uniquePrefix } from '../support/redis.js'
import { DEPLOYMENT, type RunningRelay, runRelay } from '../support/running-relay.js'

interface Watching {
  readonly status: number
  readonly body: string
  readonly pictures: Picture[]
  /** `hello` and `end`. */
  readonly others: Record<string, unknown>[]
  readonly response: IncomingMessage
  /** Resolves when the stream is over. */
  readonly over: Promise<void>
}

const prefix = uniquePrefix()
const raw = new Redis(process.env.REDIS_URL ?? '')
const responses: IncomingMessage[] = []
let running: RunningRelay
let other: RunningRelay

beforeAll(async () => {
  const env = { REDIS_URL: process.env.REDIS_URL ?? '', REDIS_KEY_PREFIX: prefix, SESSION: '{"output_modalities":["text"]}' }
  ;[running, other] = await Promise.all([runRelay({ env, simulator: { rateLimits: 'both' } }), runRelay({ env })])
})
afterEach(() => {
  for (const response of responses.splice(0)) response.destroy()
})
afterAll(async () => {
  await Promise.all([running.close(), other.close()])
  raw.disconnect()
})

/** Resolves with the head of the answer. */
async function watch(scope = 'relay:read', of = running, ttlSeconds = 600, subject = 'operator'): Promise<Watching> {
  const authorization = `Bearer ${await of.token(subject, { scope }, ttlSeconds)}`
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${of.relay.adminUrl}/v1/admin/live`, { headers: { authorization }, agent: false }, resolve).on('error', reject)
  })
  responses.push(response)
  const seen = { status: response.statusCode ?? 0, body: '', pictures: [] as Picture[], others: [] as Record<string, unknown>[], response, over: Promise.resolve() }
  seen.over = new Promise((resolve) => response.on('close', resolve))
  let rest = ''
  response.setEncoding('utf8').on('data', (text: string) => {
    seen.body += text
    const blocks = (rest + text).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const [, name, data = '{}'] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? []
      if (name === 'picture') seen.pictures.push(JSON.parse(data) as Picture)
      else if (name) seen.others.push({ name, ...(JSON.parse(data) as object) })
    }
  })
  response.on('error', () => undefined)
  return seen
}

async function connect(subject: string, to = running): Promise<RealtimeClient> {
  const client = await connectClient(`${to.wsUrl}/v1/realtime`, await to.token(subject))
  await client.next('session.created')
  return client
}

const until = (check: () => void) => vi.waitFor(check, { timeout: 8000, interval: 20 })

describe('the stream of pictures', () => {
  it('shows the sessions of all relays under pseudonyms, each picture by its schema, and the next one a second later', async () => {
    const clients = [await connect('ann'), await connect('ann', other), await connect('bob', other)]
    await clients[0]?.ask('Good morning to you')
    const { pictures, others, status, response } = await watch()
    await until(() => expect(pictures.length).toBeGreaterThanOrEqual(3))
    expect(status).toBe(200)
    expect(response.headers).toMatchObject({ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' })
    expect(others).toEqual([{ name: 'hello', acts: false, until: expect.any(String) }])
    const ajv = new Ajv2020({ strict: false })
    formats.default(ajv)
    const fits = ajv.compile(PICTURE)
    for (const picture of pictures) expect(fits(picture), JSON.stringify(fits.errors)).toBe(true)
    // Also the first: it waits for what the other relay says.
    for (const picture of pictures) {
      expect(picture).toMatchObject({ shared: true, calls: { now: 3, most: 2000, turns: { idle: 3 } }, answers: { completed: 1 } })
      expect(picture.relays.map(({ sessions, status: state }) => [sessions, state]).sort()).toEqual([
        [1, 'ok'],
        [2, 'ok'],
      ])
      expect(picture.upstreams).toMatchObject([{ name: 'azure', deployment: DEPLOYMENT, breakers: { closed: 2, open: 0, half_open: 0 }, sessions: 3 }])
      const users = picture.sessions.map(({ user }) => user)
      expect(new Set(users).size).toBe(2)
      expect(users.every((user) => /^u-[0-9a-f]{10}$/.test(user))).toBe(true)
      expect(JSON.stringify(picture)).not.toMatch(/ann|bob|Good morning/)
    }
    expect(pictures[0]?.sessions.map(({ user }) => user).sort()).toEqual(pictures[2]?.sessions.map(({ user }) => user).sort())
    const spoke = pictures[0]?.sessions.filter(({ responses: count }) => count === 1)
    expect(spoke).toMatchObject([{ upstream: 'azure', legs: 1, losses: 0, turn: 'idle', inputTokens: expect.any(Number), money: null }])
    const apart = Date.parse(pictures[2]?.at ?? '') - Date.parse(pictures[1]?.at ?? '')
    expect(apart).toBeGreaterThan(500)
    expect(pictures[0]?.upstreams[0]?.limits?.length).toBeGreaterThan(0)
    expect(pictures[0]?.upstreams[0]?.limits?.[0]?.history.length).toBeGreaterThan(0)
    for (const client of clients) client.close()
    await until(() => expect(pictures.at(-1)?.calls.now).toBe(0))
  })

  it('gives a user the same pseudonym whichever relay is asked', async () => {
    const client = await connect('same')
    const [here, there] = await Promise.all([watch(), watch('relay:admin', other)])
    const userIn = ({ pictures }: Watching) => pictures.at(-1)?.sessions.map(({ user }) => user)
    await until(() => expect([userIn(here)?.length, userIn(there)?.length]).toEqual([1, 1]))
    expect(userIn(here)).toEqual(userIn(there))
    expect(there.others).toMatchObject([{ name: 'hello', acts: true }])
    client.close()
  })

  it('costs Redis nothing while nobody watches: no relay writes a part, or reads whether it should', async () => {
    const own = await startRedis()
    const quiet = await runRelay({ env: { REDIS_URL: own.url } })
    const redis = new Redis(own.url)
    const commands: string[] = []
    const monitor = await redis.monitor()
    monitor.on('monitor', (_time: string, args: string[]) => commands.push(args.join(' ')))
    try {
      const client = await connect('quiet', quiet)
      await until(() => expect(commands.some((command) => command.includes('sessions:'))).toBe(true))
      expect(commands.filter((command) => command.includes('live:'))).toEqual([])
      const { pictures } = await watch('relay:read', quiet)
      await until(() => expect(pictures.length).toBeGreaterThan(0))
      await until(() => expect(commands.filter((command) => /^set .*live:\{/i.test(command)).length).toBeGreaterThan(0))
      client.close()
    } finally {
      monitor.disconnect()
      redis.disconnect()
      await quiet.close()
      await own.stop()
    }
  })

  it('without Redis says that this is one relay alone', async () => {
    const own = await startRedis()
    const alone = await runRelay({ env: { REDIS_URL: own.url } })
    try {
      const client = await connect('hal', alone)
      await own.kill()
      const { pictures } = await watch('relay:read', alone)
      await until(() => expect(pictures.at(-1)).toMatchObject({ shared: false, calls: { now: 1 }, upstreams: [{ limits: null }] }))
      expect(pictures.at(-1)?.troubles[0]).toMatchObject({ level: 'broken', about: 'store', name: 'Redis' })
      client.close()
    } finally {
      await alone.close()
      await own.stop()
    }
  })

  it('of a relay without Redis in its settings is whole', async () => {
    const single = await runRelay()
    try {
      const { pictures, over, others } = await watch('relay:read', single)
      await until(() => expect(pictures.at(-1)).toMatchObject({ shared: true, relays: [{ status: 'ok' }] }))
      await Promise.all([single.close(), over])
      expect(others.at(-1)).toEqual({ name: 'end', why: 'closing' })
    } finally {
      await single.close()
    }
  })
})

describe('who watches', () => {
  it('nobody without a scope', async () => {
    expect((await watch('')).status).toBe(403)
    expect((await watch('relay:reader')).status).toBe(403)
  })

  it(`at most ${MOST_WATCHERS} at once; one that leaves makes room`, async () => {
    const all = await Promise.all(Array.from({ length: MOST_WATCHERS }, () => watch()))
    expect(all.map(({ status }) => status)).toEqual(all.map(() => 200))
    const late = await watch()
    await late.over
    expect(late.status).toBe(429)
    expect(JSON.parse(late.body)).toMatchObject({ error: { code: 'rate_limited', message: expect.stringContaining('As many operators') } })
    all[0]?.response.destroy()
    await vi.waitFor(async () => expect((await watch()).status).toBe(200), { timeout: 5000, interval: 100 })
  })

  it('not longer than the token lives, and not once it is revoked', async () => {
    const short = await watch('relay:read', running, 2)
    await short.over
    expect(short.others.at(-1)).toEqual({ name: 'end', why: 'expired' })
    const revoked = await watch('relay:read', running, 600, 'leaving-operator')
    await until(() => expect(revoked.pictures.length).toBeGreaterThan(0))
    const authorization = `Bearer ${await other.token('operator', { scope: 'relay:admin' })}`
    const body = JSON.stringify({ subject: 'leaving-operator', untilSeconds: Math.floor(Date.now() / 1000) + 60 })
    await fetch(`${other.relay.adminUrl}/v1/admin/revoke`, { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body })
    await revoked.over
    expect(revoked.others.at(-1)).toEqual({ name: 'end', why: 'revoked' })
  })
})

describe('one session', () => {
  it('by its id, on any relay; 404 if none has it', async () => {
    const client = await connect('by-id', other)
    const headers = { authorization: `Bearer ${await running.token('operator', { scope: 'relay:read' })}` }
    const ask = async (path: string) => (await fetch(`${running.relay.adminUrl}/v1/admin${path}`, { headers })).json() as Promise<Record<string, unknown>>
    const found = await vi.waitFor(async () => {
      const one = ((await ask('/sessions')).sessions as { id: string; subject: string }[]).find(({ subject }) => subject === 'by-id')
      if (!one) throw new Error('not listed yet')
      return one
    })
    expect(await ask(`/sessions/${found.id}`)).toEqual(found)
    expect(await ask('/sessions/none')).toMatchObject({ error: { code: 'not_found', param: 'id' } })
    client.close()
  })
})

describe('the page', () => {
  it('needs no token, has no data, sets no cookie, and lets no other page frame it', async () => {
    const answer = await fetch(running.relay.adminUrl)
    expect(answer.status).toBe(200)
    const policy = answer.headers.get('content-security-policy') ?? ''
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'none'",
    ])
      expect(policy.split('; ')).toContain(part)
    expect(answer.headers.get('set-cookie')).toBeNull()
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    const html = await answer.text()
    const files = [...html.matchAll(/(?:src|href)="(operator\/[^"]+)"/g)].map(([, path]) => path)
    expect(files.length).toBe(3)
    for (const path of [...files, 'operator/uplot.js']) expect((await fetch(`${running.relay.adminUrl}/${path}`)).status).toBe(200)
    for (const path of ['operator/', 'operator/../package.json', 'operator/%2e%2e/admin/api.js', 'operator/index.html'])
      expect((await fetch(`${running.relay.adminUrl}/${path}`)).status).toBe(404)
  })

  it('is not on the public port', async () => {
    for (const path of ['/', '/operator/operator.js']) expect((await fetch(`${running.relay.url}${path}`)).status).toBe(404)
  })
})
