// Fail-over between two simulators that refuse, hang or vanish, and the limits recorded meanwhile.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { UpstreamConfig } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'
import type { RefusalError } from '../../src/core/protocol/errors.js'
import type { LimitsBook, Store } from '../../src/ports/store.js'
import type { UpstreamConnection } from '../../src/ports/upstream.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { createMemoryStore } from '../../src/store/memory/store.js'
import { createFailOver, type FailOver } from '../../src/upstream/fail-over.js'
import { createUpstream } from '../../src/upstream/provider.js'

const quiet = { warn: () => undefined }
const CONNECT_MS = 600
/** Extra dials that quiet times have saved up (`core/upstreams/retry-budget.ts`). */
const RETRY_BURST = 10
let sims: Record<'a' | 'b', Simulator>
let store: Store
let now: number
let open: FailOver[]
let links: UpstreamConnection[]
let heardOfDials: unknown[]

beforeEach(async () => {
  const [a, b] = await Promise.all([startSimulator(), startSimulator()])
  sims = { a, b }
  now = Date.now()
  store = createMemoryStore({ now: () => now })
  open = []
  links = []
  heardOfDials = []
})
afterEach(async () => {
  for (const { link } of links) link.close(1000, '')
  for (const one of open) await one.close()
  await Promise.all(Object.values(sims).map((one) => one.close()))
})

function upstream(name: 'a' | 'b', over: Partial<UpstreamConfig> = {}): UpstreamConfig {
  const fixed = { provider: 'azure', apiKey: new Secret('key'), entraScope: 'https://x/.default', apiVersion: undefined, weight: 1 } as const
  return { ...fixed, name, endpoint: new URL(sims[name].url), deployment: `gpt-${name}`, priority: name === 'a' ? 0 : 1, ...over }
}

function relay(configs: readonly UpstreamConfig[], own: LimitsBook = store.limits): FailOver {
  const options = { connectTimeoutMs: CONNECT_MS, pingIntervalMs: 20_000, maxPayloadBytes: 1 << 20, log: quiet }
  const made = createFailOver(
    configs.map((config) => ({ config, provider: createUpstream(config, options) })),
    { limits: own, now: () => now, random: () => 0, connectTimeoutMs: CONNECT_MS, log: quiet, onDialled: (...heard) => void heardOfDials.push(heard) },
  )
  open.push(made)
  return made
}

async function dial(from: FailOver, signal = new AbortController().signal): Promise<string> {
  const connection = await from.dial({ correlationId: 'corr-1', signal })
  links.push(connection)
  return connection.deployment
}

const refused = (from: FailOver, signal?: AbortSignal): Promise<RefusalError> =>
  dial(from, signal).then(
    (deployment) => Promise.reject(new Error(`reached ${deployment}`)),
    (error: RefusalError) => error,
  )
const breakers = (of: FailOver) => of.views().map((view) => view.breaker)

describe('fail-over at connect', () => {
  it('dials the first and not the second', async () => {
    expect(await dial(relay([upstream('a'), upstream('b')]))).toBe('gpt-a')
    expect([sims.a.sessions(), sims.b.sessions()]).toEqual([1, 0])
  })

  it('tells of each dial, and which trace it belongs to', async () => {
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    sims.a.setFaults({ refuse: { status: 503 } })
    links.push(await relay([upstream('a'), upstream('b')]).dial({ correlationId: 'corr-1', trace, signal: new AbortController().signal }))
    expect(heardOfDials).toEqual([
      ['a', expect.objectContaining({ type: 'failed' }), trace],
      ['b', { type: 'opened', latencyMs: 0 }, trace],
    ])
  })

  it.each([
    { id: 'a refusal', break: () => sims.a.setFaults({ refuse: { status: 503 } }) },
    { id: 'bad credentials', break: () => sims.a.setFaults({ refuse: { status: 401 } }) },
    { id: 'silence', break: () => sims.a.setFaults({ hang: true }) },
    { id: 'a closed port', break: () => sims.a.close() },
  ])('reaches the second after $id', async ({ break: fail }) => {
    await fail()
    const both = relay([upstream('a'), upstream('b')])
    expect(await dial(both)).toBe('gpt-b')
    const [connection] = links
    const first = new Promise<string>((resolve) => connection?.link.onFrame((frame) => resolve(frame.toString())))
    connection?.link.resume()
    expect(JSON.parse(await first)).toMatchObject({ type: 'session.created' })
    expect(connection?.privateWords).toContain('gpt-b')
  })

  it('goes on elsewhere after a loss in the middle of a session, and within the zones alone', async () => {
    const both = relay([upstream('a'), upstream('b', { zone: 'eu' })])
    const redial = async (wish: object) => {
      const connection = await both.dial({ correlationId: 'corr-1', signal: new AbortController().signal, ...wish })
      links.push(connection)
      return [connection.deployment, connection.zone]
    }
    expect(await redial({ avoid: 'gpt-a' })).toEqual(['gpt-b', 'eu'])
    expect(await redial({ zones: ['eu'] })).toEqual(['gpt-b', 'eu'])
    await expect(redial({ zones: ['us'] })).rejects.toMatchObject({ code: 'upstream_refused' })
    await sims.b.close()
    expect(await redial({ avoid: 'gpt-b' })).toEqual(['gpt-a', undefined])
    await expect(redial({ zones: ['eu'] })).rejects.toMatchObject({ code: 'upstream_refused' })
  })

  it('counts losses like dials that failed: an upstream that keeps losing sessions is left alone', async () => {
    const both = relay([upstream('a'), upstream('b')])
    expect(await dial(both)).toBe('gpt-a')
    for (let i = 0; i < 3; i++) both.lost?.('gpt-a')
    both.lost?.('unheard-of')
    expect(breakers(both)).toEqual(['open', 'closed'])
    expect(await dial(both)).toBe('gpt-b')
  })

  it('pauses an upstream for as long as it asks, and records that for every instance', async () => {
    const both = relay([upstream('a'), upstream('b')])
    sims.a.setFaults({ refuse: { status: 429, retryAfterSeconds: 30 } })
    expect(await dial(both)).toBe('gpt-b')
    expect(await store.limits.limitsOf('gpt-a')).toEqual([{ name: 'requests', remaining: 0, resetAt: now + 30_000, source: 'http_429', at: now }])
    sims.a.setFaults({})
    now += 29_000
    expect(await dial(both)).toBe('gpt-b')
    const other = relay([upstream('a'), upstream('b')])
    expect(await dial(other), 'a relay that never dialled it').toBe('gpt-b')
    now += 1_000
    expect(await dial(both)).toBe('gpt-a')
    expect(await dial(other)).toBe('gpt-a')
  })

  it('reports the earliest time to come back if none is left', async () => {
    const both = relay([upstream('a'), upstream('b')])
    sims.a.setFaults({ refuse: { status: 429, retryAfterSeconds: 30 } })
    sims.b.setFaults({ refuse: { status: 429, retryAfterSeconds: 9 } })
    expect(await refused(both)).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 9 })
    now += 2_000
    expect(await refused(both), 'without a dial').toMatchObject({ code: 'rate_limited', why: 'none_left', retryAfterSeconds: 7 })
  })

  it('reports that the service refuses if no upstream named a time', async () => {
    sims.a.setFaults({ refuse: { status: 500 } })
    sims.b.setFaults({ hang: true })
    expect(await refused(relay([upstream('a'), upstream('b')]))).toMatchObject({ code: 'upstream_timeout', why: 'connect' })
    expect(await refused(relay([upstream('b'), upstream('a', { priority: 5 })]))).toMatchObject({ code: 'upstream_refused', why: 'server_error' })
  })

  it('stops dialling an upstream that keeps failing, probes it after a pause, and uses it again', async () => {
    const both = relay([upstream('a'), upstream('b')])
    sims.a.setFaults({ refuse: { status: 503 } })
    for (let i = 0; i < 3; i++) expect(await dial(both)).toBe('gpt-b')
    expect(breakers(both)).toEqual(['open', 'closed'])
    expect(await both.health()).toMatchObject({ status: 'degraded' })
    sims.a.setFaults({})
    expect(await dial(both), 'still open').toBe('gpt-b')
    now += 1_000
    expect(breakers(both)).toEqual(['half_open', 'closed'])
    expect(await dial(both)).toBe('gpt-a')
    expect(breakers(both)).toEqual(['closed', 'closed'])
  })

  it('counts a silent upstream as failing, and reports a time-out if all are silent', async () => {
    const both = relay([upstream('a'), upstream('b')])
    sims.a.setFaults({ hang: true })
    for (let i = 0; i < 3; i++) expect(await dial(both)).toBe('gpt-b')
    expect(breakers(both)).toEqual(['open', 'closed'])
    sims.b.setFaults({ refuse: { status: 503 } })
    for (let i = 0; i < 3; i++) expect((await refused(both)).code).toBe('upstream_refused')
    expect(breakers(both)).toEqual(['open', 'open'])
    expect(await refused(both)).toMatchObject({ code: 'upstream_refused', why: 'none_left', retryAfterSeconds: 1 })
    expect(await both.health()).toMatchObject({ status: 'down' })
  })

  it('makes no extra dials beyond its budget if many clients meet an upstream that just failed', async () => {
    const both = relay([upstream('a'), upstream('b')])
    sims.a.setFaults({ refuse: { status: 503 } })
    const results = await Promise.all(
      Array.from({ length: 40 }, () =>
        dial(both).then(
          (deployment) => deployment,
          (error: RefusalError) => error.code,
        ),
      ),
    )
    expect(results.filter((one) => one === 'gpt-b')).toHaveLength(RETRY_BURST)
    expect(results.filter((one) => one === 'upstream_refused' || one === 'upstream_timeout')).toHaveLength(40 - RETRY_BURST)
    expect(await dial(both), 'by now it is known').toBe('gpt-b')
  })

  it('a client that leaves says nothing about the upstream', async () => {
    sims.a.setFaults({ hang: true })
    const both = relay([upstream('a'), upstream('b')])
    const gone = new AbortController()
    const ending = refused(both, gone.signal)
    gone.abort()
    expect(await ending).toMatchObject({ why: 'aborted' })
    expect(sims.b.sessions()).toBe(0)
    sims.a.setFaults({})
    expect(await dial(both)).toBe('gpt-a')
  })
})

describe('limits', () => {
  it('are separate for deployments of the same name, and configured quotas are recorded', async () => {
    const same = { deployment: 'gpt-realtime', limits: { tokens: 5_000, requests: 60 } }
    const both = relay([upstream('a', same), upstream('b', same)])
    expect(await dial(both)).toBe('gpt-realtime~a')
    expect(links[0]?.privateWords).toEqual(expect.arrayContaining(['gpt-realtime', '127.0.0.1']))
    await vi.waitFor(async () =>
      expect((await store.limits.limitsOf('gpt-realtime~b')).map(({ name, limit, source }) => [name, limit, source])).toEqual([
        ['tokens', 5_000, 'configured'],
        ['requests', 60, 'configured'],
      ]),
    )
  })

  it('lead to the next upstream if one has nothing left', async () => {
    const both = relay([upstream('a'), upstream('b')])
    store.limits.recordLimits({ deployment: 'gpt-a', source: 'event', at: now, limits: [{ name: 'tokens', limit: 1_000, remaining: 0, resetSeconds: 60 }] })
    expect(await dial(both)).toBe('gpt-b')
    store.limits.recordLimits({ deployment: 'gpt-b', source: 'event', at: now, limits: [{ name: 'tokens', limit: 1_000, remaining: 0, resetSeconds: 30 }] })
    const alone = relay([upstream('b')])
    expect(await refused(alone)).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 1 })
    now += 1_000
    expect(await dial(alone)).toBe('gpt-b')
  })

  it('never delay a dial, even if the store never answers or rejects', async () => {
    const deaf = { recordLimits: () => undefined, limitsOf: () => new Promise<never>(() => undefined) }
    expect(await dial(relay([upstream('a'), upstream('b')], deaf))).toBe('gpt-a')
    const away = { recordLimits: () => undefined, limitsOf: () => Promise.reject(new Error('away')) }
    expect(await dial(relay([upstream('a'), upstream('b')], away))).toBe('gpt-a')
  })
})

describe('a single upstream', () => {
  it('keeps its own time limit and is dialled again after any number of failures', async () => {
    const alone = relay([upstream('a')])
    sims.a.setFaults({ refuse: { status: 503 } })
    for (let i = 0; i < 5; i++) expect(await refused(alone)).toMatchObject({ code: 'upstream_refused', why: 'server_error' })
    sims.a.setFaults({ hang: true })
    expect(await refused(alone)).toMatchObject({ code: 'upstream_timeout' })
    sims.a.setFaults({})
    expect(await dial(alone)).toBe('gpt-a')
  })

  it('with a closed port is refused at once', async () => {
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    const { port } = probe.address() as { port: number }
    probe.close()
    await once(probe, 'close')
    expect(await refused(relay([upstream('a', { endpoint: new URL(`http://127.0.0.1:${port}`) })]))).toMatchObject({ code: 'upstream_refused', why: 'connection_refused' })
  })
})
