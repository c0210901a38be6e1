// `npm run test:soak -- --abusers <minutes>`: every abuser at once beside honest users. Fails if a quota is exceeded, a use is not booked, an honest user waits twice as long as alone, or memory grows.
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadConfig } from '../../src/config/load.js'
import { startServer } from '../../src/server/server.js'
import { checkTools } from '../../src/tools/check.js'
import { startRedis } from '../support/redis.js'
import { line, quiet, received, report, sample } from './measured.js'
import type { Used } from './meter.js'
import type { Sample } from './trend.js'
import {
  type AbuserRound,
  type AbuserSurroundings,
  beside,
  CONNECTS_PER_SECOND,
  DEPLOYMENT,
  type HonestRound,
  MINUTE_PRICE,
  type Order,
  prices,
  profiles,
  QUOTAS,
  SECRET,
  type Surroundings,
  TOOL_MAX_ROUNDS,
  tools,
  type World,
} from './world.js'

const ROUND_MS = 12_000
/** The first rounds, and every fourth after them, are of honest users alone: what they are compared with is measured all along. */
const ALONE_FIRST = 2
const ALONE_EVERY = 4
const LATENCY_FACTOR = 2
/** Fewer have no 99th percentile worth the name. */
const ENOUGH = 500
/** Share of the answers that a busy machine may put off. */
const MOST_WAITS = 0.01

type Counters = Readonly<Record<string, number>>

export async function soakWithAbusers(minutes: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'soak-'))
  const file = (name: string, content: object) => {
    writeFileSync(join(folder, name), JSON.stringify(content))
    return join(folder, name)
  }
  const redis = process.env.REDIS_URL ? undefined : await startRedis()
  const [honest, abusers] = [fork(beside('honest-load.ts')), fork(beside('abuser-load.ts'))]
  const [{ simulatorUrl, toolUrl }, { mcpUrl }] = await Promise.all([received<Surroundings>(honest), received<AbuserSurroundings>(abusers)])
  const config = loadConfig(
    checkTools,
    {
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
      LOG_LEVEL: 'silent',
      JWT_SECRET: SECRET,
      AZURE_OPENAI_ENDPOINT: simulatorUrl,
      AZURE_OPENAI_DEPLOYMENT: DEPLOYMENT,
      AZURE_OPENAI_API_KEY: 'simulated',
      INSTRUCTIONS: 'You serve {{claims.who}}.',
      SESSION: '{"output_modalities":["text"]}',
      PROFILES_FILE: file('profiles.json', profiles()),
      PRICES_FILE: file('prices.json', prices()),
      TOOLS: JSON.stringify(tools(toolUrl, mcpUrl)),
      TOOL_MAX_ROUNDS: String(TOOL_MAX_ROUNDS),
      // Here a quota holds even while a busy machine keeps Redis waiting.
      QUOTA_FAIL_OPEN: 'false',
      TRUST_PROXY: '127.0.0.1',
      CONNECTS_PER_SECOND: String(CONNECTS_PER_SECOND),
      REDIS_URL: redis?.url ?? process.env.REDIS_URL ?? '',
      REDIS_KEY_PREFIX: `soak-${process.pid}:`,
    },
    { mode: 'serve', cwd: process.cwd() },
  )
  const relay = await startServer(config)
  const operator = await mintToken(config.auth, { subject: 'operator', ttlSeconds: 7 * 86_400, claims: { scope: 'relay:admin' } })
  const booked = async (subject: string): Promise<Counters> => {
    const answer = await fetch(`${relay.adminUrl}/v1/admin/usage/${subject}`, { headers: { authorization: `Bearer ${operator}` } })
    return ((await answer.json()) as { counters: Counters }).counters
  }
  const world: World = { url: `${relay.url.replace(/^http/, 'ws')}/v1/realtime`, httpUrl: relay.url, adminUrl: relay.adminUrl ?? '' }
  const order = (number: number, ms: number): Order => ({ round: { world, number, ms } })

  const samples: Sample[] = []
  const problems: string[] = []
  const done: Record<string, number> = {}
  const mostUsed: Record<string, number> = {}
  const times = { alone: latencies(), beside: latencies() }
  let sessions = 0
  let waits = 0
  const until = performance.now() + minutes * 60_000
  for (let number = 0; performance.now() < until; number++) {
    const isAlone = number < ALONE_FIRST || number % ALONE_EVERY === 0
    honest.send(order(number, ROUND_MS))
    if (!isAlone) abusers.send(order(number, ROUND_MS))
    const [users, others] = await Promise.all([received<HonestRound>(honest), isAlone ? undefined : received<AbuserRound>(abusers)])
    problems.push(...users.problems, ...(others?.problems ?? []))
    for (const [name, count] of Object.entries(others?.done ?? {})) done[name] = (done[name] ?? 0) + count
    const kind = isAlone ? times.alone : times.beside
    kind.answers.push(...users.answers)
    kind.connects.push(...users.connects)
    waits += users.waits
    sessions += users.sessions + (others?.sessions ?? 0)
    await quiet()
    const used = isAlone ? {} : await useOf()
    for (const name of isAlone ? [] : (Object.keys(QUOTAS) as (keyof typeof QUOTAS)[])) {
      const mine = used[`${name}-${number}`]
      if (!mine) problems.push(`${name}: nothing was used upstream`)
      else problems.push(...useProblems(name, mine, await booked(`${name}-${number}`), mostUsed))
    }
    const taken = await sample(sessions)
    samples.push(taken)
    if (samples.length % 5 === 0) console.log(line(taken))
  }
  async function useOf() {
    honest.send(order(-1, 0))
    return (await received<HonestRound>(honest)).used
  }
  await relay.drain()
  for (const child of [honest, abusers]) child.send({ stop: true } satisfies Order)
  await redis?.stop()
  rmSync(folder, { recursive: true })

  console.log(
    Object.entries(done)
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
  )
  for (const [what, amount] of Object.entries(mostUsed)) console.log(`used    ${what}: ${amount.toFixed(2)}`)
  for (const what of ['answers', 'connects'] as const) {
    const [alone, among] = [at(times.alone[what], 0.99), at(times.beside[what], 0.99)]
    const isJudged = times.alone[what].length >= ENOUGH
    const slower = isJudged && among > LATENCY_FACTOR * alone
    console.log(
      `${slower ? 'SLOWER' : isJudged ? 'as fast' : 'too few'}  ${what}: p99 ${alone.toFixed(1)} ms alone (${times.alone[what].length}), ${among.toFixed(1)} ms beside abusers (${times.beside[what].length})`,
    )
    if (slower) problems.push(`${what} of honest users took more than ${LATENCY_FACTOR} times as long`)
  }
  const answers = times.alone.answers.length + times.beside.answers.length
  console.log(`told    ${waits} of ${answers + waits} answers were put off: the quota could not be looked at in time`)
  if (waits > MOST_WAITS * answers) problems.push('too many answers were put off')
  return report(samples, problems)
}

const latencies = () => ({ answers: [] as number[], connects: [] as number[] })

function at(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** Nothing is used that is not booked, and no more than the quota and one response. */
function useProblems(name: keyof typeof QUOTAS, mine: Used, counters: Counters, mostUsed: Record<string, number>): readonly string[] {
  const problems: string[] = []
  for (const [unit, limit] of Object.entries(QUOTAS[name].most)) {
    const amount = mine[unit as keyof Used]
    const key = `${name} ${unit}, ${limit} at most`
    mostUsed[key] = Math.max(mostUsed[key] ?? 0, amount)
    if (amount > limit + 1e-6) problems.push(`${name} used ${amount} ${unit}, with ${limit} at most`)
  }
  const is = (counter: string) => counters[counter] ?? 0
  const pairs: readonly (readonly [string, number, number])[] = [
    ['responses', mine.responses, is('responses')],
    ['tokens', mine.tokens, is('input_tokens') + is('output_tokens')],
    ['audio seconds', mine.audioSeconds, is('input_audio_seconds')],
    ['dollars of transcripts', (mine.transcribedSeconds / 60) * MINUTE_PRICE, is('cost_usd')],
  ]
  // Books are kept in whole units of their own, so the last digit may differ.
  for (const [unit, amount, inBooks] of pairs) if (inBooks < amount - 0.01 * Math.max(1, amount)) problems.push(`${name} used ${amount} ${unit}, and ${inBooks} are booked`)
  return problems
}
