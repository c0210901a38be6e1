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
