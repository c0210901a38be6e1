// Faults 33 to 35: a blocked process, little memory with slow readers, and no file descriptors left.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import type { RealtimeClient } from '../support/realtime-client.js'
import { type RelayProcess, roundTrip, startRelayProcess } from './relay-process.js'

let upstream: Simulator
let relay: RelayProcess
beforeAll(async () => {
  upstream = await startSimulator({ speed: Number.POSITIVE_INFINITY, record: 0 })
})
afterAll(() => upstream.close())

describe('33. two seconds without a turn of the event loop', () => {
  it('close no session, and events that came meanwhile keep their order', async () => {
    relay = await startRelayProcess({ upstream: upstream.url, env: { PING_INTERVAL_SECONDS: '0.5' } })
    try {
      const clients = await Promise.all(Array.from({ length: 20 }, () => relay.connect()))
      for (const client of clients) await client.next('session.created')
      relay.child.kill('SIGSTOP')
      const ids = Array.from({ length: 20 }, (_, n) => `item_${n}`)
      for (const client of clients) {
        for (const id of ids) client.send({ type: 'conversation.item.create', item: { id, type: 'message', role: 'user', content: [{ type: 'input_text', text: id }] } })
      }
      await sleep(2000)
      relay.child.kill('SIGCONT')
      for (const client of clients) {
        await roundTrip(client)
        expect(client.events.filter(({ type }) => type === 'conversation.item.done').map((event) => (event.item as { id: string }).id)).toEqual(ids)
      }
      expect(await relay.metric('relay_sessions')).toBe(20)
      for (const client of clients) client.close()
      await relay.nothingLeft()
    } finally {
      await relay.stop()
    }
  })

  it('cannot be caused by a spinning code tool', async () => {
    const module = fileURLToPath(new URL('./spinning-tool.mjs', import.meta.url))
    const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
    const tool = { type: 'function', name: 'get_weather', description: 'Tells the weather in a city.', parameters, run: { module: `${module}#getWeather` } }
    relay = await startRelayProcess({ upstream: upstream.url, env: { TOOLS: JSON.stringify([tool]), TOOL_TIMEOUT_SECONDS: '2' } })
    try {
      const [caller, other] = [await relay.connect('alice'), await relay.connect('bob')]
      await Promise.all([caller.next('session.created'), other.next('session.created')])
      const answered = caller.ask('What is the weather in Paris?')
      for (let n = 0; n < 20; n++) expect(await roundTrip(other)).toBeLessThan(1000)
      await answered
      caller.close()
      other.close()
      await relay.nothingLeft()
    } finally {
      await relay.stop()
    }
  })
})

describe('34. little memory and many slow readers', () => {
  it('do not kill the process: the relay stops reading upstreams whose clients do not read', async () => {
    const flooding = await startSimulator({ speed: Number.POSITIVE_INFINITY, record: 0, faults: { flood: 2000 } })
    relay = await startRelayProcess({ upstream: flooding.url, nodeOptions: ['--max-old-space-size=96'], env: { CLIENT_BUFFER_BYTES: '65536', MAX_SESSIONS: '50' } })
    try {
      const clients = await Promise.all(Array.from({ length: 40 }, () => relay.connect()))
      for (const client of clients) await client.next('session.created')
      for (const client of clients) {
        client.socket.pause()
        client.send({ type: 'response.create' })
      }
      await expect.poll(() => relay.metric('relay_backpressure_total'), { timeout: 20_000, interval: 100 }).toBeGreaterThanOrEqual(40)
      const reading = await relay.connect()
      await reading.next('session.created')
      await roundTrip(reading)
      expect(await relay.metric('process_resident_memory_bytes')).toBeLessThan(400e6)
      for (const client of [...clients, reading]) client.socket.terminate()
      await relay.nothingLeft()
    } finally {
      await relay.stop()
      await flooding.close()
    }
  })
})

describe('34. memory that fills up', () => {
  it('refuses new sessions above the mark, keeps the open ones, and accepts callers again when there is room', async () => {
    const flooding = await startSimulator({ speed: Number.POSITIVE_INFINITY, record: 0, faults: { flood: 4000 } })
    relay = await startRelayProcess({ upstream: flooding.url, nodeOptions: ['--max-old-space-size=256'], env: { MAX_MEMORY_BYTES: '150 MiB', CLIENT_BUFFER_BYTES: '4 MiB' } })
    try {
      const quiet = await relay.connect()
      await quiet.next('session.created')
      // What the first callers leave free stays with the process: resident memory is above the mark from then on.
      for (let round = 0; round < 3; round++) {
        const slow: RealtimeClient[] = []
        let refusal: unknown
        while (refusal === undefined && slow.length < 500) {
          const client = await relay.connect().catch((error: unknown) => {
            refusal = error
          })
          if (!client) break
          slow.push(client)
          await client.next('session.created')
          client.socket.pause()
          client.send({ type: 'response.create' })
          await roundTrip(quiet)
        }
        expect(refusal).toMatchObject({ status: 503, body: expect.stringContaining('"overloaded"') })
        expect(slow.length).toBeGreaterThan(5)
        expect(await (await fetch(`${relay.url}/readyz`)).json()).toMatchObject({ status: 'down', checks: { memory: { status: 'down' } } })
        for (let n = 0; n < 20; n++) await roundTrip(quiet)
        expect(await relay.metric('relay_sessions')).toBe(slow.length + 1)
        expect(await relay.metric('process_resident_memory_bytes')).toBeLessThan(250e6)
        for (const client of slow) client.socket.terminate()
        await expect.poll(() => relay.connect().then((client) => client.close(), String), { timeout: 10_000, interval: 500 }).toBeUndefined()
      }
      quiet.close()
      await relay.nothingLeft()
    } finally {
      await relay.stop()
      await flooding.close()
    }
  })
})

describe('35. no file descriptors left', () => {
  it('leaves live sessions alone, does not spin, and accepts callers again when there are some', async () => {
    relay = await startRelayProcess({ upstream: upstream.url })
    const sockets: Socket[] = []
    try {
      const client = await relay.connect()
      await client.next('session.created')
      const pid = relay.child.pid ?? 0
      const open = readdirSync(`/proc/${pid}/fd`).length
      execFileSync('prlimit', ['--pid', String(pid), `--nofile=${open + 20}`])
      const { hostname, port } = new URL(relay.url)
      for (let n = 0; n < 100; n++) {
        const socket = connect(Number(port), hostname)
        socket.on('error', () => undefined)
        sockets.push(socket)
      }
      // Out of descriptors, but for those that come and go.
      await expect.poll(() => readdirSync(`/proc/${pid}/fd`).length, { timeout: 5000, interval: 20 }).toBeGreaterThanOrEqual(open + 18)
      const before = process.hrtime.bigint()
      const busy = cpuTicks(pid)
      for (let n = 0; n < 10; n++) expect(await roundTrip(client)).toBeLessThan(1000)
      await sleep(1000)
      const seconds = Number(process.hrtime.bigint() - before) / 1e9
      expect((cpuTicks(pid) - busy) / 100 / seconds).toBeLessThan(0.7)
      for (const socket of sockets) socket.destroy()
      await expect
        .poll(
          () =>
            relay.connect().then(
              (late) => {
                late.close()
                return true
              },
              () => false,
            ),
          { timeout: 5000, interval: 100 },
        )
        .toBe(true)
      expect(await roundTrip(client)).toBeLessThan(1000)
      client.close()
    } finally {
      for (const socket of sockets) socket.destroy()
      await relay.stop()
    }
  })
})

/** Hundredths of a second of processor time, of the process itself. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}
