// Faults 29 and 30: the relay's clock is wrong, or jumps under live sessions.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { connectClient, Refused } from '../support/realtime-client.js'
import { type RelayProcess, roundTrip, startRelayProcess } from './relay-process.js'

const installed = hasFaketime()
const why = installed ? '' : ' (skipped: faketime is not installed)'

function hasFaketime(): boolean {
  try {
    execFileSync('faketime', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Faketime's own command forks, and its child would outlive it. */
function preload(): string {
  const library = execFileSync('faketime', ['-f', '+0', 'printenv', 'LD_PRELOAD']).toString().trim()
  return `LD_PRELOAD=${library}`
}

let upstream: Simulator
beforeAll(async () => {
  upstream = await startSimulator({ speed: Number.POSITIVE_INFINITY })
})
afterAll(() => upstream.close())

async function outcome(relay: RelayProcess, ttlSeconds: number): Promise<number> {
  try {
    const client = await connectClient(`${relay.wsUrl}/v1/realtime`, await relay.token('alice', ttlSeconds))
    await client.next('session.created')
    client.close()
    return 101
  } catch (error) {
    if (error instanceof Refused) return error.status
    throw error
  }
}

describe.skipIf(!installed)(`29. a clock that is off${why}`, () => {
  it.each([
    ['90 seconds fast, a token of ten minutes', '+90s', 600, 101],
    ['90 seconds fast, a token of one minute', '+90s', 60, 401],
    ['two hours fast', '+7200s', 600, 401],
    ['two hours slow', '-7200s', 600, 101],
  ])('%s', async (_, offset, ttl, status) => {
    const relay = await startRelayProcess({ upstream: upstream.url, wrapper: ['env', preload(), `FAKETIME=${offset}`] })
    try {
      expect(await outcome(relay, ttl)).toBe(status)
      if (status === 401) await expect.poll(relay.output, { timeout: 2000 }).toMatch(/"why":"expired"/)
    } finally {
      await relay.stop()
    }
  })
})

describe.skipIf(!installed)(`30. a clock that jumps${why}`, () => {
  it('loses none of fifty sessions, though their tokens, lengths and idle times are all shorter than the jumps', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'relay-clock-'))
    const file = join(folder, 'now')
    writeFileSync(file, '+0\n')
    const relay = await startRelayProcess({
      upstream: upstream.url,
      env: { PING_INTERVAL_SECONDS: '0.5', IDLE_TIMEOUT_SECONDS: '60', MAX_SESSION_SECONDS: '600' },
      wrapper: ['env', preload(), `FAKETIME_TIMESTAMP_FILE=${file}`, 'FAKETIME_NO_CACHE=1', 'FAKETIME_DONT_FAKE_MONOTONIC=1'],
    })
    try {
      const clients = await Promise.all(
        Array.from({ length: 50 }, async () => {
          const client = await connectClient(`${relay.wsUrl}/v1/realtime`, await relay.token('alice', 600))
          await client.next('session.created')
          return client
        }),
      )
      for (const offset of ['+3600', '-3600', '+7200', '+0']) {
        writeFileSync(file, `${offset}\n`)
        await Promise.all(clients.map((client) => roundTrip(client)))
      }
      expect(await relay.metric('relay_sessions')).toBe(50)
      for (const client of clients) client.close()
      await relay.nothingLeft()
    } finally {
      await relay.stop()
      rmSync(folder, { recursive: true })
    }
  })
})
