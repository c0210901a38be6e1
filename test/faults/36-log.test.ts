// Faults 36 and 37: the log has no reader, or its disk is full. Sessions live, lost lines are counted, the event loop never waits.
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { type RelayProcess, roundTrip, startRelayProcess } from './relay-process.js'

let upstream: Simulator
beforeAll(async () => {
  upstream = await startSimulator({ speed: Number.POSITIVE_INFINITY })
})
afterAll(() => upstream.close())

const REFUSED =
  'GET /v1/realtime HTTP/1.1\r\nhost: relay\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer no.token.this\r\n\r\n'

/** An upgrade with a bad token, which logs one line. */
async function refused(relay: RelayProcess): Promise<void> {
  const { hostname, port } = new URL(relay.url)
  const socket = connect(Number(port), hostname, () => socket.write(REFUSED))
  socket.on('error', () => undefined)
  socket.resume()
  await once(socket, 'close')
}

/** Logs at least this many lines while a session's markers go to the upstream and back. */
async function talk(relay: RelayProcess, lines: number): Promise<void> {
  const client = await relay.connect()
  await client.next('session.created')
  for (let n = 0; n < lines; n += 100) {
    await Promise.all(Array.from({ length: 100 }, () => refused(relay)))
    expect(await roundTrip(client)).toBeLessThan(1000)
  }
  client.close()
}

describe('36. a log that cannot be written', () => {
  it('to a full disk: the sessions live', async () => {
    const full = openSync('/dev/full', 'w')
    const relay = await startRelayProcess({ upstream: upstream.url, stdout: full })
    try {
      await talk(relay, 500)
      await relay.nothingLeft()
    } finally {
      closeSync(full)
      await relay.stop()
    }
  })

  it('to a pipe without a reader: the sessions live, and the process ends cleanly', async () => {
    const relay = await startRelayProcess({ upstream: upstream.url, stdout: 'unread' })
    try {
      relay.child.stdout?.destroy()
      await talk(relay, 200)
      await relay.nothingLeft()
      relay.child.kill('SIGTERM')
      expect((await relay.ended).code).toBe(0)
    } finally {
      await relay.stop()
    }
  })
})

describe('37. a log that is not read', () => {
  it('never delays a session; lines that do not fit are dropped and counted', async () => {
    const relay = await startRelayProcess({ upstream: upstream.url, stdout: 'unread', env: { LOG_LEVEL: 'trace' } })
    try {
      for (let n = 0; n < 30 && (await relay.metric('relay_log_lines_dropped')) === 0; n++) await talk(relay, 500)
      expect(await relay.metric('relay_log_lines_dropped')).toBeGreaterThan(0)
      expect(await relay.metric('process_resident_memory_bytes')).toBeLessThan(300e6)
      await relay.nothingLeft()
    } finally {
      await relay.stop()
    }
  })
})
