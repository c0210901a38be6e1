// The admin API with a real relay and a real Redis: authorisation, what it shows and ends, its answers to mistakes, and its OpenAPI description.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { startRedis, uniquePrefix } from '../support/redis.js'
import { DEPLOYMENT, type RunningRelay, runRelay } from '../support/running-relay.js'

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

const folder = mkdtempSync(join(tmpdir(), 'admin-'))
const file = (name: string, content: object) => {
  writeFileSync(join(folder, name), JSON.stringify(content))
  return join(folder, name)
}
const redis = { REDIS_URL: process.env.REDIS_URL ?? '', REDIS_KEY_PREFIX: uniquePrefix() }
let running: RunningRelay
let other: RunningRelay
let admin: string

beforeAll(async () => {
  const profiles = { plain: {}, one: { limits: { quota: { perDay: { responses: 1 } } } } }
  const prices = { currency: 'USD', date: '2026-11-25', prices: { [DEPLOYMENT]: { input_text: 4, output_text: 16 } } }
  const env = { ...redis, PROFILES_FILE: file('profiles.json', profiles), PRICES_FILE: file('prices.json', prices), SESSION: '{"output_modalities":["text"]}' }
  ;[running, other] = await Promise.all([runRelay({ env }), runRelay({ env })])
  admin = await running.token('operator', { scope: 'openid relay:admin' })
})
afterAll(async () => {
  await Promise.all([running.close(), other.close()])
  rmSync(folder, { recursive: true })
})

async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = { authorization: `Bearer ${admin}` }, of = running): Promise<Answer> {
  const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
  const type = body === undefined ? {} : { 'content-type': 'application/json' }
  const answer = await fetch(`${of.relay.adminUrl}/v1/admin${path}`, { method, headers: { ...type, ...headers }, ...sent })
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> }
}

async function connect(subject: string, claims: Record<string, unknown> = {}, to = running): Promise<RealtimeClient> {
  const client = await connectClient(`${to.wsUrl}/v1/realtime`, await running.token(subject, { profile: 'plain', ...claims }))
  await client.next('session.created')
  return client
}

const sessionsOf = async (subject: string) => ((await ask('GET', '/sessions')).body.sessions as { id: string; subject: string }[]).filter((one) => one.subject === subject)
const later = () => Math.floor(Date.now() / 1000) + 600

describe('who is let in', () => {
  it.each([
    { id: 'no token', claims: undefined, status: 401, code: 'unauthenticated' },
    { id: 'no scope', claims: {}, status: 403, code: 'forbidden' },
    { id: 'another scope', claims: { scope: 'relay:administrator xrelay:admin' }, status: 403, code: 'forbidden' },
    { id: 'a scope of an odd type', claims: { scope: { 'relay:admin': true } }, status: 403, code: 'forbidden' },
    { id: 'the scope in a list', claims: { scope: ['relay:admin'] }, status: 200, code: undefined },
    { id: 'the scope among words', claims: { scope: 'a relay:admin b' }, status: 200, code: undefined },
  ])('$id: $status', async ({ claims, status, code }) => {
    const headers: Record<string, string> = claims ? { authorization: `Bearer ${await running.token('someone', claims)}` } : {}
    for (const path of ['/sessions', '/openapi.json']) {
      const answer = await ask('GET', path, undefined, headers)
      expect(answer.status).toBe(status)
      expect((answer.body.error as { code: string } | undefined)?.code).toBe(code)
      expect(answer.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null)
    }
  })

  it('relay:read reads everything, and acts nowhere', async () => {
    const client = await connect('read-only')
    const [{ id } = { id: '' }] = await sessionsOf('read-only')
    for (const scope of ['relay:read', 'a relay:read b']) {
      const headers = { authorization: `Bearer ${await running.token('reader', { scope })}` }
      for (const path of ['/sessions', `/sessions/${id}`, '/deployments', '/usage/ann', '/openapi.json']) expect((await ask('GET', path, undefined, headers)).status).toBe(200)
      const acts: readonly [string, unknown][] = [
        [`/sessions/${id}/end`, undefined],
        ['/users/read-only/end', undefined],
        ['/revoke', { subject: 'read-only', untilSeconds: later() }],
      ]
      for (const [path, body] of acts) expect(await ask('POST', path, body, headers)).toMatchObject({ status: 403, body: { error: { code: 'forbidden' } } })
    }
    expect(await sessionsOf('read-only')).toHaveLength(1)
    client.close()
  })

  it('only a token in the Authorization header that is not revoked; /metrics needs none', async () => {
    expect((await ask('GET', '/sessions', undefined, { 'api-key': admin })).status).toBe(401)
    const leaving = await running.token('leaving-operator', { scope: 'relay:admin' })
    expect((await ask('GET', '/sessions', undefined, { authorization: `Bearer ${leaving}` })).status).toBe(200)
    expect((await ask('POST', '/revoke', { subject: 'leaving-operator', untilSeconds: later() })).status).toBe(200)
    expect((await ask('GET', '/sessions', undefined, { authorization: `Bearer ${leaving}` })).status).toBe(401)
    expect((await fetch(`${running.relay.adminUrl}/metrics`)).status).toBe(200)
  })

  it('the API is not on the public port', async () => {
    expect((await fetch(`${running.relay.url}/v1/admin/sessions`, { headers: { authorization: `Bearer ${admin}` } })).status).toBe(404)
  })
})

describe('what it shows', () => {
  it('deployments with breaker, latency and limits, each with source and age; usage of a day; and the same in metrics', async () => {
    const client = await connect('ann')
    expect((await client.ask('Good morning to you')).at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    client.close()
    await vi.waitFor(async () => {
      const { body } = await ask('GET', '/deployments')
      const [first] = body.deployments as { limits: { name: string }[] }[]
      expect(first).toMatchObject({ upstream: expect.any(String), deployment: DEPLOYMENT, breaker: 'closed', freeFrom: null, latencyMs: expect.any(Number) })
      expect(first?.limits.length).toBeGreaterThan(0)
      for (const limit of first?.limits ?? []) expect(limit).toMatchObject({ source: expect.stringMatching(/^[a-z_0-9]+$/), ageSeconds: expect.any(Number) })
    })
    const day = new Date().toISOString().slice(0, 10)
    await vi.waitFor(async () =>
      expect((await ask('GET', `/usage/ann?day=${day}`)).body).toMatchObject({ subject: 'ann', day, counters: { responses: 1, sessions: 1, input_tokens: expect.any(Number) } }),
    )
    expect((await ask('GET', '/usage/ann?day=2020-02-29')).body).toEqual({ subject: 'ann', day: '2020-02-29', counters: {} })
    const metrics = await (await fetch(`${running.relay.adminUrl}/metrics`)).text()
    expect(metrics).toMatch(/^relay_dials_total\{upstream="[^"]+",outcome="opened"\} [1-9]/m)
    expect(metrics).toMatch(/^relay_breaker_state\{upstream="[^"]+",state="closed"\} 1$/m)
    expect(metrics).toMatch(/^relay_breaker_state\{upstream="[^"]+",state="open"\} 0$/m)
    expect(metrics).toMatch(/^relay_tokens_total\{profile="plain",kind="input"\} [1-9]/m)
    expect(metrics).toMatch(/^relay_money_total\{profile="plain",currency="usd"\} 0\.\d+/m)
    expect(metrics).not.toContain('ann"')
  })

  it('what a deployment has left, once a report came', async () => {
    const remaining = /^relay_limit_remaining\{upstream="azure",name="requests"\} 0$/m
    running.simulator.setFaults({ refuse: { status: 429, retryAfterSeconds: 1 } })
    const refused = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('ann', { profile: 'plain' }))
    expect((await refused.next('error')).error).toMatchObject({ code: 'rate_limited' })
    running.simulator.setFaults({})
    await vi.waitFor(async () => expect(await (await fetch(`${running.relay.adminUrl}/metrics`)).text()).toMatch(remaining), 5000)
    const { body } = await ask('GET', '/deployments')
    const [first] = body.deployments as { limits: { name: string }[] }[]
    expect(first?.limits.find(({ name }) => name === 'requests')).toMatchObject({ remaining: 0, source: 'http_429', resetAt: expect.any(String) })
    await vi.waitFor(async () => expect((await ask('GET', '/deployments')).body.deployments).toMatchObject([{ freeFrom: null }]), 5000)
  })

  it('live sessions of all instances, page by page', async () => {
    const [here, there] = [await connect('bea', { tenant: 'acme' }), await connect('bea', {}, other)]
    await vi.waitFor(async () => expect(await sessionsOf('bea')).toHaveLength(2))
    const found = (await sessionsOf('bea')) as unknown as { relay: string; tenant?: string }[]
    const about = { id: expect.stringMatching(/^[0-9a-f-]{36}$/), subject: 'bea', profile: 'plain', dialect: 'ga', deployment: DEPLOYMENT, since: expect.any(String) }
    for (const one of found) expect(one).toMatchObject(about)
    expect(new Set(found.map(({ relay }) => relay)).size).toBe(2)
    expect(found.map(({ tenant }) => tenant ?? 'none').sort()).toEqual(['acme', 'none'])
    const all = (await ask('GET', '/sessions')).body.sessions as { id: string }[]
    const paged: { id: string }[] = []
    let next: unknown = ''
    while (next !== null) {
      const { body } = await ask('GET', `/sessions?limit=1${next === '' ? '' : `&cursor=${next}`}`)
      expect(body.sessions).toHaveLength(1)
      paged.push(...(body.sessions as { id: string }[]))
      next = body.next
    }
    expect(paged).toEqual(all)
    here.close()
    there.close()
    await vi.waitFor(async () => expect(await sessionsOf('bea')).toEqual([]))
  })

  it('which rule refused a response, in metrics', async () => {
    const client = await connect('quentin', { profile: 'one' })
    await client.ask('Good morning to you')
    client.send({ type: 'response.create' })
    expect((await client.next('error')).error).toMatchObject({ code: 'budget_spent' })
    client.close()
    expect(await (await fetch(`${running.relay.adminUrl}/metrics`)).text()).toContain('relay_quota_refusals_total{rule="responses_per_day"} 1')
  })
})

describe('what it ends', () => {
  it('one session, after which its client may open another', async () => {
    const [first, second] = [await connect('cid', {}, other), await connect('cid', {}, other)]
    await vi.waitFor(async () => expect(await sessionsOf('cid')).toHaveLength(2))
    const [id] = (await sessionsOf('cid')).map((session) => session.id)
    expect(await ask('POST', `/sessions/${id}/end`)).toMatchObject({ status: 200, body: { ended: 1, asked: 2, answered: 2, everywhere: true } })
    expect(await first.closed()).toEqual({ code: 4410, reason: 'session_over: new_session' })
    expect(first.events.at(-1)).toMatchObject({ type: 'error', error: { code: 'session_over', message: 'The session is over.' } })
    await vi.waitFor(async () => expect(await sessionsOf('cid')).toHaveLength(1))
    expect(await ask('POST', `/sessions/${id}/end`)).toMatchObject({ status: 404, body: { error: { code: 'not_found', param: 'id' } } })
    second.close()
  })

  it('all sessions of a user with any name, and no other session', async () => {
    const name = `Dörte/${'é'.repeat(240)} %20?#`
    const [one, two, bystander] = [await connect(name), await connect(name, {}, other), await connect('bystander')]
    const answer = await ask('POST', `/users/${encodeURIComponent(name)}/end`, '')
    expect(answer).toMatchObject({ status: 200, body: { ended: 2, asked: 2, answered: 2, everywhere: true } })
    await Promise.all([one.closed(), two.closed()])
    expect(await sessionsOf('bystander')).toHaveLength(1)
    expect((await ask('GET', `/usage/${encodeURIComponent(name)}`)).body.subject).toBe(name)
    bystander.close()
    const again = await connect(name)
    again.close()
  })

  it('all sessions of a revoked user on every instance, and the user cannot come back', async () => {
    const [here, there] = [await connect('eve'), await connect('eve', {}, other)]
    const untilSeconds = later()
    const answer = await ask('POST', '/revoke', { subject: 'eve', untilSeconds })
    expect(answer).toMatchObject({ status: 200, body: { subject: 'eve', everywhere: true, until: new Date(untilSeconds * 1000).toISOString() } })
    for (const client of [here, there]) expect(await client.closed()).toEqual({ code: 4401, reason: 'unauthenticated: new_token' })
    await expect(connect('eve', {}, other)).rejects.toMatchObject({ status: 401 })
  })

  it('all sessions of a revoked token', async () => {
    const [one, two] = [await connect('fay', { jti: 'token-one' }), await connect('fay', { jti: 'token-two' })]
    expect((await ask('POST', '/revoke', { tokenId: 'token-one', untilSeconds: later() })).status).toBe(200)
    expect((await one.closed()).code).toBe(4401)
    expect(await sessionsOf('fay')).toHaveLength(1)
    two.close()
  })
})

describe('mistakes', () => {
  it.each([
    { id: 'a day that is none', method: 'GET', path: '/usage/ann?day=yesterday', body: undefined, param: 'day' },
    { id: 'a day the calendar lacks', method: 'GET', path: '/usage/ann?day=2026-02-30', body: undefined, param: 'day' },
    { id: 'a day said twice', method: 'GET', path: '/usage/ann?day=2026-01-01&day=2026-01-02', body: undefined, param: 'day' },
    { id: 'an unknown query', method: 'GET', path: '/usage/ann?date=2026-01-01', body: undefined, param: 'date' },
    { id: 'a page of no sessions', method: 'GET', path: '/sessions?limit=0', body: undefined, param: 'limit' },
    { id: 'a page too long', method: 'GET', path: '/sessions?limit=501', body: undefined, param: 'limit' },
    { id: 'a cursor of another making', method: 'GET', path: '/sessions?cursor=abc', body: undefined, param: 'cursor' },
    { id: 'a subject too long', method: 'POST', path: `/users/${'a'.repeat(257)}/end`, body: undefined, param: 'subject' },
    { id: 'nothing to revoke', method: 'POST', path: '/revoke', body: { untilSeconds: 9_999_999_999 }, param: 'tokenId' },
    { id: 'no end', method: 'POST', path: '/revoke', body: { subject: 'x' }, param: 'untilSeconds' },
    { id: 'an end in the past', method: 'POST', path: '/revoke', body: { subject: 'x', untilSeconds: 3600 }, param: 'untilSeconds' },
    { id: 'an end in milliseconds', method: 'POST', path: '/revoke', body: { subject: 'x', untilSeconds: 1_999_999_999_000 }, param: 'untilSeconds' },
    { id: 'an end as text', method: 'POST', path: '/revoke', body: { subject: 'x', untilSeconds: '9999999999' }, param: 'untilSeconds' },
    { id: 'an empty subject', method: 'POST', path: '/revoke', body: { subject: '', untilSeconds: 9_999_999_999 }, param: 'subject' },
    { id: 'a misspelt field', method: 'POST', path: '/revoke', body: { user: 'x', untilSeconds: 9_999_999_999 }, param: 'user' },
    { id: 'a prototype', method: 'POST', path: '/revoke', body: '{"__proto__":{"subject":"x"},"untilSeconds":9999999999}', param: '__proto__' },
    { id: 'a list', method: 'POST', path: '/revoke', body: [], param: 'body' },
    { id: 'no body', method: 'POST', path: '/revoke', body: undefined, param: 'body' },
    { id: 'broken JSON', method: 'POST', path: '/revoke', body: '{"subject":', param: 'body' },
  ])('$id: 400 and the field', async ({ method, path, body, param }) => {
    const answer = await ask(method, path, body)
    expect(answer).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error', code: 'bad_request', param, message: expect.stringContaining(param) } } })
  })

  it('other content types, large bodies and unknown paths', async () => {
    const headers = { authorization: `Bearer ${admin}`, 'content-type': 'text/plain' }
    expect(await ask('POST', '/revoke', 'subject=x', headers)).toMatchObject({ status: 415, body: { error: { param: 'content-type' } } })
    expect(await ask('POST', '/revoke', { subject: 'x'.repeat(20_000), untilSeconds: 1 })).toMatchObject({ status: 413, body: { error: { param: 'body' } } })
    expect(await ask('GET', '/nothing')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } })
    expect(await ask('GET', '/revoke')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } })
  })
})

describe('its description', () => {
  it('names every route, and every answer matches its schema', async () => {
    const { body } = await ask('GET', '/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    const paths = body.paths as Record<string, Record<string, { responses: Record<string, { content: { 'application/json': { schema: { $ref?: string } } } }> }>>
    expect(Object.keys(paths)).toHaveLength(8)
    const ajv = new Ajv2020({ strict: false })
    formats.default(ajv)
    ajv.addSchema({ $id: 'admin', ...body })
    const fits = async (method: 'get' | 'post', path: string, answer: Promise<Answer>) => {
      const { status, body: got } = await answer
      const pointer = ['paths', `/v1/admin${path}`, method, 'responses', String(status), 'content', 'application/json', 'schema']
      const validate = ajv.compile({ $ref: `admin#/${pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}` })
      expect(validate(got), `${method} ${path} ${status}: ${JSON.stringify(validate.errors)} ${JSON.stringify(got)}`).toBe(true)
    }
    const client = await connect('gus')
    await fits('get', '/deployments', ask('GET', '/deployments'))
    await fits('get', '/usage/{subject}', ask('GET', '/usage/ann'))
    await fits('get', '/usage/{subject}', ask('GET', '/usage/ann?day=x'))
    await fits('get', '/sessions', ask('GET', '/sessions'))
    await fits('get', '/sessions', ask('GET', '/sessions', undefined, {}))
    await fits('get', '/sessions/{id}', ask('GET', '/sessions/none'))
    await fits('get', '/sessions/{id}', ask('GET', `/sessions/${(await sessionsOf('gus'))[0]?.id}`))
    await fits('post', '/sessions/{id}/end', ask('POST', '/sessions/none/end'))
    await fits('post', '/sessions/{id}/end', ask('POST', `/sessions/${(await sessionsOf('gus'))[0]?.id}/end`))
    await fits('post', '/users/{subject}/end', ask('POST', '/users/gus/end'))
    await fits('post', '/revoke', ask('POST', '/revoke', { tokenId: 'gone', untilSeconds: later() }))
    await fits('post', '/revoke', ask('POST', '/revoke', {}))
    await client.closed()
  })
})

describe('without Redis', () => {
  it('says so, and a revocation still holds in this process', async () => {
    const own = await startRedis()
    const alone = await runRelay({ env: { REDIS_URL: own.url } })
    try {
      await own.kill()
      const headers = { authorization: `Bearer ${await alone.token('operator', { scope: 'relay:admin' })}` }
      const client = await connectClient(`${alone.wsUrl}/v1/realtime`, await alone.token('hal'))
      await client.next('session.created')
      expect(await ask('GET', '/usage/hal', undefined, headers, alone)).toMatchObject({ status: 503, body: { error: { message: 'Redis does not answer.' } } })
      expect((await ask('GET', '/deployments', undefined, headers, alone)).body.deployments).toMatchObject([{ breaker: 'closed', limits: null }])
      expect(await ask('POST', '/revoke', { subject: 'hal', untilSeconds: later() }, headers, alone)).toMatchObject({ status: 202, body: { everywhere: false } })
      expect((await client.closed()).code).toBe(4401)
    } finally {
      await alone.close()
      await own.stop()
    }
  })
})
