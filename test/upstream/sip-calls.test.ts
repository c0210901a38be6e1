// Calls by SIP against services on loopback: who is asked, with what, what an answer means, and that no accepted call is left alone.
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
import { type CallUpstream, startCallUpstream, UPSTREAM_KEY } from '../support/call-upstream.js'

let first: CallUpstream
let second: CallUpstream
let failOver: FailOver
const logged: Record<string, unknown>[] = []
const agent = new Agent()

beforeEach(async () => {
  ;[first, second] = await Promise.all([startCallUpstream(), startCallUpstream()])
  logged.length = 0
})
afterEach(async () => {
  await failOver.close()
  await Promise.all([first.close(), second.close()])
})

const azure = (over: Partial<UpstreamConfig> = {}): UpstreamConfig => ({
  name: 'azure',
  provider: 'azure',
  endpoint: new URL(first.url),
  deployment: 'secret-deployment',
  apiKey: new Secret(UPSTREAM_KEY),
  entraScope: 'scope',
  apiVersion: undefined,
  priority: 0,
  weight: 1,
  ...over,
})
const openai = () => azure({ name: 'openai', provider: 'openai', endpoint: new URL(`${second.url}/v1`), deployment: 'gpt-realtime', priority: 1 })

function provider(configs: readonly UpstreamConfig[] = [azure()], { timeoutMs = 5000 } = {}): CallProvider {
  const log = { warn: (fields: Readonly<Record<string, unknown>>) => void logged.push(fields) }
  const upstreams = configs.map((config) => {
    const made = createUpstream(config, { connectTimeoutMs: timeoutMs, pingIntervalMs: 20_000, maxPayloadBytes: 65_536, log })
    return { config, provider: made, calls: made.calls }
  })
  failOver = createFailOver(upstreams, { limits: createMemoryStore().limits, now: Date.now, random: () => 0, connectTimeoutMs: timeoutMs, log })
  return createCallProvider({ upstreams: failOver, names: configs.map(({ name }) => name), dispatcherFor: () => agent, timeoutMs, log })
}
const ringing = (callId = 'rtc_1', over: object = {}) => ({
  callId,
  session: { instructions: 'secret persona', tools: [], audio: { input: { turn_detection: { type: 'server_vad' } } } },
  correlationId: 'corr-1',
  signal: new AbortController().signal,
  ...over,
})
const refused = (work: Promise<unknown>) =>
  work.then(
    () => Promise.reject(new Error('was not refused')),
    (error: RefusalError) => ({ code: error.code, why: error.why, retry: error.retryAfterSeconds }),
  )
const askedOf = ({ asked }: CallUpstream) => asked.map(({ method, path }) => `${method} ${path}`)

describe('accepting', () => {
  it('sends the server’s session with the deployment as model', async () => {
    first.ringing.add('rtc_1')
    expect(await provider().accept(ringing())).toEqual({ callId: 'rtc_1', upstream: 'azure' })
    expect(first.live).toContain('rtc_1')
    expect(askedOf(first)).toEqual(['POST /openai/v1/realtime/calls/rtc_1/accept'])
    expect(first.asked[0]?.headers).toMatchObject({ 'api-key': UPSTREAM_KEY, 'content-type': 'application/json', 'x-ms-client-request-id': 'corr-1' })
    expect(JSON.parse(first.asked[0]?.body ?? '')).toEqual({
      type: 'realtime',
      model: 'secret-deployment',
      instructions: 'secret persona',
      tools: [],
      audio: { input: { turn_detection: { type: 'server_vad' } } },
    })
  })

  it('asks the next upstream if one does not know the call, which says nothing against that one', async () => {
    second.ringing.add('rtc_1')
    const calls = provider([azure(), openai()])
    expect(await calls.accept(ringing())).toEqual({ callId: 'rtc_1', upstream: 'openai' })
    expect(askedOf(second)).toEqual(['POST /v1/realtime/calls/rtc_1/accept'])
    expect(second.asked[0]?.headers.authorization).toBe(`Bearer ${UPSTREAM_KEY}`)
    for (let n = 0; n < 20; n++) await refused(calls.accept(ringing('rtc_unknown')))
    expect(failOver.views().map(({ breaker }) => breaker)).toEqual(['closed', 'closed'])
    expect(logged).toEqual([])
  })

  it('is not found if the caller has left', async () => {
    expect(await refused(provider([azure(), openai()]).accept(ringing()))).toMatchObject({ code: 'not_found' })
    expect(askedOf(first)).toHaveLength(1)
    expect(askedOf(second)).toHaveLength(1)
  })

  it('fails if the upstream that may know the call fails, even if the others do not know it', async () => {
    first.answer = () => ({ status: 401 })
    expect(await refused(provider([azure(), openai()]).accept(ringing()))).toMatchObject({ code: 'upstream_refused', why: 'credential' })
  })

  it.each([
    [400, { code: 'upstream_refused', why: 'bad_request' }],
    [401, { code: 'upstream_refused', why: 'credential' }],
    [429, { code: 'rate_limited', why: 'quota', retry: 7 }],
    [302, { code: 'upstream_refused', why: 'redirect' }],
  ])('is refused with %i, and nothing is hung up', async (status, refusal) => {
    first.answer = () => ({ status, headers: { 'retry-after': '7', location: 'http://127.0.0.1:1/' } })
    expect(await refused(provider().accept(ringing()))).toMatchObject(refusal)
    expect(askedOf(first)).toEqual(['POST /openai/v1/realtime/calls/rtc_1/accept'])
  })

  it.each([
    ['does not answer', 'hang' as const],
    ['breaks', { status: 504 }],
    ['answers without end', { status: 200, body: 'x'.repeat(70_000) }],
  ])('hangs up a call that may run, if the upstream %s', async (_how, given) => {
    first.answer = ({ path }) => (path.endsWith('/accept') ? given : undefined)
    first.live.add('rtc_1')
    await refused(provider([azure()], { timeoutMs: 200 }).accept(ringing()))
    await expect.poll(() => [...first.live]).toEqual([])
  })

  it('does not hang up what another deployment of the same resource has accepted', async () => {
    first.ringing.add('rtc_1')
    first.answer = ({ path, body }) => (path.endsWith('/accept') && body.includes('secret-deployment') ? { status: 503 } : undefined)
    const calls = provider([azure(), azure({ name: 'other', deployment: 'second-one', priority: 1 })])
    expect(await calls.accept(ringing())).toEqual({ callId: 'rtc_1', upstream: 'other' })
    expect(askedOf(first).filter((one) => one.endsWith('/hangup'))).toEqual([])
  })

  it.each(['../files/1', 'a/b', 'a?b', '', 'x'.repeat(129), 'rtc 1'])('asks nobody for the call %j', async (callId) => {
    expect(await refused(provider().accept(ringing(callId)))).toMatchObject({ code: 'not_found' })
    expect(first.asked).toEqual([])
  })

  it('needs an upstream that takes calls, in a zone that the profile allows', async () => {
    expect(await refused(provider([azure({ apiVersion: '2025-04-01-preview' })]).accept(ringing()))).toMatchObject({ why: 'no_upstream_takes_calls' })
    await failOver.close()
    first.ringing.add('rtc_1')
    expect(await refused(provider([azure({ zone: 'us' })]).accept(ringing('rtc_1', { zones: ['eu'] })))).toMatchObject({ code: 'upstream_refused' })
    expect(first.asked).toEqual([])
  })
})

describe('rejecting', () => {
  it('tells every upstream that may know the call, with the SIP status', async () => {
    second.ringing.add('rtc_1')
    await provider([azure(), openai()]).reject('rtc_1', 486)
    expect(first.asked[0]?.body).toBe('{"status_code":486}')
    expect(second.asked[0]).toMatchObject({ path: '/v1/realtime/calls/rtc_1/reject', body: '{"status_code":486}' })
    expect([...second.ringing, ...logged]).toEqual([])
  })

  it('never fails, and says in the log what it could not do', async () => {
    first.answer = () => ({ status: 500, body: 'secret of the service' })
    const calls = provider()
    await calls.reject('rtc_1', 603)
    await calls.reject('../x', 603)
    expect(logged).toEqual([expect.objectContaining({ upstream: 'azure', why: 'server_error', status: 500 })])
    expect(JSON.stringify(logged)).not.toMatch(/rtc_1|secret/)
  })
})

describe('transferring', () => {
  const call = { callId: 'rtc_1', upstream: 'azure' }

  it.each(['tel:+14255550123', 'sip:+14255550123@pbx.example', 'sips:desk@pbx.example:5061', 'sip:desk@pbx.example;transport=tls'])('to %s', async (target) => {
    first.live.add('rtc_1')
    await provider().refer(call, target)
    expect(first.asked).toMatchObject([{ path: '/openai/v1/realtime/calls/rtc_1/refer', body: JSON.stringify({ target_uri: target }) }])
  })

  it.each([
    '',
    '+14255550123',
    'tel:',
    'tel:+1425;phone-context=evil.example',
    'sip:desk@pbx.example\r\nX: y',
    'sip:desk@pbx.example?Replaces=x',
    'sip:a"b@pbx.example',
    'sip:desk@pbx.example;method=INVITE',
    'http://pbx.example',
    'javascript:1',
  ])('not to %j', async (target) => {
    expect(await refused(provider().refer(call, target))).toEqual({ code: 'bad_request', why: 'bad_transfer_target', retry: undefined })
    expect(first.asked).toEqual([])
  })

  it('fails if the call is over, the trunk cannot, or nobody answers', async () => {
    expect(await refused(provider().refer(call, 'tel:+14255550123'))).toMatchObject({ code: 'not_found' })
    first.answer = () => ({ status: 400, body: '+14255550123' })
    expect(await refused(provider().refer(call, 'tel:+14255550123'))).toMatchObject({ code: 'upstream_refused' })
    first.answer = () => 'hang'
    expect(await refused(provider([azure()], { timeoutMs: 100 }).refer(call, 'tel:+14255550123'))).toMatchObject({ code: 'upstream_timeout' })
    expect(JSON.stringify(logged)).not.toContain('4255550123')
  })
})
