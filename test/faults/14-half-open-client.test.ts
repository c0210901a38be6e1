// Faults 14 and 15: clients that vanish: one frozen with its socket open, five hundred by RST.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { type RelayProcess, roundTrip, startRelayProcess } from './relay-process.js'

let upstream: Simulator
let relay: RelayProcess

beforeAll(async () => {
  upstream = await startSimulator({ speed: Number.POSITIVE_INFINITY })
  relay = await startRelayProcess({ upstream: upstream.url, env: { PING_INTERVAL_SECONDS: '1' } })
})
afterAll(async () => {
  await relay.stop()
  await upstream.close()
})

it('14. the ping drops a frozen client, closes its upstream and frees its place', async () => {
  const script = fileURLToPath(new URL('./half-open-client.mjs', import.meta.url))
  const client = spawn(process.execPath, [script, `${relay.wsUrl}/v1/realtime`, await relay.token()], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(client.stdout, 'data')
    expect(await relay.metric('relay_sessions')).toBe(1)
    client.kill('SIGSTOP')
    await expect.poll(() => upstream.sessions(), { timeout: 4500, interval: 50 }).toBe(0)
    await relay.nothingLeft()
  } finally {
    client.kill('SIGKILL')
  }
})

it('15. five hundred clients that reset during or after the upgrade leave nothing open, and the process lives', async () => {
  const token = await relay.token()
  const { hostname, port } = new URL(relay.url)
  const storm = async (n: number) => {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(
      `GET /v1/realtime HTTP/1.1\r\nhost: relay\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer ${token}\r\n\r\n`,
    )
    await sleep(n % 21)
    socket.resetAndDestroy()
  }
  for (let wave = 0; wave < 10; wave++) await Promise.all(Array.from({ length: 50 }, (_, n) => storm(n)))
  await relay.nothingLeft()
  await expect.poll(() => upstream.sessions(), { timeout: 3000, interval: 20 }).toBe(0)
  const client = await relay.connect()
  await client.next('session.created')
  await roundTrip(client)
  client.close()
})
