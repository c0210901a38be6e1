// Connections opened ahead: each handed out once and in order, replaced when old or lost, within a budget, and closed at the end.
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RefusalError } from '../../src/core/protocol/errors.js'
import type { Link } from '../../src/ports/link.js'
import type { UpstreamConnection, UpstreamProvider } from '../../src/ports/upstream.js'
import { createPool, type PoolEvent, type PoolOptions, type UpstreamPool } from '../../src/upstream/pool.js'
import { createUpstream } from '../../src/upstream/provider.js'
import { azureConfig, created, type SessionUpstream, sessionUpstream } from './session-upstream.js'

const HOUR_MS = 3_600_000
const silent = { info: () => undefined, warn: () => undefined }

let upstream: SessionUpstream
let pools: UpstreamPool[]
let events: PoolEvent[]
let wake: Set<() => void>

beforeEach(async () => {
  upstream = await sessionUpstream()
  pools = []
  events = []
  wake = new Set()
})
afterEach(async () => {
  for (const pool of pools) await pool.close()
  await upstream.close()
})

const providerOptions = { connectTimeoutMs: 5000, pingIntervalMs: 20_000, maxPayloadBytes: 1 << 20, log: silent }

function poolOptions(over: Partial<PoolOptions> = {}): PoolOptions {
  const count = (event: PoolEvent) => {
    events.push(event)
    for (const look of [...wake]) look()
  }
  return { size: 1, firstEventMs: 5000, random: () => 0.5, log: silent, count, maxAgeMs: HOUR_MS, pauseMs: { least: HOUR_MS, most: HOUR_MS }, ...over }
}

function open(over: Partial<PoolOptions> = {}): UpstreamPool {
  const pool = createPool(createUpstream(azureConfig(upstream.url), providerOptions), poolOptions(over))
  pools.push(pool)
  return pool
}

/** Resolves once `event` has been counted `times` times. */
function counted(event: PoolEvent, times: number): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (events.filter((one) => one === event).length < times) return
      wake.delete(look)
      resolve()
    }
    wake.add(look)
    look()
  })
}

const dial = (pool: UpstreamProvider, correlationId = 'session-1') => pool.dial({ correlationId, signal: new AbortController().signal })
const refusal = (dialled: Promise<unknown>): Promise<RefusalError> =>
  dialled.then(
    () => Promise.reject(new Error('the dial succeeded')),
    (error: RefusalError) => error,
  )

/** The next `count` frames of a link that was not read before. */
function frames(link: Link, count: number): Promise<string[]> {
  const seen: string[] = []
  return new Promise((resolve) => {
    link.onFrame((frame) => {
      seen.push(frame.toString())
      if (seen.length === count) resolve(seen)
    })
    link.resume()
  })
}

const sessionOf = async ({ link }: UpstreamConnection) => (JSON.parse((await frames(link, 1))[0] ?? '{}') as { session: { id: string } }).session.id

describe('a warm pool', () => {
  it('hands out a ready connection with its early frames, in order, and fills up again', async () => {
    upstream.greeting = (n) => [created(n), '{"type":"second"}', '{"type":"third"}']
    const pool = open({ size: 2 })
    await counted('filled', 2)
    expect(pool.ready).toBe(2)
    const connection = await dial(pool)
    expect(await frames(connection.link, 3)).toEqual([created(1), '{"type":"second"}', '{"type":"third"}'])
    expect(connection).toMatchObject({ dialect: 'ga', deployment: 'gpt-realtime' })
    const first = await upstream.session(1)
    const later = frames(connection.link, 1)
    first.socket.send('{"type":"later"}')
    expect(await later).toEqual(['{"type":"later"}'])
    await counted('filled', 3)
    expect(events.filter((event) => event !== 'filled')).toEqual(['hit'])
  })

  it('dials with its own ids and a current credential; only a dial without a ready connection has the session’s id', async () => {
    const pool = open()
    await counted('filled', 1)
    await dial(pool, 'session-a')
    upstream.refuse = { status: 503 }
    await counted('failed', 1)
    upstream.refuse = undefined
    await dial(pool, 'session-b')
    expect(upstream.asked.map((id) => id?.replace(/^pool-[0-9a-f-]{36}$/, 'pool'))).toEqual(['pool', 'pool', 'session-b'])
    expect(upstream.sessions.map((session) => session.apiKey)).toEqual(['key-of-the-pool', 'key-of-the-pool'])
    expect(events.filter((event) => event === 'miss')).toHaveLength(1)
  })

  it('never gives one connection to two sessions', async () => {
    const pool = open({ size: 4 })
    await counted('filled', 4)
    const connections = await Promise.all(Array.from({ length: 24 }, (_, n) => dial(pool, `session-${n}`)))
    const ids = await Promise.all(connections.map(sessionOf))
    expect(new Set(ids).size).toBe(24)
    expect(events.filter((event) => event === 'hit')).toHaveLength(4)
  })

  it('is left to sessions that lost theirs by a caller who is new', async () => {
    const pool = open()
    await counted('filled', 1)
    const request = { signal: new AbortController().signal }
    await pool.dial({ ...request, correlationId: 'new', leavesReady: true })
    expect([pool.ready, events.at(-1)]).toEqual([1, 'miss'])
    await pool.dial({ ...request, correlationId: 'lost' })
    expect(events.filter((event) => event === 'hit')).toHaveLength(1)
  })

  it('never takes a used connection back', async () => {
    const pool = open()
    await counted('filled', 1)
    const { link } = await dial(pool)
    link.send('{"type":"session.update"}')
    link.close(1000, '')
    expect(await (await upstream.session(1)).closed).toBe(1000)
    await counted('filled', 2)
    expect(await sessionOf(await dial(pool))).toBe('sess_2')
  })

  it('leaves an aborted dial to the upstream, which refuses it', async () => {
    const pool = open()
    await counted('filled', 1)
    expect((await refusal(pool.dial({ correlationId: 'x', signal: AbortSignal.abort() }))).why).toBe('aborted')
    expect(pool.ready).toBe(1)
  })
})

describe('an opening that is the same for every session', () => {
  const opening = (eventId: string, instructions = 'Be kind.') => ({ type: 'session.update', event_id: eventId, session: { type: 'realtime', instructions } })
  const updated = (text: string) => JSON.stringify({ type: 'session.updated', event_id: 'event_u', session: (JSON.parse(text) as { session: object }).session })
  beforeEach(() => {
    upstream.answer = (text) => [updated(text), '{"type":"after"}']
  })

  it('is sent ahead; a session that begins with it is answered at once, and the upstream does not get it again', async () => {
    const pool = open({ opening: () => opening('event_pool') })
    await counted('filled', 1)
    const { link } = await dial(pool)
    const seen: string[] = []
    const all = new Promise<void>((resolve) => {
      link.onFrame((frame) => {
        seen.push(frame.toString())
        if (seen.length === 1) link.send(JSON.stringify(opening('event_session')))
        if (seen.length === 3) resolve()
      })
    })
    link.resume()
    await all
    expect(seen.sort()).toEqual([created(1), updated(JSON.stringify(opening(''))), '{"type":"after"}'].sort())
    link.send('{"type":"next"}')
    const session = await upstream.session(1)
    await once(session.socket, 'message')
    expect(session.received).toEqual([JSON.stringify(opening('event_pool')), '{"type":"next"}'])
  })

  it('is replaced by a session that begins otherwise', async () => {
    const pool = open({ opening: () => opening('event_pool') })
    await counted('filled', 1)
    const { link } = await dial(pool)
    const session = await upstream.session(1)
    const asked = once(session.socket, 'message')
    link.send(JSON.stringify(opening('event_session', 'Be brief.')))
    await asked
    expect(session.received).toEqual([JSON.stringify(opening('event_pool')), JSON.stringify(opening('event_session', 'Be brief.'))])
  })

  it('is spelled as the upstream reads it', async () => {
    pools.push(
      createPool(createUpstream({ ...azureConfig(upstream.url), apiVersion: '2025-04-01-preview' }, providerOptions), poolOptions({ opening: () => opening('event_pool') })),
    )
    await counted('filled', 1)
    expect(JSON.parse((await upstream.session(1)).received[0] ?? '{}')).toEqual({ type: 'session.update', event_id: 'event_pool', session: { instructions: 'Be kind.' } })
  })

  it('that the upstream refuses makes no connection ready', async () => {
    upstream.answer = () => ['{"type":"error","error":{"code":"invalid_value"}}']
    const pool = open({ opening: () => opening('event_pool') })
    await counted('failed', 1)
    expect(pool.ready).toBe(0)
    expect(await (await upstream.session(1)).closed).toBe(1000)
  })
})

describe('an unused connection', () => {
  it('is dropped if the upstream sends an error', async () => {
    const pool = open()
    await counted('filled', 1)
    const session = await upstream.session(1)
    session.socket.send('{"type":"error","error":{"code":"session_expired"}}')
    await counted('lost', 1)
    expect(pool.ready).toBe(0)
    expect(await session.closed).toBe(1000)
  })

  it('is dropped when the upstream ends it, and replaced', async () => {
    const pool = open({ pauseMs: { least: 1, most: 1 } })
    await counted('filled', 1)
    ;(await upstream.session(1)).socket.close(1001)
    await counted('lost', 1)
    expect(pool.ready).toBe(0)
    await counted('filled', 2)
    expect(await sessionOf(await dial(pool))).toBe('sess_2')
  })

  it('is closed and replaced before it is too old', async () => {
    const pool = open({ maxAgeMs: 40 })
    expect(await (await upstream.session(1)).closed).toBe(1000)
    await upstream.session(2)
    expect(events.slice(0, 2)).toEqual(['filled', 'expired'])
    await pool.close()
  })

  it('is dropped when it floods', async () => {
    upstream.greeting = (n) => (n === 1 ? Array.from({ length: 20 }, () => created(1)) : [created(n)])
    const pool = open({ pauseMs: { least: 1, most: 1 } })
    await (await upstream.session(1)).closed
    await counted('filled', 1)
    expect(await sessionOf(await dial(pool))).toBe('sess_2')
  })

  it.each([
    ['an error', '{"type":"error","error":{"code":"invalid_api_key"}}'],
    ['nothing that begins a session', '{"type":"rate_limits.updated"}'],
    ['no event', 'hello'],
  ])('is dropped when it begins with %s', async (_name, first) => {
    upstream.greeting = () => [first]
    const pool = open()
    await counted('failed', 1)
    expect(await (await upstream.session(1)).closed).toBe(1000)
    expect(pool.ready).toBe(0)
  })

  it('is dropped when it never begins', async () => {
    upstream.greeting = () => []
    open({ firstEventMs: 30 })
    await counted('failed', 1)
    expect(await (await upstream.session(1)).closed).toBe(1000)
  })
})

describe('an upstream that fails', () => {
  it('is paused for a while; a session that dials meanwhile gets the upstream’s own answer', async () => {
    upstream.refuse = { status: 429, retryAfter: 7 }
    const pool = open({ size: 3 })
    await counted('failed', 1)
    for (let n = 0; n < 5; n++) expect(await refusal(dial(pool, 'session'))).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 7 })
    expect(upstream.asked.filter((id) => id?.startsWith('pool-'))).toHaveLength(1)
  })

  it('is dialled again after its own pause if that is longer than ours', async () => {
    upstream.refuse = { status: 503, retryAfter: 3600 }
    const pool = open({ pauseMs: { least: 1, most: 1 } })
    await counted('failed', 1)
    upstream.refuse = undefined
    for (let n = 0; n < 5; n++) await dial(pool, 'session')
    expect(upstream.asked.filter((id) => id?.startsWith('pool-'))).toHaveLength(1)
  })

  it('is filled from again when it works', async () => {
    upstream.refuse = { status: 503 }
    const pool = open({ size: 2, pauseMs: { least: 1, most: 2 } })
    await counted('failed', 2)
    upstream.refuse = undefined
    await counted('filled', 2)
    expect(pool.ready).toBe(2)
  })

  it('that begins sessions and ends them costs no more than the budget', async () => {
    upstream.greeting = (n) => {
      const session = upstream.sessions[n - 1]
      if (session?.requestId?.startsWith('pool-')) setImmediate(() => session.socket.close(1011))
      return [created(n)]
    }
    const pool = open({ pauseMs: { least: 1, most: 1 } })
    await counted('lost', 4)
    for (let n = 0; n < 5; n++) await dial(pool, 'session')
    expect(upstream.asked.filter((id) => id?.startsWith('pool-'))).toHaveLength(4)
  })
})

describe('close', () => {
  it('ends ready connections and dials no more', async () => {
    const pool = open({ size: 2 })
    await counted('filled', 2)
    await pool.close()
    expect(await Promise.all([1, 2].map(async (n) => (await upstream.session(n)).closed))).toEqual([1000, 1000])
    expect(pool.ready).toBe(0)
    expect(await refusal(dial(pool))).toMatchObject({ code: 'upstream_refused', why: 'closed' })
    expect(upstream.asked).toHaveLength(2)
  })

  it('ends a connection that has not begun, and the dial of one that is not open', async () => {
    upstream.greeting = () => []
    const pool = open()
    const waiting = await upstream.session(1)
    waiting.socket.ping()
    await once(waiting.socket, 'pong')
    const early = open()
    await Promise.all([pool.close(), early.close()])
    expect(await waiting.closed).toBe(1000)
    expect(events).toEqual([])
  })
})
