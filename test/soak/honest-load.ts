// One process of the soak with abusers: the metered upstream, the tools' back end, and honest users who ask at a steady pace and time their answers.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadAuthConfig } from '../../src/config/load.js'
import { startSimulator } from '../../src/simulator/simulator.js'
import { connectClient } from '../support/realtime-client.js'
import { startMeter } from './meter.js'
import { type HonestRound, type Order, SCRIPT, SECRET, type Surroundings, type World } from './world.js'

const USERS = 6
const PAUSE_MS = 150
const QUESTIONS_A_SESSION = 20
const SLOW_TOOL_MS = 200

const auth = loadAuthConfig({ JWT_SECRET: SECRET })
const simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY, record: 0, script: SCRIPT as never, heardText: 'I dictate' })
const meter = await startMeter(simulator.url)
const backEnd = createServer((request, response) => {
  request.resume()
  request.on('end', () => setTimeout(() => response.end('done'), request.url === '/slow_tool' ? SLOW_TOOL_MS : 0))
}).listen(0, '127.0.0.1')
await once(backEnd, 'listening')

async function user(number: number, world: World, until: number, round: { sessions: number; problems: string[]; answers: number[]; connects: number[] }): Promise<void> {
  const token = await mintToken(auth, { subject: `honest-${number}`, ttlSeconds: 3600, claims: { profile: 'honest', who: `honest-${number}` } })
  // Everybody comes through the proxy that is trusted, from an address of his own.
  const headers = { 'x-forwarded-for': `10.0.0.${number + 1}` }
  while (performance.now() < until) {
    const began = performance.now()
    const client = await connectClient(world.url, token, { headers })
    await client.next('session.created')
    round.connects.push(performance.now() - began)
    round.sessions++
    for (let n = 0; n < QUESTIONS_A_SESSION && performance.now() < until; n++) {
      const asked = performance.now()
      const events = await client.ask('Good morning to you')
      round.answers.push(performance.now() - asked)
      const status = (events.at(-1)?.response as { status?: string } | undefined)?.status
      if (status !== 'completed') round.problems.push(`an honest user got an answer that was ${status}`)
      await sleep(PAUSE_MS)
    }
    client.close()
    await client.closed()
  }
}

process.on('message', async (order: Order) => {
  if ('stop' in order) process.exit(0)
  const { world, ms } = order.round
  const round = { sessions: 0, problems: [] as string[], answers: [] as number[], connects: [] as number[] }
  const until = performance.now() + ms
  const users = Array.from({ length: USERS }, (_, number) =>
    user(number, world, until, round).catch((error: unknown) => void round.problems.push(`an honest user: ${error instanceof Error ? error.message : 'failed'}`)),
  )
  await Promise.all(users)
  process.send?.({ ...round, used: meter.used() } satisfies HonestRound)
})
process.on('disconnect', () => process.exit(0))
process.send?.({ simulatorUrl: meter.url, toolUrl: `http://127.0.0.1:${(backEnd.address() as AddressInfo).port}` } satisfies Surroundings)
