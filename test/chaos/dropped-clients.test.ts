// Clients that lose their sockets by the hundred, at any moment of a turn, and come back to any of two relays; and relays that are killed under them.
import { expect, it } from 'vitest'
import { startBalancer } from '../support/balancer.js'
import { startRedis } from '../support/redis.js'
import { type RelayProcess, shareRelays } from '../support/shared-relays.js'
import { type Caller, caller, conversationsOf, percentile, sortedOf } from './caller.js'

const SEED = Number(process.env.CHAOS_SEED ?? 1)
const DROPS = Number(process.env.CHAOS_DROPS ?? 1000)
const KILLS = Number(process.env.CHAOS_RELAY_KILLS ?? 10)
const AWAY_CALLERS = Math.min(100, DROPS)
const MOST_AWAY_MS = 50_000
const ENV = { CONNECTS_PER_SECOND: '10000', RESPONSES_PER_MINUTE: '10000', TOOL_CALLS_PER_MINUTE: '10000', RESUME_SNAPSHOTS: 'true', DRAIN_SECONDS: '1' }
const WEATHER = 'What is the weather in Bremen?'

/** Mulberry32. */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const words = (nth: number) => (nth % 4 === 0 ? WEATHER : 'Tell me about the lighthouse.')
const toolQuestions = (callers: readonly Caller[]) => callers.reduce((sum, { asked }) => sum + Math.floor(asked / 4), 0)
const figures = (callers: readonly Caller[]) =>
  [0.5, 0.95, 1]
    .map((share) =>
      Math.round(
        percentile(
          sortedOf(callers, ({ backMs }) => backMs),
          share,
        ),
      ),
    )
    .join(' / ')

/** `awayMs`: for how long nothing listens where a caller who was dropped calls. */
async function dropped(count: number, awayMs: (chance: number) => number): Promise<void> {
  const redis = await startRedis()
  const relays = await shareRelays(redis.url, { speed: 10 }, 150)
  const chance = random(SEED)
  const callers: Caller[] = []
  try {
    const both = [await relays.start(ENV), await relays.start(ENV)] as const
    const anyUrl = () => ((chance() < 0.5 ? both[0] : both[1]) as RelayProcess).url.replace('http', 'ws')
    const each = Math.ceil(DROPS / count)
    for (let at = 0; at < count; at++) {
      let left = each
      let awayUntil = 0
      const url = () => (performance.now() < awayUntil ? 'ws://127.0.0.1:1' : anyUrl())
      const dropAfterMs = () => {
        // What is asked while it is away cannot lose a socket.
        if (performance.now() < awayUntil || left-- <= 0) return undefined
        const afterMs = chance() * 900
        const away = awayMs(chance())
        if (away > 0) awayUntil = performance.now() + afterMs + away
        return afterMs
      }
      callers.push(caller({ name: `caller-${at}`, url, bearer: (await both[0].door(`caller-${at}`)).bearer, words, dropAfterMs }))
    }
    const problems: string[] = []
    const watched = callers.map(async (one) => {
      await one.reached(() => one.isOver || one.answered > each + 1)
      problems.push(...one.problems(conversationsOf(relays.simulator)))
    })
    await Promise.all(watched)
    const drops = callers.reduce((sum, { backMs }) => sum + backMs.length, 0)
    console.log(`${drops} drops, back after ${figures(callers)} ms (p50 / p95 / most); ${relays.toolRequests.length} calls for ${toolQuestions(callers)} questions`)
    expect(problems).toEqual([])
    expect(relays.toolRequests.length).toBeLessThanOrEqual(toolQuestions(callers))
    expect(drops).toBeGreaterThan(DROPS * 0.8)
  } finally {
    for (const one of callers) one.hangUp()
    await relays.close()
    await redis.stop()
  }
}

it(`${DROPS} drops of clients, on two relays: all are back, each message once, no tool twice (seed ${SEED})`, () => dropped(10, () => 0))

it(`${DROPS} drops of 0 to 50 s, on two relays: all are back, each message once, no tool twice (seed ${SEED})`, () => dropped(AWAY_CALLERS, (chance) => chance * MOST_AWAY_MS))

it(`${KILLS} relays killed with snapshots: of what was finished 99 % is kept, and no session is lost`, async () => {
  const redis = await startRedis()
  const relays = await shareRelays(redis.url, { speed: 10 }, 150)
  const balancer = await startBalancer()
  const chance = random(SEED)
  const callers: Caller[] = []
  const begin = async (): Promise<RelayProcess> => {
    const relay = await relays.start(ENV)
    await balancer.add(relay.url)
    return relay
  }
  try {
    const running = [await begin(), await begin()]
    const { bearer } = await (running[0] as RelayProcess).door('everybody')
    for (let at = 0; at < 12; at++) callers.push(caller({ name: `caller-${at}`, url: () => balancer.wsUrl, bearer, words }))
    for (let kill = 0; kill < KILLS; kill++) {
      const from = callers.map(({ answered }) => answered)
      await Promise.all(callers.map((one, at) => one.reached(() => one.isOver || one.answered > (from[at] as number) + 1)))
      await new Promise((resolve) => setTimeout(resolve, chance() * 500))
      const [victim] = running.splice(Math.floor(chance() * 2), 1) as [RelayProcess]
      await victim.command.stop()
      balancer.remove(victim.url)
      running.push(await begin())
    }
    const from = callers.map(({ answered }) => answered)
    await Promise.all(callers.map((one, at) => one.reached(() => one.isOver || one.answered > (from[at] as number) + 1)))
    const problems = callers.flatMap((one) => one.problems(conversationsOf(relays.simulator)))
    const turns = callers.reduce((sum, { answered }) => sum + answered, 0)
    console.log(`${turns} turns, back after ${figures(callers)} ms (p50 / p95 / most); ${problems.length} problems: ${problems.slice(0, 5).join('; ')}`)
    expect(callers.filter(({ isOver }) => isOver)).toEqual([])
    expect(problems.length).toBeLessThanOrEqual(turns * 0.01)
    expect(relays.toolRequests.length).toBeLessThanOrEqual(toolQuestions(callers))
  } finally {
    for (const one of callers) one.hangUp()
    balancer.close()
    await relays.close()
    await redis.stop()
  }
})
