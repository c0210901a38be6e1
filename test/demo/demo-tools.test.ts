// The demo's tools, read as configuration and run the way the relay runs them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEnvReader, createProblemList } from '../../src/config/environment.js'
import { readTools } from '../../src/config/tools.js'
import { demoTools } from '../../src/demo/demo-tools.js'
import { startDemoToolServer } from '../../src/demo/tool-server.js'
import type { ToolSet } from '../../src/ports/tools.js'
import { checkTools } from '../../src/tools/check.js'
import { createToolRegistry } from '../../src/tools/registry.js'
import { contextFor, testOptions } from '../tools/tool-context.js'

let tools: ToolSet
let url: string
const closing: (() => Promise<void>)[] = []
beforeAll(async () => {
  const server = await startDemoToolServer()
  url = server.url
  const problems = createProblemList()
  const cwd = process.cwd()
  const configs = readTools(createEnvReader({ TOOLS: JSON.stringify(demoTools(url, './test/demo/orders-from-source.mjs')) }, cwd, problems), cwd, checkTools, problems)
  expect(problems.found).toEqual([])
  const registry = await createToolRegistry(configs, testOptions())
  tools = registry.toolSet(undefined)
  closing.push(registry.close, server.close)
})
afterAll(async () => {
  for (const close of closing) await close()
})
const run = (name: string, args: object) => tools.run({ callId: 'c', name, arguments: JSON.stringify(args) }, contextFor())

describe('demo tools', () => {
  it('are three of the server and one of the client', () => {
    expect(Object.fromEntries(tools.tools.map((spec) => [spec.definition.name, spec.owner]))).toEqual({
      get_weather: 'server',
      get_time: 'server',
      lookup_order: 'server',
      show_on_screen: 'client',
    })
  })

  it.each(['Lisbon', 'São Paulo'])('the weather in %s', async (city) => {
    const { output, outcome } = await run('get_weather', { city })
    expect(outcome).toBe('ok')
    expect(JSON.parse(output)).toMatchObject({ city, condition: expect.any(String), temperature_celsius: expect.any(Number) })
    expect((await run('get_weather', { city })).output).toBe(output)
  })

  it.each([
    ['Tokyo', 'Asia/Tokyo'],
    ['new york', 'America/New_York'],
    ['Munich', 'Europe/Berlin'],
  ])('the time in %s', async (city, zone) => {
    expect(JSON.parse((await run('get_time', { city })).output)).toMatchObject({ city, time_zone: zone, time: expect.stringMatching(/\d\d:\d\d$/) })
  })

  it('the time of an unknown city', async () => {
    expect(JSON.parse((await run('get_time', { city: 'Atlantis' })).output)).toEqual({ city: 'Atlantis', note: 'The demo does not know the time zone of this city.' })
  })

  it('an order, and an invalid order number', async () => {
    expect((await run('lookup_order', { order_id: 'order 1234' })).output).toMatch(/^Order 1234 of Alice Müller \(5 items\) is out for delivery/)
    expect((await run('lookup_order', { order_id: 'mine' })).output).toMatch(/^There is no order mine/)
  })

  it('the back end refuses everything else', async () => {
    const status = async (path: string, init: RequestInit = {}) => (await fetch(url + path, init)).status
    expect(await status('/')).toBe(404)
    expect(await status('/weather', { method: 'POST', body: '{"city":1}' })).toBe(400)
    expect(await status('/weather', { method: 'POST', body: 'x'.repeat(20_000) })).toBe(400)
  })
})
