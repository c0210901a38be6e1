// The contract of every upstream: it returns a paused link, refuses with the catalogue's codes, reveals nothing, and can be closed.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DialectName } from '../../src/core/protocol/dialect.js'
import type { RefusalError } from '../../src/core/protocol/errors.js'
import type { Link } from '../../src/ports/link.js'
import type { UpstreamProvider } from '../../src/ports/upstream.js'
import { type LocalUpstream, localUpstream } from '../upstream/local-upstream.js'

export interface UpstreamUnderTest {
  readonly dialect: DialectName
  /** A provider that dials `http://127.0.0.1:<port>`. None of its `secrets` may ever show. */
  create(options: { port: number; connectTimeoutMs: number }): UpstreamProvider
  readonly secrets: readonly string[]
  /** Path and query of the upgrade request. */
  readonly requestTarget: string
}

const FIRST = JSON.stringify({ type: 'session.created', event_id: 'event_1', session: {} })

/** Status of the upgrade's answer, and the refusal it must become. */
const REFUSALS = [
  { status: 302, code: 'upstream_refused', why: 'redirect' },
  { status: 400, code: 'upstream_refused', why: 'bad_request' },
  { status: 401, code: 'upstream_refused', why: 'credential' },
  { status: 403, code: 'upstream_refused', why: 'forbidden' },
  { status: 404, code: 'upstream_refused', why: 'not_found' },
  { status: 418, code: 'upstream_refused', why: 'status' },
  { status: 429, code: 'rate_limited', why: 'quota' },
  { status: 500, code: 'upstream_refused', why: 'server_error' },
  { status: 503, code: 'upstream_refused', why: 'server_error' },
] as const

export function upstreamContract(name: string, subject: UpstreamUnderTest): void {
  describe(`upstream contract: ${name}`, () => {
    let server: LocalUpstream
    let provider: UpstreamProvider
    const links: Link[] = []

    beforeEach(async () => {
      server = await localUpstream()
      provider = subject.create({ port: server.port, connectTimeoutMs: 5_000 })
    })
    afterEach(async () => {
      for (const link of links.splice(0)) link.close(1000, '')
      await provider.close()
      await server.close()
    })

    const dial = (from = provider, signal = new AbortController().signal) => from.dial({ correlationId: 'corr-1', signal })
    const refusal = (from = provider, signal?: AbortSignal): Promise<RefusalError> =>
      dial(from, signal).then(
        () => Promise.reject(new Error('the dial succeeded')),
        (error: RefusalError) => error,
      )
    const expectNothingNamed = (text: string) => {
      for (const secret of [...subject.secrets, '127.0.0.1', String(server.port)]) expect(text).not.toContain(secret)
    }

    it('says reachable only after it reached something', async () => {
      expect(await provider.health()).toMatchObject({ status: 'ok', detail: expect.not.stringContaining('reach') })
      links.push((await dial()).link)
      expect(await provider.health()).toEqual({ status: 'ok', detail: 'reachable' })
    })

    it('opens a paused link that keeps early events until the relay reads', async () => {
      server.answer = { kind: 'accept', first: [FIRST, FIRST] }
      const connection = await dial()
      links.push(connection.link)
      expect(connection.dialect).toBe(subject.dialect)
      const frames: string[] = []
      const second = new Promise<void>((resolve) => {
        connection.link.onFrame((frame) => {
          frames.push(frame.toString())
          if (frames.length === 2) resolve()
        })
      })
      expect(frames).toEqual([])
      connection.link.resume()
      await second
      expect(frames).toEqual([FIRST, FIRST])
      expect((await provider.health()).status).toBe('ok')
    })

    it('requests exactly the configured path and query, and passes the correlation id on', async () => {
      links.push((await dial()).link)
      const [request] = server.requests
      expect(request?.url).toBe(subject.requestTarget)
      expect(request?.headers['x-ms-client-request-id']).toBe('corr-1')
      expect(request?.headers['openai-beta']).toBeUndefined()
      expect(request?.headers['sec-websocket-extensions']).toBeUndefined()
      expect(request?.headers.origin).toBeUndefined()
    })

    it('passes a trace on, and sends none by itself', async () => {
      const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
      links.push((await provider.dial({ correlationId: 'c', trace, signal: new AbortController().signal })).link)
      links.push((await dial()).link)
      expect(server.requests.map((request) => request.headers.traceparent)).toEqual([trace, undefined])
    })

    it('leaves out a correlation id with unsafe characters', async () => {
      const connection = await provider.dial({ correlationId: 'a\r\nx-evil: 1', signal: new AbortController().signal })
      links.push(connection.link)
      expect(server.requests[0]?.headers['x-ms-client-request-id']).toBeUndefined()
      expect(server.requests[0]?.headers['x-evil']).toBeUndefined()
    })

    it.each(REFUSALS)('turns HTTP $status into $code', async ({ status, code, why }) => {
      const leak = `${subject.secrets.join(' ')} at 127.0.0.1:${server.port}`
      server.answer = { kind: 'status', status, headers: { location: `http://127.0.0.1:${server.port}/elsewhere`, 'x-why': 'secret-reason' }, body: leak }
      const error = await refusal()
      expect([error.code, error.why]).toEqual([code, why])
      expect(server.requests).toHaveLength(1)
      expectNothingNamed(`${error.message} ${error.stack} ${JSON.stringify(error)}`)
      const health = await provider.health()
      expect(health.status).toBe('degraded')
      expectNothingNamed(health.detail)
    })

    it.each([
      { headers: { 'retry-after': '7' }, seconds: 7 },
      { headers: { 'retry-after-ms': '1500', 'retry-after': '9' }, seconds: 1.5 },
      { headers: { 'retry-after': '99999999' }, seconds: 86_400 },
      { headers: { 'retry-after': 'soon' }, seconds: undefined },
      { headers: {}, seconds: undefined },
    ])('says when to come back after 429 with $headers', async ({ headers, seconds }) => {
      server.answer = { kind: 'status', status: 429, headers: headers as Record<string, string> }
      expect((await refusal()).retryAfterSeconds).toBe(seconds)
    })

    it('gives no retry time for a refused credential or path, but passes on that of a 503', async () => {
      server.answer = { kind: 'status', status: 401, headers: { 'retry-after': '7' } }
      expect((await refusal()).retryAfterSeconds).toBeUndefined()
      server.answer = { kind: 'status', status: 503, headers: { 'retry-after': '7' } }
      expect((await refusal()).retryAfterSeconds).toBe(7)
    })

    it('gives up on an upstream that never answers the request', async () => {
      server.answer = { kind: 'hang' }
      const hasty = subject.create({ port: server.port, connectTimeoutMs: 100 })
      const error = await refusal(hasty)
      expect(error.code).toBe('upstream_timeout')
      await server.latestClosed()
      await hasty.close()
    })

    it.each(['reset', 'garbage'] as const)('survives an upstream that answers with %s', async (kind) => {
      server.answer = { kind }
      expect((await refusal()).code).toBe('upstream_refused')
    })

    it('refuses if the port is closed', async () => {
      const free = createServer().listen(0, '127.0.0.1')
      await once(free, 'listening')
      const port = (free.address() as AddressInfo).port
      free.close()
      await once(free, 'close')
      const lonely = subject.create({ port, connectTimeoutMs: 5_000 })
      const error = await refusal(lonely)
      expect([error.code, error.why]).toEqual(['upstream_refused', 'connection_refused'])
      expect(error.message).not.toContain(String(port))
      await lonely.close()
    })

    it('ends a dial whose caller left, which does not affect health', async () => {
      server.answer = { kind: 'hang' }
      const leave = new AbortController()
      const asked = server.nextRequest()
      const error = refusal(provider, leave.signal)
      await asked
      leave.abort()
      expect((await error).code).toBe('upstream_refused')
      await server.latestClosed()
      expect((await provider.health()).status).toBe('ok')
    })

    it('does not dial for a caller that left before', async () => {
      expect((await refusal(provider, AbortSignal.abort())).code).toBe('upstream_refused')
      expect(server.requests).toHaveLength(0)
    })

    it('is down after three consecutive failures and ok again after one success', async () => {
      server.answer = { kind: 'status', status: 500 }
      for (let i = 0; i < 3; i++) await refusal()
      expect((await provider.health()).status).toBe('down')
      server.answer = { kind: 'accept' }
      links.push((await dial()).link)
      expect((await provider.health()).status).toBe('ok')
    })

    it('is never down because of a used-up quota', async () => {
      server.answer = { kind: 'status', status: 429 }
      for (let i = 0; i < 4; i++) await refusal()
      expect((await provider.health()).status).toBe('degraded')
    })

    it('ends dials under way when closed, and refuses new ones', async () => {
      server.answer = { kind: 'hang' }
      const asked = server.nextRequest()
      const error = refusal()
      await asked
      await provider.close()
      expect((await error).code).toBe('upstream_refused')
      await server.latestClosed()
      expect((await refusal()).why).toBe('closed')
    })
  })
}
