// Many calls lose their upstream in one moment: how fast they are dialled again, how long that takes, and what a new caller notices of it.
import { expect, vi } from 'vitest'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import type { RunningRelay } from '../support/running-relay.js'

export interface Storm {
  /** Most dials in any second. */
  readonly worstSecond: number
  /** Milliseconds from the loss until so many had an upstream again. */
  readonly back95Ms: number
  readonly newCallerMs: number
  /** Empty if all is well. */
  readonly problems: readonly string[]
}

const LOOK_MS = 50
const MOST_MS = 90_000

export async function storm(running: RunningRelay, count: number): Promise<Storm> {
  const { simulator } = running
  const clients: RealtimeClient[] = []
  for (let at = 0; at < count; at++) {
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token(`user-${at}`))
    await client.next('session.created')
    clients.push(client)
  }
  const dialled: number[] = []
  const began = performance.now()
  simulator.setFaults({ end: { how: 'rst', at: 'now' } })
  simulator.setFaults({})
  let [newCallerMs, before, back95Ms] = [Number.NaN, count, Number.NaN]
  await vi.waitFor(() => expect(simulator.sessions()).toBeLessThan(count / 2), { timeout: 5000, interval: 5 })
  before = simulator.sessions()
  const caller = newCaller(running).then((ms) => {
    newCallerMs = ms
  })
  while (performance.now() - began < MOST_MS && simulator.sessions() < count) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    const now = performance.now() - began
    const more = Math.max(0, simulator.sessions() - before)
    for (let at = 0; at < more; at++) dialled.push(now)
    before = simulator.sessions()
    if (Number.isNaN(back95Ms) && simulator.sessions() >= count * 0.95) back95Ms = now
  }
  await caller
  const problems: string[] = []
  for (const [at, client] of clients.entries()) {
    const errors = client.events.filter(({ type }) => type === 'error')
    if (errors.length > 0) problems.push(`${at}: ${JSON.stringify(errors[0])}`)
  }
  for (const client of clients.filter((_, at) => at % Math.ceil(count / 10) === 0)) {
    const answer = await client.ask('Are you still there').catch((error: unknown) => [{ type: String(error) }])
    if (!JSON.stringify(answer).includes('still there')) problems.push(`not answered: ${JSON.stringify(answer.at(-1))}`)
  }
  for (const client of clients) client.close()
  await Promise.all(clients.map((client) => client.closed()))
  const worstSecond = Math.max(...dialled.map((from) => dialled.filter((at) => at >= from && at < from + 1000).length))
  return { worstSecond, back95Ms: Math.round(back95Ms), newCallerMs: Math.round(newCallerMs), problems }
}

/** One that comes in the middle of it. */
async function newCaller(running: RunningRelay): Promise<number> {
  const began = performance.now()
  const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('new'))
  await client.next('session.created')
  const ms = performance.now() - began
  client.close()
  await client.closed()
  return ms
}
