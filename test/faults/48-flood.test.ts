// One session floods the relay as fast as it can; a quiet one beside it keeps its round trip, measured against the idle relay in the same run.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningCommand, startCommand } from '../support/built-relay.js'
import type { RealtimeClient } from '../support/realtime-client.js'
import { type RelayProcess, roundTrip, startRelayProcess } from './relay-process.js'

const SAMPLES = 150
/** The machine is shared with other processes, so the best of a few rounds counts. */
const ROUNDS = 4
/** Milliseconds that the two additional processes of the flood and the scheduler may cost. */
const SCHEDULER = 2

let upstream: RunningCommand
let relay: RelayProcess
let quiet: RealtimeClient
beforeAll(async () => {
  upstream = await startCommand(['simulate', '--port', '0', '--speed', '1000'])
  const [url] = await upstream.says(/http:\/\/\S+/)
  relay = await startRelayProcess({ upstream: url })
  quiet = await relay.connect('quiet')
  await quiet.next('session.created')
  await median()
})
afterAll(async () => {
  quiet.close()
  await relay.stop()
  await upstream.stop()
})

async function median(): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < SAMPLES; n++) {
    times.push(await roundTrip(quiet))
    await sleep(2)
  }
  return times.sort((a, b) => a - b)[SAMPLES / 2] ?? 0
}

async function flooded(kind: string): Promise<number> {
  const script = fileURLToPath(new URL('./flood-client.mjs', import.meta.url))
  const flood = spawn(process.execPath, [script, `${relay.wsUrl}/v1/realtime`, await relay.token('flood'), kind], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(flood, 'exit')
  try {
    await once(flood.stdout, 'data')
    return await median()
  } finally {
    flood.kill('SIGKILL')
    await ended
  }
}

describe('a flood of one session', () => {
  it.each(['audio', 'updates', 'huge', 'pings', 'pongs', 'fragments'])('of %s leaves the quiet one’s median round trip within twice the idle one', async (kind) => {
    const rounds: { idle: number; under: number }[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const [idle, under] = [await median(), await flooded(kind)]
      rounds.push({ idle, under })
      if (under <= 2 * idle + SCHEDULER) return
    }
    expect.fail(`medians in milliseconds: ${rounds.map(({ idle, under }) => `${idle.toFixed(2)} idle, ${under.toFixed(2)} under the flood`).join('; ')}`)
  })
})
