// One process of the soak with abusers: the metered upstream, the tools' back end, and honest users who ask at a steady pace and time their answers.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadAuthConfig } from '../../src/config/load.js'
import { startSimulator } from '../../src/simulator/simulator.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
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

interface Round {
  sessions: number
  waits: number
  readonly problems: string[]
  readonly answers: number[]
  readonly connects: number[]
}

async function user(number: number, world: World, until: number, round: Round): Promise<void> {
  const token = await mintToken(auth, { subject: `honest-${number}`, ttlSeconds: 3600, claims: { profile: 'honest', who: `honest-${number}` } })
  // Everybody comes through the proxy that is trusted, from an address of his own.
  const headers = { 'x-forwarded-for': `10.0.0.${number + 1}` }
  while (performance.now() < until) {
    const began = performance.now()
    const client = await connectClient(world.url, token, { headers })
    try {
      await client.next('session.created')
      round.connects.push(performance.now() - began)
      round.sessions++
      for (let n = 0; n < QUESTIONS_A_SESSION && performance.now() < until; n++) {
        await ask(client, round)
        await sleep(PAUSE_MS)
      }
    } finally {
      client.socket.terminate()
      await client.closed()
    }
  }
}

/** A user who is told to come back later does so: the quota could not be looked at in time. */
async function ask(client: RealtimeClient, round: Round): Promise<void> {
  const from = client.events.length
  const asked = performance.now()
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Good morning to you' }] } })
  client.send({ type: 'response.create' })
  const event = await client.next(({ type }) => type === 'response.done' || type === 'error', { from })
  if (event.type === 'response.done') {
    round.answers.push(performance.now() - asked)
    const { status } = event.response as { status?: string }
    if (status !== 'completed') round.problems.push(`an honest user got an answer that was ${status}`)
  } else if ((event.error as { code?: string }).code === 'rate_limited') round.waits++
  else round.problems.push(`an honest user was refused: ${(event.error as { message?: string }).message}`)
}

process.on('message', async (order: Order) => {
  if ('stop' in order) process.exit(0)
  const { world, ms } = order.round
  const round: Round = { sessions: 0, waits: 0, problems: [], answers: [], connects: [] }
  const until = performance.now() + ms
  const users = Array.from({ length: USERS }, (_, number) =>
    user(number, world, until, round).catch((error: unknown) => void round.problems.push(`an honest user: ${error instanceof Error ? error.message : 'failed'}`)),
  )
  await Promise.all(users)
  process.send?.({ ...round, used: meter.used() } satisfies HonestRound)
})
process.on('disconnect', () => process.exit(0))
process.send?.({ simulatorUrl: meter.url, toolUrl: `http://127.0.0.1:${(backEnd.address() as AddressInfo).port}` } satisfies Surroundings)
