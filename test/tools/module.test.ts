// Module tools in their threads: results, the caller as the tool sees it, and tools that throw, spin, crash, hang or exhaust memory.
import { afterEach, describe, expect, it } from 'vitest'
import type { ToolConfig } from '../../src/config/config.js'
import { ConfigError } from '../../src/config/config-error.js'
import type { ToolRegistry } from '../../src/ports/tools.js'
import { watchMemory } from '../../src/server/memory.js'
import { moduleHeapBytes } from '../../src/tools/module-host.js'
import { createToolRegistry } from '../../src/tools/registry.js'
import { contextFor, testOptions } from './tool-context.js'

const FIXTURE = './test/tools/module-fixture.mjs'
const SECRET = 'hunter2'

function moduleTool(exportName: string, timeoutMs?: number, file = FIXTURE): ToolConfig {
  return { kind: 'module', definition: { type: 'function', name: exportName, parameters: { type: 'object' } }, file, exportName, timeoutMs }
}

const open: ToolRegistry[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((registry) => registry.close()))
})

async function start(configs: readonly ToolConfig[], overrides: Parameters<typeof testOptions>[0] = {}) {
  const options = testOptions(overrides)
  const registry = await createToolRegistry(configs, options)
  open.push(registry)
  const set = registry.toolSet(undefined)
  const run = (name: string, args: unknown = {}, signal?: AbortSignal) => set.run({ callId: 'call-1', name, arguments: JSON.stringify(args) }, contextFor(signal))
  return { registry, run, options }
}

describe('results', () => {
  it.each([
    ['echo', { text: 'Grüße 🎧' }, 'ok', 'Grüße 🎧'],
    ['add', { a: 1, b: 2 }, 'ok', '{"sum":3}'],
    ['nothing', {}, 'ok', 'Done. The tool returned no text.'],
    ['surrogate', {}, 'ok', 'a\ufffdb'],
    ['fail', {}, 'error', 'The tool failed.'],
    ['reject', {}, 'error', 'The tool failed.'],
    ['circular', {}, 'error', 'The tool failed.'],
  ])('%s', async (name, args, outcome, output) => {
    const { run, options } = await start([moduleTool(name)])
    expect(await run(name, args)).toMatchObject({ outcome, output })
    expect(options.logged.join()).not.toContain(SECRET)
  })

  it('logs where a tool threw, without its message', async () => {
    const { run, options } = await start([moduleTool('fail')])
    await run('fail')
    expect(options.logged.join('\n')).toMatch(/TypeError at .*fail .*module-fixture\.mjs:\d+/)
  })

  it('cuts a long result before it leaves the thread', async () => {
    const { run } = await start([moduleTool('big')], { maxBytes: 100 })
    const result = await run('big')
    expect(result.cut).toBe(true)
    expect(result.output).toMatch(/^é+\n\[cut: longer than 100 bytes\]$/)
    expect(Buffer.byteLength(result.output)).toBeLessThanOrEqual(100)
  })

  it('shows the tool the caller without token id and times, and none of the environment', async () => {
    process.env.RELAY_TEST_SECRET = SECRET
    const { run } = await start([moduleTool('whoAmI'), moduleTool('environment')])
    expect(JSON.parse((await run('whoAmI')).output)).toEqual({ subject: 'alice', issuer: 'https://issuer.example', claims: { sub: 'alice', name: 'Alice Müller', team: 'blue' } })
    expect(JSON.parse((await run('environment')).output)).toEqual({ environment: {}, argv: [] })
    delete process.env.RELAY_TEST_SECRET
  })

  it('is given the keys of a telephone', async () => {
    const { registry } = await start([moduleTool('keysPressed')])
    const call = async (keys?: string) => (await registry.toolSet(undefined).run({ callId: 'c', name: 'keysPressed', arguments: '{}' }, { ...contextFor(), keys })).output
    expect([await call('12#'), await call()]).toEqual(['keys: 12#', 'keys: undefined'])
  })

  it('passes log lines on and keeps printed output out of the log', async () => {
    const { run, options } = await start([moduleTool('noisy')])
    expect((await run('noisy')).output).toBe('quiet')
    expect(options.logged.join()).toContain('written to the log')
    expect(options.logged.join()).not.toContain('printed to standard output')
  })

  it('keeps one thread, and so the state of the module', async () => {
    const { run } = await start([moduleTool('countCalls')])
    const before = moduleHeapBytes()
    const results = await Promise.all(Array.from({ length: 20 }, () => run('countCalls')))
    expect(moduleHeapBytes()).toBe(before)
    expect(results.map((result) => Number(result.output))).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
  })
})

describe('misbehaviour', () => {
  it('ends a spinning tool at its time limit; calls behind it run on the next thread', async () => {
    const { run } = await start([moduleTool('spin', 200), moduleTool('echo')])
    const spinning = run('spin')
    const behind = run('echo', { text: 'behind' })
    let turns = 0
    const ticking = setInterval(() => turns++, 5)
    expect(await spinning).toMatchObject({ outcome: 'timeout' })
    expect(await behind).toMatchObject({ outcome: 'ok', output: 'behind' })
    clearInterval(ticking)
    expect(turns).toBeGreaterThan(10)
  })

  it('ends a spinning thread once, however many calls wait for it', async () => {
    const warnings: string[] = []
    const heard = ({ name }: Error) => void warnings.push(name)
    process.on('warning', heard)
    const { run } = await start([moduleTool('spin'), moduleTool('echo')])
    const clients = Array.from({ length: 12 }, () => new AbortController())
    const calls = clients.map(({ signal }) => run('spin', {}, signal))
    for (const client of clients) client.abort()
    await Promise.all(calls)
    expect(await run('echo', { text: 'next' })).toMatchObject({ output: 'next' })
    process.off('warning', heard)
    expect(warnings).toEqual([])
  })

  it('ends a hanging tool at its time limit while others in its thread go on', async () => {
    const { run, options } = await start([moduleTool('hang', 100), moduleTool('countCalls')])
    await run('countCalls')
    expect(await run('hang')).toMatchObject({ outcome: 'timeout' })
    expect((await run('countCalls')).output).toBe('2')
    expect(options.logged.join()).toContain('hang was aborted')
  })

  it('aborts the tool when the client leaves', async () => {
    const { run, options } = await start([moduleTool('hang'), moduleTool('echo')])
    const controller = new AbortController()
    const running = run('hang', {}, controller.signal)
    await run('echo', { text: 'the thread has begun the call before' })
    controller.abort()
    expect(await running).toMatchObject({ outcome: 'aborted' })
    await run('echo', { text: 'and has seen the abort by now' })
    expect(options.logged.join()).toContain('hang was aborted')
  })

  it('a module that crashes each thread soon after its start is left alone for a while after the third', async () => {
    const { run } = await start([moduleTool('crashLater')])
    const outputs: string[] = []
    for (let round = 0; round < 5; round++) outputs.push((await run('crashLater')).output)
    const [failed, away] = ['The tool failed.', 'The tool is not available right now. Try again later.']
    expect(outputs).toEqual([failed, failed, failed, away, away])
  })

  it.each(['exit', 'crashLater', 'eatMemory'])('%s fails that call and the thread is replaced', async (name) => {
    const { run, registry, options } = await start([moduleTool(name), moduleTool('echo')], { timeoutMs: 15_000 })
    expect(await run(name)).toMatchObject({ outcome: 'error', output: 'The tool failed.' })
    expect(await run('echo', { text: 'alive' })).toMatchObject({ outcome: 'ok', output: 'alive' })
    expect((await registry.health()).status).toBe('ok')
    expect(options.logged.join()).not.toContain(SECRET)
  })

  it('replaces a thread in which too many calls never returned', async () => {
    const { run } = await start([moduleTool('never', 50), moduleTool('countCalls')])
    expect((await run('countCalls')).output).toBe('1')
    await Promise.all(Array.from({ length: 17 }, () => run('never')))
    expect((await run('countCalls')).output).toBe('1')
  })

  it('lets a thread that will be replaced finish its calls', async () => {
    const { run, options } = await start([moduleTool('never', 50), moduleTool('hang'), moduleTool('countCalls')])
    const controller = new AbortController()
    const hanging = run('hang', {}, controller.signal)
    expect((await run('countCalls')).output).toBe('1')
    await Promise.all(Array.from({ length: 17 }, () => run('never')))
    expect((await run('countCalls')).output).toBe('1')
    expect((await run('countCalls')).output).toBe('2')
    controller.abort()
    expect(await hanging).toMatchObject({ outcome: 'aborted' })
    expect(options.logged).toEqual([])
  })

  it('bounds the calls that wait for one module', async () => {
    const { run } = await start([moduleTool('never')])
    const callers = Array.from({ length: 64 }, () => new AbortController())
    const waiting = callers.map((caller) => run('never', {}, caller.signal))
    expect(await run('never')).toMatchObject({ outcome: 'error', output: 'The tool is busy. Try again later.' })
    for (const caller of callers) caller.abort()
    expect((await Promise.all(waiting)).map((result) => result.outcome)).toEqual(waiting.map(() => 'aborted'))
  })

  it('ends a spinning thread on close', async () => {
    const { run, registry } = await start([moduleTool('spin'), moduleTool('echo')])
    const spinning = run('spin')
    expect(moduleHeapBytes()).toBe(160 * 1024 * 1024)
    // Above the mark, and nothing in use that V8 would tell this thread of.
    const reading = { resident: 0, accounted: 0, heapUsed: 0, heapLimit: 1 }
    const memoryFull = () => {
      const resident = [201, 0]
      return watchMemory({ setting: 200, processes: 1, sessionCount: () => 0, collect: () => undefined, read: () => ({ ...reading, resident: resident.pop() ?? 0 }) }).full()
    }
    expect(memoryFull()).toBe(true)
    await registry.close()
    expect(moduleHeapBytes()).toBe(0)
    expect(memoryFull()).toBe(false)
    expect(await spinning).toMatchObject({ outcome: 'error' })
    expect(await run('echo', { text: 'x' })).toMatchObject({ outcome: 'error' })
  })
})

it('names every missing module and function, without a module’s own words', async () => {
  const configs = [
    moduleTool('echo', undefined, './missing.mjs'),
    moduleTool('fail', undefined, './test/tools/module-broken.mjs'),
    moduleTool('notAFunction'),
    moduleTool('toString'),
  ]
  const error = await createToolRegistry(configs, testOptions()).catch((reason: unknown) => reason as ConfigError)
  expect(error).toBeInstanceOf(ConfigError)
  expect((error as ConfigError).problems).toEqual([
    'TOOLS "echo": run module ./missing.mjs cannot be loaded',
    'TOOLS "fail": run module ./test/tools/module-broken.mjs cannot be loaded',
    `TOOLS "notAFunction": run module ${FIXTURE} exports no function notAFunction`,
    `TOOLS "toString": run module ${FIXTURE} exports no function toString`,
  ])
  expect(String(error)).not.toContain(SECRET)
})
