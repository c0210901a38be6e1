// WebRTC calls against a service on loopback: what is sent in which order, what of the answers counts, and how calls end.
import { Agent } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { UpstreamConfig } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'
import type { RefusalError } from '../../src/core/protocol/errors.js'
import type { CallProvider } from '../../src/ports/calls.js'
import { createMemoryStore } from '../../src/store/memory/store.js'
import { createCallProvider } from '../../src/upstream/calls/provider.js'
import { createFailOver, type FailOver } from '../../src/upstream/fail-over.js'
import { createUpstream } from '../../src/upstream/provider.js'
import { AZURE_MEDIA_ONLY } from '../core/sdp/samples.js'
import { type CallUpstream, startCallUpstream, UPSTREAM_KEY } from '../support/call-upstream.js'

let service: CallUpstream
let others: CallUpstream[]
let failOver: FailOver
const logged: Record<string, unknown>[] = []
const agent = new Agent()

beforeEach(async () => {
  service = await startCallUpstream()
  others = []
  logged.length = 0
})
afterEach(async () => {
  await failOver.close()
  await Promise.all([service, ...others].map((one) => one.close()))
})

const azure = (over: Partial<UpstreamConfig> = {}): UpstreamConfig => ({
  name: 'azure',
  provider: 'azure',
  endpoint: new URL(service.url),
  deployment: 'secret-deployment',
  apiKey: new Secret(UPSTREAM_KEY),
  entraScope: 'scope',
  apiVersion: undefined,
  priority: 0,
  weight: 1,
  ...over,
})

function provider(configs: readonly UpstreamConfig[] = [azure()], timing: { timeoutMs?: number; now?: () => number } = {}): CallProvider {
  const { timeoutMs = 5000, ...rest } = timing
  const log = { warn: (fields: Readonly<Record<string, unknown>>) => void logged.push(fields) }
  const upstreams = configs.map((config) => {
    const made = createUpstream(config, { connectTimeoutMs: timeoutMs, pingIntervalMs: 20_000, maxPayloadBytes: 65_536, log })
    return { config, provider: made, calls: made.calls }
  })
  failOver = createFailOver(upstreams, { limits: createMemoryStore().limits, now: Date.now, random: () => 0, connectTimeoutMs: timeoutMs, log })
  return createCallProvider({ upstreams: failOver, names: configs.map(({ name }) => name), dispatcherFor: () => agent, timeoutMs, log, ...rest })
}

const offer = (signal = new AbortController().signal, zones?: readonly string[]) => ({
  sdp: 'v=0\r\noffer',
  session: { instructions: 'secret persona', tools: [] },
  correlationId: 'corr-1',
  trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  signal,
  ...(zones && { zones }),
})
const refused = (work: Promise<unknown>) =>
  work.then(
    () => Promise.reject(new Error('was not refused')),
    (error: RefusalError) => ({ code: error.code, why: error.why, retry: error.retryAfterSeconds }),
  )

describe('placing a call at Azure', () => {
  it('mints a ticket with the whole session, and calls with that ticket alone', async () => {
    const { call, sdp } = await provider().place(offer())
    expect(sdp).toBe(AZURE_MEDIA_ONLY)
    expect(call.upstream).toBe('azure')
    expect(service.live).toContain(call.callId)
    const [mint, placed, ...more] = service.asked
    expect(more).toEqual([])
    expect(mint).toMatchObject({ method: 'POST', path: '/openai/v1/realtime/client_secrets' })
    expect(mint?.headers).toMatchObject({ 'api-key': UPSTREAM_KEY, 'x-ms-client-request-id': 'corr-1', traceparent: expect.stringContaining('0af7') })
    expect(JSON.parse(mint?.body ?? '')).toEqual({
      session: { type: 'realtime', model: 'secret-deployment', instructions: 'secret persona', tools: [] },
      expires_after: { anchor: 'created_at', seconds: 30 },
    })
    expect(placed).toMatchObject({ path: '/openai/v1/realtime/calls?webrtcfilter=on', body: 'v=0\r\noffer' })
    expect(placed?.headers).toMatchObject({ authorization: expect.stringMatching(/^Bearer ek_upstream_/), 'content-type': 'application/sdp' })
    expect(placed?.headers['api-key']).toBeUndefined()
  })

  it('takes an Entra token where there is no key', async () => {
    const log = { warn: () => undefined }
    const credential = { getToken: async () => ({ token: UPSTREAM_KEY, expiresOnTimestamp: Date.now() + 3_600_000 }) }
    const config = azure({ apiKey: undefined })
    const made = createUpstream(config, { connectTimeoutMs: 5000, pingIntervalMs: 20_000, maxPayloadBytes: 65_536, log, credential })
    failOver = createFailOver([{ config, provider: made, calls: made.calls }], { limits: createMemoryStore().limits, now: Date.now, random: () => 0, connectTimeoutMs: 5000, log })
    const calls = createCallProvider({ upstreams: failOver, names: ['azure'], dispatcherFor: () => agent, timeoutMs: 5000, log })
    await calls.place(offer())
    expect(service.asked[0]?.headers.authorization).toBe(`Bearer ${UPSTREAM_KEY}`)
  })
})

describe('placing a call at OpenAI', () => {
  it('sends offer and session in one request with the key', async () => {
    const config = azure({ name: 'openai', provider: 'openai', endpoint: new URL(`${service.url}/v1`) })
    const { call } = await provider([config]).place(offer())
    expect(service.live).toContain(call.callId)
    expect(service.asked).toHaveLength(1)
    const [{ path, headers, body } = { path: '', headers: {}, body: '' }] = service.asked
    expect(path).toBe('/v1/realtime/calls')
    expect(headers.authorization).toBe(`Bearer ${UPSTREAM_KEY}`)
    const form = await new Response(body, { headers: { 'content-type': headers['content-type'] ?? '' } }).formData()
    expect(await (form.get('sdp') as unknown as Blob | string).toString()).toBe('v=0\r\noffer')
    expect(JSON.parse(String(form.get('session')))).toMatchObject({ model: 'secret-deployment', instructions: 'secret persona' })
  })
})

describe('an answer that does not count', () => {
  const at = (path: string, given: { status: number; headers?: Record<string, string>; body?: string } | 'hang') => {
    service.answer = (asked) => (asked.path.includes(path) ? given : undefined)
  }
  const location = { location: '/v1/realtime/calls/rtc_1' }

  it.each([
    ['a redirect', 'calls', { status: 302, headers: location }, { code: 'upstream_refused', why: 'redirect' }],
    ['200 instead of 201', 'calls', { status: 200, headers: location, body: 'v=0' }, { code: 'upstream_refused', why: 'status' }],
    ['no Location', 'calls', { status: 201, body: 'v=0' }, { code: 'upstream_refused', why: 'no_call_id' }],
    ['a Location of something else', 'calls', { status: 201, headers: { location: '/v1/files/1' } }, { code: 'upstream_refused', why: 'no_call_id' }],
    ['an id that leads elsewhere', 'calls', { status: 201, headers: { location: '/calls?call_id=rtc_1%2F..%2Fx' } }, { code: 'upstream_refused', why: 'no_call_id' }],
    ['a refused credential', 'client_secrets', { status: 401 }, { code: 'upstream_refused', why: 'credential' }],
    ['a spent quota', 'client_secrets', { status: 429, headers: { 'retry-after': '7' } }, { code: 'rate_limited', why: 'quota', retry: 7 }],
    ['a refused session', 'client_secrets', { status: 400 }, { code: 'upstream_refused', why: 'bad_request' }],
    ['a refused offer', 'calls', { status: 400 }, { code: 'bad_request', why: 'offer_refused' }],
    ['an error', 'calls', { status: 503, headers: { 'retry-after': '3' } }, { code: 'upstream_refused', why: 'server_error', retry: 3 }],
    ['no ticket', 'client_secrets', { status: 200, body: '{"value":"sk-key"}' }, { code: 'upstream_refused', why: 'no_ticket' }],
    ['no JSON', 'client_secrets', { status: 200, body: '<html>' }, { code: 'upstream_refused', why: 'no_ticket' }],
  ] as const)('%s', async (_name, path, given, refusal) => {
    at(path, given as Parameters<typeof at>[1])
    expect(await refused(provider().place(offer()))).toMatchObject(refusal)
  })

  it('one without end, whose call is hung up', async () => {
    at('calls?', { status: 201, headers: location, body: 'v=0\r\n'.repeat(20_000) })
    expect(await refused(provider().place(offer()))).toMatchObject({ code: 'upstream_refused', why: 'answer_too_big' })
    await expect.poll(() => service.asked.map(({ path }) => path)).toContain('/openai/v1/realtime/calls/rtc_1/hangup')
  })

  it('none in time', async () => {
    at('client_secrets', 'hang')
    expect(await refused(provider([azure()], { timeoutMs: 100 }).place(offer()))).toMatchObject({ code: 'upstream_timeout' })
  })

  it('none while the caller waits', async () => {
    at('client_secrets', 'hang')
    const leaving = new AbortController()
    const placing = refused(provider().place(offer(leaving.signal)))
    await expect.poll(() => service.asked.length).toBe(1)
    leaving.abort()
    expect(await placing).toMatchObject({ code: 'upstream_refused', why: 'aborted' })
    expect(logged).toEqual([])
  })

  it('an id in the query, as a gateway writes it, counts', async () => {
    at('calls?', { status: 201, headers: { location: 'https://gateway.example.com/realtime?call_id=rtc_7' }, body: 'v=0' })
    expect((await provider().place(offer())).call.callId).toBe('rtc_7')
  })

  it('nothing of it is logged', async () => {
    at('calls', { status: 500, body: 'secret persona' })
    await refused(provider().place(offer()))
    expect(logged).toContainEqual(expect.objectContaining({ upstream: 'azure', status: 500, why: 'server_error' }))
    expect(JSON.stringify(logged)).not.toMatch(/ek_|persona|127\.0\.0\.1|secret-/)
  })
})

describe('several upstreams', () => {
  it('falls over to the next, and passes over those that take no calls', async () => {
    const second = await startCallUpstream()
    others.push(second)
    service.answer = ({ path }) => (path.includes('client_secrets') ? { status: 500 } : undefined)
    const old = azure({ name: 'old', apiVersion: '2025-04-01-preview' })
    const voice = azure({ name: 'voice', provider: 'voice-live' })
    const calls = provider([old, voice, azure(), azure({ name: 'second', priority: 1, endpoint: new URL(second.url) })])
    const { call } = await calls.place(offer())
    expect(call.upstream).toBe('second')
    expect(service.asked).toHaveLength(1)
    expect(second.live).toContain(call.callId)
  })

  it('refuses if none takes calls, or none in the caller’s zones', async () => {
    expect(await refused(provider([azure({ apiVersion: '2025-04-01-preview' })]).place(offer()))).toMatchObject({ code: 'upstream_refused', why: 'no_upstream_takes_calls' })
    await failOver.close()
    expect(await refused(provider([azure({ zone: 'us' })]).place(offer(undefined, ['eu'])))).toMatchObject({ code: 'upstream_refused' })
    expect(service.asked).toEqual([])
  })

  it('asks nobody else about an offer that one of them refuses, and holds nothing against it', async () => {
    const second = await startCallUpstream()
    others.push(second)
    service.answer = ({ path }) => (path.includes('calls?') ? { status: 400 } : undefined)
    const calls = provider([azure(), azure({ name: 'second', priority: 1, endpoint: new URL(second.url) })])
    for (let asked = 0; asked < 5; asked++) expect(await refused(calls.place(offer()))).toMatchObject({ code: 'bad_request' })
    expect(second.asked).toEqual([])
    expect(failOver.views()[0]?.breaker).toBe('closed')
  })
})

describe('the sideband', () => {
  const request = () => ({ correlationId: 'corr-2', trace: undefined, signal: new AbortController().signal })

  it('is dialled by the id alone, with the server’s credentials', async () => {
    const calls = provider()
    const { call } = await calls.place(offer())
    const connection = await calls.attach(call, request())
    expect(connection).toMatchObject({ dialect: 'ga', deployment: 'secret-deployment', privateWords: ['127.0.0.1', 'secret-deployment'] })
    expect(service.asked.at(-1)).toMatchObject({ method: 'UPGRADE', path: `/openai/v1/realtime?call_id=${call.callId}` })
    expect(service.asked.at(-1)?.headers['api-key']).toBe(UPSTREAM_KEY)
    connection.link.close(1000, '')
  })

  it('of a call that is over is `not_found`, and the upstream stays well', async () => {
    const calls = provider()
    expect(await refused(calls.attach({ callId: 'rtc_9', upstream: 'azure' }, request()))).toMatchObject({ code: 'not_found', why: 'call_over' })
    expect(await failOver.health()).toMatchObject({ status: 'ok' })
  })

  it('of an upstream that is no longer configured is refused', async () => {
    expect(await refused(provider().attach({ callId: 'rtc_9', upstream: 'gone' }, request()))).toMatchObject({ code: 'upstream_refused', why: 'unknown_upstream' })
  })
})

describe('hanging up', () => {
  const hangups = () => service.asked.filter(({ path }) => path.endsWith('/hangup'))

  it('ends the call, and takes one that is over for done', async () => {
    const calls = provider()
    const { call } = await calls.place(offer())
    await calls.hangUp(call)
    expect(service.live.size).toBe(0)
    await calls.hangUp(call)
    expect(hangups().map(({ method, headers }) => [method, headers['api-key']])).toEqual([
      ['POST', UPSTREAM_KEY],
      ['POST', UPSTREAM_KEY],
    ])
  })

  it('is repeated until it succeeds', async () => {
    const calls = provider()
    const { call } = await calls.place(offer())
    service.answer = ({ path }) => (path.endsWith('/hangup') && hangups().length < 3 ? { status: 500 } : undefined)
    await calls.hangUp(call)
    expect(hangups()).toHaveLength(3)
  })

  it('rejects once its time is over', async () => {
    // Each answer takes six of the ten seconds.
    const calls = provider([azure()], { now: () => hangups().length * 6000 })
    const { call } = await calls.place(offer())
    service.answer = ({ path }) => (path.endsWith('/hangup') ? { status: 500 } : undefined)
    expect(await refused(calls.hangUp(call))).toMatchObject({ code: 'upstream_refused', why: 'server_error' })
    expect(hangups()).toHaveLength(2)
  })
})
