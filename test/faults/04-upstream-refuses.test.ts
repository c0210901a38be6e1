// Faults 4 to 8: the upstream refuses, asks for a pause, never answers, never begins a session, or is unreachable.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { startSimulator } from '../../src/simulator/simulator.js'
import { freePort } from '../support/redis.js'
import { API_KEY, clearEnd, DEPLOYMENT, type RelayProcess, roundTrip, startRelayProcess } from './relay-process.js'

let relay: RelayProcess | undefined
const closers: (() => unknown)[] = []
afterEach(async () => {
  await relay?.stop()
  for (const close of closers.splice(0)) await close()
})

/** Answers every upgrade with these lines, or with nothing, and counts the dials. */
async function refusing(lines: readonly string[] | undefined): Promise<{ url: string; dials: () => number }> {
  let dials = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer().listen(0, '127.0.0.1')
  server.on('connection', (socket) => sockets.add(socket))
  server.on('upgrade', (_request, socket) => {
    dials++
    socket.on('error', () => undefined)
    if (lines) socket.end([...lines, 'connection: close', '', `{"error":{"message":"key ${API_KEY} of ${DEPLOYMENT} is wrong"}}`].join('\r\n'))
  })
  await once(server, 'listening')
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, dials: () => dials }
}

describe('4. a refused handshake', () => {
  it.each(['401 Unauthorized', '403 Forbidden', '404 Not Found'])('with %s: one dial, a clear end, nothing of the body', async (status) => {
    const upstream = await refusing([`HTTP/1.1 ${status}`])
    relay = await startRelayProcess({ upstream: upstream.url })
    await clearEnd(await relay.connect(), 'upstream_refused', 4502)
    expect(upstream.dials()).toBe(1)
    expect(relay.output()).not.toContain(API_KEY)
    await relay.nothingLeft()
  })
})

describe('5. a handshake refused for now', () => {
  it.each(['429 Too Many Requests', '503 Service Unavailable'])('with %s and Retry-After: the client learns the time, and no dial comes before it', async (status) => {
    const upstream = await refusing([`HTTP/1.1 ${status}`, 'retry-after: 7'])
    relay = await startRelayProcess({ upstream: upstream.url })
    const first = await relay.connect()
    const { code, reason } = await first.closed()
    expect([4429, 4502]).toContain(code)
    expect(reason).toMatch(/[67] s$/)
    for (let n = 0; n < 10; n++) {
      const client = await relay.connect()
      const closed = await client.closed()
      expect(closed.reason).toMatch(/^(rate_limited|upstream_refused): back_off/)
    }
    expect(upstream.dials()).toBeLessThanOrEqual(status.startsWith('429') ? 1 : 6)
    await relay.nothingLeft()
  })
})

describe('6. a handshake never answered', () => {
  it('ends two hundred clients by the connect time-out, and frees their places', async () => {
    const upstream = await refusing(undefined)
    relay = await startRelayProcess({ upstream: upstream.url, env: { UPSTREAM_CONNECT_TIMEOUT_SECONDS: '2' } })
    const clients = await Promise.all(Array.from({ length: 200 }, () => relay?.connect()))
    const codes = await Promise.all(clients.map(async (client) => (await client?.closed())?.code))
    expect(new Set(codes)).toEqual(new Set([4504]))
    await relay.nothingLeft()
    expect(await relay.metric('process_resident_memory_bytes')).toBeLessThan(300e6)
  })
})

describe('7. a session that never begins', () => {
  it('ends clearly, and no event is relayed before', async () => {
    const upstream = await startSimulator({ faults: { silent: true } })
    closers.push(() => upstream.close())
    relay = await startRelayProcess({ upstream: upstream.url, env: { UPSTREAM_CONNECT_TIMEOUT_SECONDS: '0.5' } })
    const client = await relay.connect()
    client.send({ type: 'response.create' })
    await clearEnd(client, 'upstream_timeout', 4504)
    expect(client.events).toHaveLength(1)
    expect(upstream.received.flatMap(({ events }) => events)).toEqual([])
    await relay.nothingLeft()
  })
})

describe('8. a closed port', () => {
  it('is reported within a second, and works again within two seconds after it opens', async () => {
    const port = await freePort()
    relay = await startRelayProcess({ upstream: `http://127.0.0.1:${port}` })
    const began = performance.now()
    await clearEnd(await relay.connect(), 'upstream_refused', 4502)
    expect(performance.now() - began).toBeLessThan(1000)
    const upstream = await startSimulator({ port, speed: Number.POSITIVE_INFINITY })
    closers.push(() => upstream.close())
    await expect
      .poll(
        async () => {
          const client = await relay?.connect()
          const live = await client?.next('session.created').then(
            () => true,
            () => false,
          )
          if (live && client) await roundTrip(client)
          client?.close()
          return live
        },
        { timeout: 2000, interval: 100 },
      )
      .toBe(true)
  })
})
