// MCP servers that give reason to ask again and again: streams that end at once, lists that change all the time, children that die. All are asked seldom.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterEach, describe, expect, it } from 'vitest'
import { createBackoff } from '../../src/tools/backoff.js'
import { boundServerRetry, paceStreams } from '../../src/tools/mcp-streams.js'
import type { McpConfig } from '../../src/tools/mcp-transport.js'
import { createToolRegistry } from '../../src/tools/registry.js'
import { contextFor, testOptions } from './tool-context.js'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Asked {
  readonly times: Record<string, number>
  /** Resolves when `what` has been asked `times` times, with the milliseconds between one and the next. */
  readonly gaps: (what: string, times: number) => Promise<number[]>
  readonly url: URL
}

/** `stream` answers the GET that opens the stream of notifications; `call` a tool's call, unless the plain answer is wanted. */
async function server(stream: (response: ServerResponse) => void, call?: (response: ServerResponse, id: number) => void): Promise<Asked> {
  const times: Record<string, number> = {}
  const asked: { readonly what: string; readonly at: number }[] = []
  const count = (what: string) => {
    times[what] = (times[what] ?? 0) + 1
    asked.push({ what, at: performance.now() })
  }
  const gaps = async (what: string, wanted: number) => {
    await expect.poll(() => times[what] ?? 0, { timeout: 15_000, interval: 20 }).toBeGreaterThanOrEqual(wanted)
    const ats = asked.filter((one) => one.what === what).map(({ at }) => at)
    return ats.slice(1).map((at, index) => at - (ats[index] ?? at))
  }
  const http = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method === 'GET') {
      count('GET')
      return stream(response)
    }
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { id, method } = JSON.parse(Buffer.concat(chunks).toString() || '{}') as { id?: number; method?: string }
    count(method ?? 'none')
    if (id === undefined) return void response.writeHead(202).end()
    if (method === 'tools/call' && call) return call(response, id)
    const capabilities = { tools: { listChanged: true } }
    const result =
      method === 'initialize'
        ? { protocolVersion: '2025-06-18', capabilities, serverInfo: { name: 'x', version: '1' } }
        : method === 'tools/list'
          ? { tools: [{ name: 'slow', inputSchema: { type: 'object' } }] }
          : {}
    response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  closing.push(async () => http.close().closeAllConnections())
  return { times, gaps, url: new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`) }
}

async function connect(transport: McpConfig['transport']) {
  const options = testOptions()
  const registry = await createToolRegistry([{ kind: 'mcp', label: 'docs', transport, allowedTools: undefined }], options)
  closing.push(() => registry.close())
  return { registry, options }
}

const events = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/event-stream' })
const CHANGED = `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })}\n\n`
const endless = (text: string) => (response: ServerResponse) => {
  const timer = setInterval(() => response.write(text), 5)
  response.on('close', () => clearInterval(timer))
  events(response).write(text)
}

describe('a server that', () => {
  it.each<[string, (response: ServerResponse) => void]>([
    ['ends its stream at once', (response) => void events(response).end()],
    ['asks to be asked at once', (response) => void events(response).end('id: 1\nretry: 0\n\n')],
    ['cuts its stream', (response) => void events(response).write('id: 1\nretry: 0\n\n', () => response.destroy())],
  ])('%s is asked seldom', async (_what, stream) => {
    const { gaps, url } = await server(stream)
    await connect({ url, headers: {} })
    const [first = 0, second = 0] = await gaps('GET', 3)
    expect(first).toBeGreaterThan(450)
    expect(second).toBeGreaterThan(900)
  })

  it('asks for a time that no timer holds is not asked again at once', async () => {
    const { times, gaps, url } = await server((response) => void events(response).end('id: 1\nretry: 99999999999\n\n'))
    await connect({ url, headers: {} })
    await gaps('GET', 1)
    // That nothing comes can only be waited for. The next time is half a minute away.
    await sleep(2600)
    expect(times.GET).toBe(1)
  })

  it('fails after it asked to be asked at once is asked seldom, and no longer once the relay has closed', async () => {
    let first = true
    const { times, url } = await server((response) => {
      if (first) events(response).end('id: 1\nretry: 0\n\n')
      else response.writeHead(503).end()
      first = false
    })
    const { registry } = await connect({ url, headers: {} })
    await sleep(2600)
    expect(times.GET).toBeLessThanOrEqual(3)
    expect(times.ping ?? 0).toBeLessThanOrEqual(4)
    await registry.close()
    const asked = times.GET
    await sleep(1500)
    expect(times.GET).toBe(asked)
  })

  it('lets a call wait on streams that end at once is asked seldom', async () => {
    const { times, url } = await server(
      (response) => void events(response).end('id: 1\nretry: 0\n\n'),
      (response) => void events(response).end('id: 1\nretry: 0\n\n'),
    )
    const { registry } = await connect({ url, headers: {} })
    const call = registry.toolSet(undefined).run({ callId: 'c', name: 'docs__slow', arguments: '{}' }, contextFor(AbortSignal.timeout(2500)))
    expect((await call).outcome).toBe('aborted')
    expect(times.GET).toBeLessThanOrEqual(4)
  })

  it('says without end that its list changed is read seldom', async () => {
    const { gaps, url } = await server(endless(CHANGED))
    await connect({ url, headers: {} })
    // Read at the start and at the first word of a change, then after at least 125 and 250 ms.
    const [, second = 0, third = 0] = await gaps('tools/list', 4)
    expect(second).toBeGreaterThan(110)
    expect(third).toBeGreaterThan(225)
  })

  it('sends nonsense without end is pinged once a second', async () => {
    const { gaps, url } = await server(endless('data: {"no":"message"}\n\n'))
    await connect({ url, headers: {} })
    for (const gap of await gaps('ping', 3)) expect(gap).toBeGreaterThan(900)
  })
})

it('a child that answers its list and dies is started seldom', async () => {
  const program = `
    const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }))
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, method } = JSON.parse(line)
      if (method === 'initialize') answer(id, { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } })
      if (method === 'tools/list') { answer(id, { tools: [] }); setTimeout(() => process.exit(1), 20) }
    })`
  const from = performance.now()
  const { options } = await connect({ command: process.execPath, args: ['-e', program], env: {} })
  const starts = () => options.logged.filter((line) => line.includes('MCP server connected')).length
  await expect.poll(starts, { timeout: 15_000, interval: 20 }).toBeGreaterThanOrEqual(4)
  // Pauses of 125, at least 250 and at least 500 ms.
  expect(performance.now() - from).toBeGreaterThan(850)
})

describe('backoff', () => {
  it('grows, is never in step, has a cap, and begins anew after what held', () => {
    const backoff = createBackoff({ firstMs: 100, longestMs: 1000, goodAfterMs: 5000, free: 1 })
    const pauses = Array.from({ length: 9 }, () => backoff.ended(10))
    const most = [0, 100, 200, 400, 800, 1000, 1000, 1000, 1000]
    for (const [index, pause] of pauses.entries()) {
      expect(pause).toBeLessThanOrEqual(most[index] ?? 0)
      expect(pause).toBeGreaterThanOrEqual((most[index] ?? 0) / 2)
    }
    expect(new Set(pauses).size).toBe(9)
    expect(backoff.ended(5000)).toBe(0)
    expect(backoff.quickEnds).toBe(1)
    expect(backoff.ended(0)).toBeGreaterThan(0)
  })

  it('a server’s own time is kept below half a minute', () => {
    const transport = new StreamableHTTPClientTransport(new URL('http://127.0.0.1:1/'))
    boundServerRetry(transport)
    const delayAfter = (ms: number) => {
      Reflect.set(transport, '_serverRetryMs', ms)
      return (Reflect.get(transport, '_getNextReconnectionDelay') as () => number).call(transport)
    }
    expect([0, 15_000, 30_001, 99_999_999_999].map(delayAfter)).toEqual([0, 15_000, 30_000, 30_000])
  })

  it('a stream that is given up while it waits is told that there is none', async () => {
    const asked: string[] = []
    const fetch = paceStreams(async () => {
      asked.push('GET')
      return new Response('')
    })
    const controller = new AbortController()
    await fetch('http://x/', { method: 'GET' })
    const second = fetch('http://x/', { method: 'GET', signal: controller.signal })
    controller.abort()
    expect((await second).status).toBe(405)
    expect(asked).toEqual(['GET'])
  })
})
