// Memory that is nearly full: new sessions are refused with a retry time, running ones go on, and admission resumes when there is room.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryMark, watchMemory } from '../../src/server/memory.js'
import { connectClient } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

const MIB = 1024 * 1024

describe('the mark', () => {
  it.each([
    { id: 'as set', setting: 1000 * MIB, processes: 1, container: 0, mark: 1000 * MIB },
    { id: 'as set, shared', setting: 1000 * MIB, processes: 4, container: 512 * MIB, mark: 250 * MIB },
    { id: 'by the container', setting: 'auto' as const, processes: 1, container: 1000 * MIB, mark: 900 * MIB },
    { id: 'by the container, shared', setting: 'auto' as const, processes: 2, container: 1000 * MIB, mark: 450 * MIB },
    { id: 'without a container', setting: 'auto' as const, processes: 1, container: 0, mark: Number.POSITIVE_INFINITY },
    { id: 'in a container without a limit', setting: 'auto' as const, processes: 1, container: 2 ** 64, mark: Number.POSITIVE_INFINITY },
    { id: 'off', setting: 'off' as const, processes: 1, container: 512 * MIB, mark: Number.POSITIVE_INFINITY },
  ])('$id', ({ setting, processes, container, mark }) => {
    expect(memoryMark(setting, processes, container, 8192 * MIB)).toBe(mark)
  })
})

describe('the watch', () => {
  const reading = { resident: 100, accounted: 80, heapUsed: 10, heapLimit: 100 }
  const idle = { sessionCount: () => 0, threadBytes: () => 0, collect: () => undefined }

  it('measures once a second, even if it is asked more often', async () => {
    let [now, reads, resident] = [0, 0, 99]
    const watch = watchMemory({
      setting: 100,
      processes: 1,
      now: () => now,
      read: () => {
        reads++
        return { ...reading, resident }
      },
      ...idle,
    })
    reads = 0
    for (let n = 0; n < 100; n++) expect(watch.full()).toBe(false)
    resident = 101
    now = 999
    expect([watch.full(), reads]).toEqual([false, 1])
    now = 1000
    expect([watch.full(), reads]).toEqual([true, 2])
    expect(await watch.health()).toEqual({ status: 'down', detail: 'memory is nearly full' })
    now = 2000
    resident = 100
    expect(await watch.health()).toEqual({ status: 'ok', detail: 'enough' })
  })

  it('has sessions spare what they can before it refuses anybody', () => {
    let [now, resident, spared] = [0, 99, 0]
    const watch = watchMemory({ setting: 100, processes: 1, now: () => now, read: () => ({ ...reading, resident }), spare: () => ++spared === 1, ...idle })
    expect([watch.full(), spared]).toEqual([false, 0])
    resident = 101
    now = 1000
    expect([watch.full(), spared]).toEqual([false, 1])
    now = 2000
    expect([watch.full(), spared]).toEqual([true, 2])
  })

  it.each([
    { id: 'a heap that is nearly full counts as well', setting: 'auto' as const, heapUsed: 91, full: true },
    { id: 'one that is not does not', setting: 'auto' as const, heapUsed: 90, full: false },
    { id: 'nothing counts where it is off', setting: 'off' as const, heapUsed: 100, full: false },
  ])('$id', ({ setting, heapUsed, full }) => {
    expect(watchMemory({ setting, processes: 1, read: () => ({ ...reading, heapUsed }), ...idle }).full()).toBe(full)
  })

  it.each([
    { id: 'above the mark and in use', resident: 101, accounted: 95, full: true },
    { id: 'above the mark, with more than three quarters in use', resident: 300, accounted: 56, full: true },
    { id: 'above the mark, but free in the process', resident: 300, accounted: 55, full: false },
    { id: 'above the mark, and may be that of tools', resident: 300, accounted: 45, threads: 11, full: true },
    { id: 'in use, but below the mark', resident: 100, accounted: 100, full: false },
  ])('resident memory that is $id', ({ resident, accounted, threads = 0, full }) => {
    const readings = [{ resident: 30, accounted: 10 }]
    const watch = watchMemory({ setting: 100, processes: 1, read: () => ({ ...reading, ...(readings.pop() ?? { resident, accounted }) }), ...idle, threadBytes: () => threads })
    expect(watch.full()).toBe(full)
  })

  it('collects garbage while full: at once, when more than a tenth of the sessions have left and again a second later, and after a minute', () => {
    let [now, resident, sessions] = [0, 100, 100]
    const collections: (readonly [seconds: number, sessions: number])[] = []
    const collect = () => void collections.push([now / 1000, sessions])
    const watch = watchMemory({ setting: 100, processes: 1, now: () => now, sessionCount: () => sessions, threadBytes: () => 0, read: () => ({ ...reading, resident }), collect })
    const until = (seconds: number, left = sessions) => {
      sessions = left
      for (; now < seconds * 1000; now += 1000) watch.full()
    }
    until(10)
    expect(collections).toEqual([])
    resident = 101
    until(20)
    until(30, 90)
    until(40, 89)
    until(50, 40)
    until(120)
    expect(collections).toEqual([
      [10, 100],
      [30, 89],
      [40, 40],
      [41, 40],
      [101, 40],
    ])
    resident = 100
    until(300)
    expect(collections).toHaveLength(5)
  })
})

describe('a relay', () => {
  let running: RunningRelay | undefined
  afterEach(() => running?.close())

  it('refuses callers above its mark, keeps open sessions, and accepts callers again below it', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    collect()
    const mark = process.memoryUsage.rss() + 200 * MIB
    running = await runRelay({ env: { MAX_MEMORY_BYTES: String(mark) } })
    const { relay, wsUrl, token } = running
    const connect = async () => connectClient(`${wsUrl}/v1/realtime`, await token())
    const ready = async () => {
      const answer = await fetch(`${relay.adminUrl}/readyz`)
      const { checks } = (await answer.json()) as { checks: { memory: { detail: string } } }
      return { status: answer.status, detail: checks.memory.detail }
    }
    const client = await connect()
    await client.next('session.created')
    expect(await ready()).toEqual({ status: 200, detail: 'enough' })
    let ballast: Buffer | undefined = Buffer.alloc(400 * MIB, 1)
    await expect.poll(() => process.memoryUsage.rss()).toBeGreaterThan(mark)
    await expect.poll(ready, { timeout: 5000 }).toEqual({ status: 503, detail: 'memory is nearly full' })
    await expect(connect()).rejects.toMatchObject({ status: 503 })
    const plain = await fetch(`${relay.url}/livez`)
    expect(plain.status).toBe(200)
    expect((await client.ask('Still there?')).at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    expect(ballast.length).toBeGreaterThan(0)
    ballast = undefined
    collect()
    await expect.poll(ready, { timeout: 5000 }).toEqual({ status: 200, detail: 'enough' })
    const again = await connect()
    await again.next('session.created')
    again.close()
    client.close()
  })
})
