// Who sets V8's flags: the entries that start a relay do, importing a file does not. With them, what reading leaves behind is collected every 4 MiB.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { getHeapSpaceStatistics } from 'node:v8'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tuneHeap } from '../../src/process/heap.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { countOutside } from '../../src/wire/young-garbage.js'
import { builtRelay, startCommand } from '../support/built-relay.js'

const MIB = 1024 * 1024

const youngBytes = (): number => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_used_size ?? 0

/** Less than the young generation holds, so that nothing else makes V8 collect it. */
function leaveGarbage(): void {
  for (let i = 0; i < 2000; i++) new Array(10).fill(i)
}

it('a young collection follows every 4 MiB read, and not before', () => {
  tuneHeap()
  countOutside(4 * MIB)
  leaveGarbage()
  const before = youngBytes()
  countOutside(4 * MIB - 1)
  expect(youngBytes()).toBeGreaterThanOrEqual(before)
  countOutside(1)
  expect(youngBytes()).toBeLessThan(before - 100_000)
})

/** V8 makes the young generation small for a snapshot of the heap, as it does in a quiet time. While it marks, a half may hold more than its size. */
const SHRINKS = `
  const { tuneHeap } = await import(process.argv[1])
  const { default: v8 } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  const { setTimeout: wait } = await import('node:timers/promises')
  tuneHeap()
  const half = () => {
    const young = v8.getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
    return young.space_used_size + young.space_available_size
  }
  const sizes = [half()]
  v8.getHeapSnapshot().destroy()
  sizes.push(half())
  const busy = (until) => { while (Date.now() < until); }
  for (const until = Date.now() + 15_000; half() < sizes[0] * 0.9 && Date.now() < until; busy(Date.now() + 10)) await wait(50)
  sizes.push(half())
  // Enough stays alive for it to be doubled twice, if it may be.
  for (let round = 0; round < 100; round++) sizes.alive = Array.from({ length: 20_000 }, (_, index) => ({ index, last: sizes.alive?.[index] }))
  runInNewContext('gc')({ type: 'minor' })
  console.log(JSON.stringify([...sizes, half()]))`

it('a young generation that V8 made small in a quiet time is made as large as before once there is something to do, and no larger', async () => {
  const url = pathToFileURL(join(await builtRelay(), 'process/heap.js')).href
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', SHRINKS, url])
  expect((JSON.parse(stdout) as number[]).map((bytes) => Math.round(bytes / MIB))).toEqual([4, 1, 4, 4])
})

describe('V8’s flags', () => {
  /** Whether a garbage collector would be found, at the end of the process. */
  const SAYS = `import { runInNewContext } from 'node:vm'; import { getHeapSpaceStatistics } from 'node:v8'
    const young = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size
    process.on('exit', () => console.error('gc', runInNewContext('typeof gc'), 'young', young()))`
  const preload = `--import=data:text/javascript,${encodeURIComponent(SAYS)}`
  let simulator: Simulator
  beforeAll(async () => {
    simulator = await startSimulator({ apiKey: 'key', deployments: ['voice'] })
  })
  afterAll(() => simulator.close())

  it.each(['wire/web-socket-link.js', 'wire/dial-accept.js', 'server/server.js', 'process/run.js', 'process/heap.js'])('are left alone by importing %s', async (name) => {
    const url = pathToFileURL(join(await builtRelay(), name)).href
    const read = name.startsWith('wire') ? "import { countOutside } from './young-garbage.js'; countOutside(8 << 20); " : ''
    const code = `${read.replace('./', pathToFileURL(join(await builtRelay(), 'wire/')).href)}await import(${JSON.stringify(url)})`
    const { stderr } = await promisify(execFile)(process.execPath, [preload, '--input-type=module', '--eval', code])
    expect(stderr).toMatch(/gc undefined/)
  })

  // The primary of several workers relays nothing, so it is left alone.
  it.each([
    [[], {}, 1],
    [['serve'], {}, 1],
    [['demo'], { LOG_LEVEL: 'info' }, 1],
    [[], { WORKERS: '2', REDIS_URL: process.env.REDIS_URL ?? '' }, 2],
  ])('are set by the entry that starts a relay: %j %j', async (words, env, processes) => {
    const command = await startCommand(words, {
      env: {
        HOST: '127.0.0.1',
        PORT: '0',
        ADMIN_PORT: '0',
        JWT_SECRET: 'a shared secret of the tests, 32 bytes or more',
        AZURE_OPENAI_ENDPOINT: simulator.url,
        AZURE_OPENAI_DEPLOYMENT: 'voice',
        AZURE_OPENAI_API_KEY: 'key',
        NODE_OPTIONS: preload,
        ...env,
      },
    })
    try {
      await command.says(processes > 1 ? /"ready":2,"msg":"worker ready"/ : /"msg":"listening"/, 60_000)
      command.child.kill('SIGTERM')
      expect(await command.ended).toMatchObject({ code: 0 })
    } finally {
      await command.stop()
    }
    expect(command.errors.match(new RegExp(`gc function young ${words[0] === 'demo' ? '\\d+' : 8 * MIB}$`, 'gm'))).toHaveLength(processes)
    expect(command.errors.match(/gc undefined/g) ?? []).toHaveLength(processes > 1 ? 1 : 0)
  })
})
