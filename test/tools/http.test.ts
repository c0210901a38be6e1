// HTTP tools against back ends that redirect, hang, drip, reset, flood, lie about types and leak: the model always gets a short, safe output.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpToolRun, ToolConfig } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'
import type { JsonObject } from '../../src/core/protocol/events.js'
import type { ToolRegistry } from '../../src/ports/tools.js'
import { checkTools } from '../../src/tools/check.js'
import { createToolRegistry } from '../../src/tools/registry.js'
import { type HostileBackend, SECRET, startHostileBackend } from './hostile-backend.js'
import { contextFor, TRACE, testOptions } from './tool-context.js'

const OPEN: JsonObject = { type: 'object' }

function httpTool(name: string, url: string, run: Partial<HttpToolRun> = {}, parameters: JsonObject = OPEN): ToolConfig {
  return {
    kind: 'http',
    definition: { type: 'function', name, parameters },
    run: { method: 'GET', url, headers: {}, timeoutMs: undefined, idempotent: false, denyPrivateAddresses: false, ...run },
  }
}

let backend: HostileBackend
const open: ToolRegistry[] = []
beforeAll(async () => {
  backend = await startHostileBackend()
})
afterAll(async () => {
  await Promise.all(open.map((registry) => registry.close()))
  await backend.close()
})

async function start(configs: readonly ToolConfig[], overrides: Parameters<typeof testOptions>[0] = {}) {
  const options = testOptions(overrides)
  const registry = await createToolRegistry(configs, options)
  open.push(registry)
  const set = registry.toolSet(undefined)
  const run = (name: string, args: unknown = {}, signal?: AbortSignal) => set.run({ callId: 'call-1', name, arguments: JSON.stringify(args) }, contextFor(signal))
  return { registry, run, options }
}

describe('requests', () => {
  const byId: JsonObject = { type: 'object', properties: { id: { type: 'string' }, q: { type: 'string' }, tags: { type: 'array' }, page: { type: ['integer', 'null'] } } }

  it('sends a body method its arguments as JSON, with configured headers', async () => {
    const { run } = await start([httpTool('post', `${backend.url}/echo`, { method: 'POST', headers: { Authorization: new Secret('Bearer k') } })])
    expect(await run('post', { city: 'Zürich' })).toMatchObject({ outcome: 'ok', output: '{"city":"Zürich"}' })
    const seen = backend.seen.at(-1)
    expect(seen).toMatchObject({ method: 'POST', body: '{"city":"Zürich"}' })
    expect(seen?.headers).toMatchObject({ authorization: 'Bearer k', 'content-type': 'application/json', 'user-agent': 'realtime-relay' })
  })

  it('fills path, query and headers, sends the remaining arguments of a GET as query parameters, and leaves out absent ones', async () => {
    const headers = { 'x-q': new Secret('q={q}'), 'x-team': new Secret('{{claims.team}}/{{claims.name}}') }
    const { run } = await start([httpTool('get', `${backend.url}/orders/{id}/x?fixed=1&q={q}&page={page}`, { headers }, byId)])
    await run('get', { id: 'a/b c', q: 'ü&x=1', tags: ['one', 2] })
    expect(backend.seen.at(-1)?.url).toBe('/orders/a%2Fb%20c/x?fixed=1&q=%C3%BC%26x%3D1&tags=one&tags=2')
    expect(backend.seen.at(-1)?.headers).toMatchObject({ 'x-q': 'q=%C3%BC%26x%3D1', 'x-team': 'blue/Alice%20M%C3%BCller' })
    expect(backend.seen.at(-1)?.body).toBe('')
  })

  it('leaves out the header of an argument that was not given, and tells the model what the path needs', async () => {
    const headers = { 'x-q': new Secret('{q}'), 'x-page': new Secret('{page}'), 'x-both': new Secret('{q} {page}'), 'x-fixed': new Secret('1') }
    const { run, registry } = await start([httpTool('get', `${backend.url}/orders/{id}?page={page}`, { headers }, byId)])
    await run('get', { id: '1', q: 'a', page: null })
    expect(backend.seen.at(-1)?.url).toBe('/orders/1')
    expect(Object.keys(backend.seen.at(-1)?.headers ?? {}).filter((name) => name.startsWith('x-'))).toEqual(['x-q', 'x-fixed'])
    expect(registry.specs()[0]?.definition.parameters).toEqual({ ...byId, required: ['id'] })
  })

  it('carries the client’s traceparent, unless a header of that name is configured', async () => {
    const headers = { TraceParent: new Secret('configured') }
    const { registry } = await start([httpTool('plain', `${backend.url}/echo`), httpTool('own', `${backend.url}/echo`, { headers })])
    const call = async (name: string, trace?: string) => {
      await registry.toolSet(undefined).run({ callId: 'c', name, arguments: '{}' }, { ...contextFor(), trace })
      return backend.seen.at(-1)?.headers.traceparent
    }
    expect([await call('plain', TRACE), await call('plain'), await call('own', TRACE)]).toEqual([TRACE, undefined, 'configured'])
  })

  it('is given the keys of a telephone only where a header asks for them, percent-encoded', async () => {
    const headers = { 'x-keys': new Secret('{{keys}}'), 'x-both': new Secret('{q}/{{keys}}') }
    const { registry, options } = await start([httpTool('plain', `${backend.url}/echo`), httpTool('keys', `${backend.url}/echo`, { headers })])
    const call = async (name: string, keys?: string) => {
      await registry.toolSet(undefined).run({ callId: 'c', name, arguments: '{"q":"a"}' }, { ...contextFor(), keys })
      // More digits than a port has, which is in the headers and may have some of them.
      const { 'x-keys': own, 'x-both': both } = backend.seen.at(-1)?.headers ?? {}
      return [own, both, JSON.stringify(backend.seen.at(-1)).includes('4929183')]
    }
    expect(await call('plain', '4929183#')).toEqual([undefined, undefined, false])
    expect(await call('keys', '4929183#*A')).toEqual(['4929183%23*A', 'a/4929183%23*A', true])
    expect(await call('keys')).toEqual([undefined, undefined, false])
    expect(options.logged.join()).not.toContain('4929183')
  })

  it.each(['PUT', 'PATCH'] as const)('%s sends a body', async (method) => {
    const { run } = await start([httpTool('t', `${backend.url}/echo`, { method })])
    expect((await run('t', { a: 1 })).output).toBe('{"a":1}')
  })

  it('DELETE sends query parameters and no body', async () => {
    const { run } = await start([httpTool('t', `${backend.url}/things`, { method: 'DELETE' })])
    await run('t', { id: 7 })
    expect(backend.seen.at(-1)).toMatchObject({ method: 'DELETE', url: '/things?id=7', body: '' })
  })

  it.each([
    ['a query parameter fixed by the template', '/x?role=user', { ROLE: 'admin' }, 'fixed'],
    ['a missing path argument', '/x/{id}', {}, "/ must have required property 'id'"],
    ['a path argument that is null', '/x/{id}', { id: null }, '/id is required'],
    ['an empty path argument', '/x/{id}', { id: '' }, '/id must not be empty'],
    ['an object in a path', '/x/{id}', { id: { a: 1 } }, '/id must be a string'],
    ['a line break in a path', '/x/{id}', { id: 'a\r\nx-evil: 1' }, 'line breaks'],
    ['a line break in a query slot', '/x?id={id}', { id: 'a\nb' }, 'line breaks'],
    ['NUL', '/x/{id}', { id: 'a\u0000' }, 'control'],
    ['..', '/x/{id}', { id: '..' }, 'path segment'],
    ['an encoded ..', '/x/{id}', { id: '%2e%2E' }, 'path segment'],
    ['a doubly encoded ..', '/x/{id}', { id: '%252e.' }, 'path segment'],
    ['.. behind a slash', '/x/{id}', { id: 'a/../../admin' }, 'path segment'],
    ['.. behind a backslash', '/x/{id}', { id: '..\\admin' }, 'path segment'],
    ['a dot completed by the template', '/x/.{id}/y', { id: '.' }, 'path segment'],
    ['an encoded dot completed by the template', '/x/%2{id}', { id: 'e' }, '. or .. segment'],
  ])('refuses %s before anything is sent', async (_what, path, args, words) => {
    const parameters: JsonObject = { type: 'object', properties: { id: {} }, additionalProperties: true }
    const { run } = await start([httpTool('t', backend.url + path, {}, parameters)])
    const before = backend.seen.length
    const outcome = await run('t', args)
    expect(outcome.outcome).toBe('invalid_arguments')
    expect(outcome.output).toContain(words)
    expect(backend.seen.length).toBe(before)
  })

  it('does not call for a caller without the claim that a header needs', async () => {
    const { run } = await start([httpTool('t', `${backend.url}/x`, { headers: { 'x-tenant': new Secret('{{claims.tenant}}') } })])
    const before = backend.seen.length
    expect(await run('t')).toMatchObject({ outcome: 'error', output: 'The tool cannot be used by this caller.' })
    expect(backend.seen.length).toBe(before)
  })
})

describe('answers', () => {
  it.each([
    ['/redirect', 'error', '(3xx)'],
    ['/500', 'error', '(5xx)'],
    ['/404', 'error', 'found nothing'],
    ['/rst', 'error', 'not available'],
    ['/binary', 'error', 'not text'],
    ['/binary-as-text', 'error', 'not text'],
    ['/untyped-binary', 'error', 'not text'],
    ['/unknown-encoding', 'error', 'not text'],
    ['/untyped-text', 'ok', 'plain ü'],
    ['/latin1', 'ok', 'Züri'],
    ['/gzip', 'ok', 'unpacked'],
    ['/empty', 'ok', 'returned no text'],
    ['/surrogate', 'ok', '\ufffd'],
  ])('%s', async (path, outcome, words) => {
    const { run, options } = await start([httpTool('t', backend.url + path)])
    const result = await run('t')
    expect(result.outcome).toBe(outcome)
    expect(result.output).toContain(words)
    expect(result.output + options.logged.join()).not.toContain(SECRET)
  })

  it('follows no redirect', async () => {
    const { run } = await start([httpTool('t', `${backend.url}/redirect`)])
    const before = backend.seen.length
    await run('t')
    expect(backend.seen.slice(before).map((request) => request.url)).toEqual(['/redirect'])
  })

  it.each(['/hang', '/drip'])('%s ends at the time limit, and the request with it', async (path) => {
    const { run } = await start([httpTool('t', `${backend.url}${path}?limit=400`, { timeoutMs: 400 })])
    expect(await run('t')).toMatchObject({ outcome: 'timeout', output: 'The tool did not answer within 0.4 s.' })
    await backend.cutOff(`${path}?limit=400`)
  })

  it.each(['/64mb', '/gzip-bomb'])('%s is cut on a character boundary and never read whole', async (path) => {
    const { run } = await start([httpTool('t', backend.url + path)], { maxBytes: 1001 })
    const before = process.memoryUsage.rss()
    const result = await run('t')
    expect(result).toMatchObject({ outcome: 'ok', cut: true })
    expect(Buffer.byteLength(result.output)).toBeLessThanOrEqual(1001)
    expect(result.output).toMatch(/^[éa]+\n\[cut: longer than 1001 bytes\]$/)
    await backend.cutOff(path)
    expect(backend.bytesSent()).toBeLessThan(32 * 1024 * 1024)
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024)
  })

  it('aborts the request when the client leaves', async () => {
    const { run } = await start([httpTool('hang', `${backend.url}/hang?left`)])
    const controller = new AbortController()
    const running = run('hang', {}, controller.signal)
    await backend.arrived('/hang?left')
    controller.abort()
    expect(await running).toMatchObject({ outcome: 'aborted' })
    await backend.cutOff('/hang?left')
  })

  it('runs calls in parallel, each with its own answer', async () => {
    const { run } = await start([httpTool('say', `${backend.url}/say`)])
    const texts = Array.from({ length: 60 }, (_, index) => `text ${index}`)
    const results = await Promise.all(texts.map((text) => run('say', { text })))
    expect(results.map((result) => result.output)).toEqual(texts)
  })

  it('bounds the calls of one tool while other tools go on', async () => {
    const { run } = await start([httpTool('hang', `${backend.url}/hang`), httpTool('say', `${backend.url}/say`)])
    const callers = Array.from({ length: 128 }, () => new AbortController())
    const hanging = callers.map((caller) => run('hang', {}, caller.signal))
    expect(await run('hang')).toMatchObject({ outcome: 'error', output: 'The tool is busy. Try again later.' })
    for (const caller of callers) caller.abort()
    await Promise.all(hanging)
    expect((await run('say', { text: 'free again' })).output).toBe('free again')
  })
})

describe('repeating', () => {
  it.each(['/flaky', '/503-once'])('%s is requested once more if idempotent', async (path) => {
    const { run } = await start([httpTool('t', backend.url + path, { idempotent: true })])
    expect((await run('t')).output).toBe('second time')
  })

  it('requests nothing twice otherwise, and an idempotent tool at most twice', async () => {
    const { run } = await start([httpTool('once', `${backend.url}/rst?once=1`), httpTool('twice', `${backend.url}/rst?twice=1`, { idempotent: true })])
    await run('once')
    await run('twice')
    expect(backend.seen.filter((request) => request.url === '/rst?once=1').length).toBe(1)
    expect(backend.seen.filter((request) => request.url === '/rst?twice=1').length).toBe(2)
  })
})

describe('configuration and health', () => {
  const problemsOf = (url: string, run: Partial<HttpToolRun> = {}, parameters = OPEN) => {
    const tool = httpTool('t', url, run, parameters)
    return checkTools([{ name: 't', parameters, http: tool.kind === 'http' ? tool.run : undefined }]).map(({ problem }) => problem)
  }

  it.each([
    ['ftp://host/x', 'must begin with http'],
    ['https://{id}.example/x', 'fixed'],
    ['https://host:{id}/x', 'fixed'],
    ['{id}://host/x', 'must begin with http'],
    ['https://user:pw@host/x', 'no user name'],
    ['https://host/x#{id}', '# are not allowed'],
    ['https://host/a b', 'spaces'],
    ['https://host\\@evil/x', 'not allowed'],
    ['https://host/x/../{id}', '. and ..'],
    ['https://host/%2E%2e/{id}', '. and ..'],
    ['https://host/{other}', '{other} is not one of'],
    ['https://host/{id', 'a brace'],
    ['https://host/x?{id}=1', 'not for its name'],
    ['https:///x', 'a host'],
  ])('refuses the template %s', (url, words) => {
    expect(problemsOf(url, {}, { type: 'object', properties: { id: {} } }).join()).toContain(words)
  })

  it('refuses header names of the transport and values that are illegal in headers, without printing the value', () => {
    const headers = { Host: new Secret('evil'), 'x y': new Secret('1'), 'x-key': new Secret(`${SECRET}\r\nx: 1`) }
    const problems = problemsOf('https://host/', { headers })
    expect(problems.length).toBe(3)
    expect(problems.join()).not.toContain(SECRET)
  })

  it('reaches no private address if that is denied, neither by address nor by name', async () => {
    expect(problemsOf(`${backend.url}/x`, { denyPrivateAddresses: true })).toEqual(['run http url: the host is a private address, which denyPrivateAddresses refuses'])
    expect(problemsOf('http://[::1]/{id}', { denyPrivateAddresses: true }, { type: 'object', properties: { id: {} } }).length).toBe(1)
    const before = backend.seen.length
    const { run } = await start([httpTool('t', `${backend.url.replace('127.0.0.1', 'localhost')}/x`, { denyPrivateAddresses: true })])
    expect(await run('t')).toMatchObject({ outcome: 'error', output: 'The tool is not available right now. Try again later.' })
    expect(backend.seen.length).toBe(before)
  })

  it('is healthy while every host accepts connections', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as { port: number }
    closed.close()
    await once(closed, 'close')
    expect(await (await start([httpTool('t', `${backend.url}/x`)])).registry.health()).toEqual({ status: 'ok', detail: 'all tool sources' })
    const { registry } = await start([httpTool('t', `${backend.url}/x`), httpTool('u', `http://127.0.0.1:${port}/x`)])
    expect(await registry.health()).toEqual({ status: 'degraded', detail: 'http: 1 of 2 hosts unreachable' })
  })
})
