// `check --tools` and `call` as they are typed: nothing runs that was not asked for, and one call by hand says what the model would read.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
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
  it('lists every tool with source, reachability and schema, names the server that is away, and calls nothing', async () => {
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
})

describe('call', () => {
  it('runs one tool and prints what the model would read', async () => {
    const { code, output } = await runCommand(['call', 'get_weather', '{"city":"Bergen"}'], { env })
    expect(output).toMatch(/^sunny$/m)
    expect(output).toMatch(/^ok, \d+ ms$/m)
    expect(code).toBe(0)
    expect(requests).toEqual(['GET /weather?city=Bergen Bearer canary-key'])
  })

  it('for the caller it is given', async () => {
    const { output } = await runCommand(['call', 'lookup_order', '{"order_id":"7"}', '--sub', 'bob'], { env })
    expect(output).toContain('order 7 of bob')
  })

  it.each([
    [['get_weather', '{"town":"Bergen"}'], /^Invalid arguments: /m],
    [['nobody', '{}'], /There is no tool "nobody" that the relay runs\. There are: get_weather, lookup_order\./],
    [['show_on_screen', '{}'], /There is no tool "show_on_screen"/],
    [['get_weather'], /'<json>' is missing/],
  ])('%j fails with words', async (words, said) => {
    const { code, output } = await runCommand(['call', ...words], { env })
    expect(output).toMatch(said)
    expect(code).toBe(1)
  })
})
