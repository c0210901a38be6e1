// `check --tools` and `call` as a user types them. `check` runs no tool; `call` runs one and prints what the model would read.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand } from '../support/built-relay.js'
import { sampleTools } from '../support/running-relay.js'

const requests: string[] = []
let backEnd: Server
let env: Record<string, string>

beforeAll(async () => {
  backEnd = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.authorization}`)
    response.end('sunny')
  }).listen(0, '127.0.0.1')
  await once(backEnd, 'listening')
  const weather = {
    http: { method: 'GET', url: `http://127.0.0.1:${(backEnd.address() as AddressInfo).port}/weather`, headers: { authorization: 'Bearer canary-key' } },
    onCancel: 'finish',
  }
  const [sample, ...others] = sampleTools('http://127.0.0.1:1') as { run: unknown }[]
  env = {
    JWT_SECRET: 'a secret of the commands that is 32 bytes or more',
    AZURE_OPENAI_ENDPOINT: 'http://localhost:1',
    AZURE_OPENAI_DEPLOYMENT: 'voice',
    TOOLS: JSON.stringify([{ ...sample, run: weather }, ...others]),
  }
})
afterAll(() => {
  backEnd.close()
  backEnd.closeAllConnections()
})

const away = { type: 'mcp', server_label: 'away', command: process.execPath, args: ['-e', '0'] }

describe('check --tools', () => {
  it('lists every tool with source, reachability and schema, names the unreachable server, and calls no tool', async () => {
    const { code, output } = await runCommand(['check', '--tools'], { env: { ...env, TOOLS: JSON.stringify([...JSON.parse(env.TOOLS ?? ''), away]) } })
    expect(output).toMatch(/^get_weather +http +ok +reachable, onCancel finish$/m)
    expect(output).toMatch(/^lookup_order +module +ok/m)
    expect(output).toMatch(/^show_on_screen +client +ok +answered by the client$/m)
    expect(output).toContain('{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}')
    expect(output).toMatch(/^source mcp:away: degraded, not connected$/m)
    expect(output).not.toContain('canary')
    expect(code).toBe(1)
    expect(requests).toEqual([])
  })

  it('says for each HTTP tool whether its host can be reached, with one connection per host and no request', async () => {
    let connections = 0
    let bytes = 0
    const counting = createTcpServer((socket) => {
      connections++
      socket.on('data', (chunk) => (bytes += chunk.length)).on('error', () => undefined)
    }).listen(0, '127.0.0.1')
    const gone = createTcpServer().listen(0, '127.0.0.1')
    await Promise.all([once(counting, 'listening'), once(gone, 'listening')])
    const there = (counting.address() as AddressInfo).port
    const away = (gone.address() as AddressInfo).port
    gone.close()
    await once(gone, 'close')
    const http = (name: string, url: string, more = {}) => ({ type: 'function', name, run: { http: { method: 'POST', url, ...more } } })
    const tools = [
      http('first', `http://127.0.0.1:${there}/a`),
      http('second', `http://127.0.0.1:${there}/b`),
      http('third', `http://127.0.0.1:${away}/a`),
      http('named', `http://localhost:${(backEnd.address() as AddressInfo).port}/a`),
      // The same host, which is a private address.
      http('public_only', `http://localhost:${(backEnd.address() as AddressInfo).port}/b`, { denyPrivateAddresses: true }),
    ]
    const { code, output } = await runCommand(['check', '--tools'], { env: { ...env, TOOLS: JSON.stringify(tools) } })
    for (const name of ['first', 'second', 'named']) expect(output).toMatch(new RegExp(`^${name} +http +ok +reachable$`, 'm'))
    for (const name of ['third', 'public_only']) expect(output).toMatch(new RegExp(`^${name} +http +degraded +unreachable$`, 'm'))
    expect(output).toMatch(/^source http: degraded, 2 of 3 hosts unreachable$/m)
    expect(code).toBe(1)
    expect([connections, bytes]).toEqual([1, 0])
    expect(requests).toEqual([])
    counting.close()
  })
})

describe('call', () => {
  it('runs one tool and prints what the model would read', async () => {
    const { code, output } = await runCommand(['call', 'get_weather', '{"city":"Bergen"}'], { env })
    expect(output).toMatch(/^sunny$/m)
    expect(output).toMatch(/^ok, \d+ ms$/m)
    expect(code).toBe(0)
    expect(requests).toEqual(['GET /weather?city=Bergen Bearer canary-key'])
  })

  it('runs it for the given caller', async () => {
    const { output } = await runCommand(['call', 'lookup_order', '{"order_id":"7"}', '--sub', 'bob'], { env })
    expect(output).toContain('order 7 of bob')
  })

  it.each([
    [['get_weather', '{"town":"Bergen"}'], /^Invalid arguments: /m],
    [['nobody', '{}'], /There is no tool "nobody" that the relay runs\. There are: get_weather, lookup_order\./],
    [['show_on_screen', '{}'], /There is no tool "show_on_screen"/],
    [['get_weather'], /'<json>' is missing/],
  ])('%j fails and says why', async (words, said) => {
    const { code, output } = await runCommand(['call', ...words], { env })
    expect(output).toMatch(said)
    expect(code).toBe(1)
  })
})
