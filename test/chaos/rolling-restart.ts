// A rolling restart of two relays behind a balancer, with callers who go on talking: who lost what, and how long each could not be heard.
import { startBalancer } from '../support/balancer.js'
import { startRedis } from '../support/redis.js'
import { type RelayProcess, shareRelays } from '../support/shared-relays.js'
import { caller, conversationsOf, sortedOf } from './caller.js'

export interface RestartReport {
  /** What went wrong, call by call. Empty if nothing did. */
  readonly problems: readonly string[]
  /** Moves of all calls together. */
  readonly moves: number
  readonly turns: number
  /** Milliseconds from the lost socket to the greeting of the next, and to the beginning of the next answer. Sorted. */
  readonly backMs: readonly number[]
  readonly answerMs: readonly number[]
}

/** Both relays are replaced, one after the other: another is started, then the old one gets SIGTERM. */
export async function rollingRestart({ calls, drainSeconds, speed }: { readonly calls: number; readonly drainSeconds: number; readonly speed: number }): Promise<RestartReport> {
  const redis = await startRedis()
  const relays = await shareRelays(redis.url, { speed })
  const balancer = await startBalancer()
  const env = { DRAIN_SECONDS: String(drainSeconds), CONNECTS_PER_SECOND: '10000', RESPONSES_PER_MINUTE: '10000' }
  const begin = async (): Promise<RelayProcess> => {
    const relay = await relays.start(env)
    await balancer.add(relay.url)
    return relay
  }
  try {
    const old = [await begin(), await begin()]
    const [first] = old
    const callers = await Promise.all(
      Array.from({ length: calls }, async (_, at) =>
        caller({ name: `caller-${at}`, url: () => balancer.wsUrl, bearer: (await (first as RelayProcess).door(`caller-${at}`)).bearer }),
      ),
    )
    await Promise.all(callers.map((one) => one.reached(() => one.answered >= 1)))
    for (const relay of old) {
      await begin()
      relay.command.child.kill('SIGTERM')
      await relay.command.ended
      balancer.remove(relay.url)
    }
    const until = callers.map((one) => ({ one, turns: one.answered + 1 }))
    await Promise.all(until.map(({ one, turns }) => one.reached(() => one.answered >= turns || one.isOver)))
    const conversations = conversationsOf(relays.simulator)
    const problems = callers.flatMap((one) => one.problems(conversations))
    for (const one of callers) one.hangUp()
    return {
      problems,
      moves: callers.reduce((sum, one) => sum + one.backMs.length, 0),
      turns: callers.reduce((sum, one) => sum + one.answered, 0),
      backMs: sortedOf(callers, ({ backMs }) => backMs),
      answerMs: sortedOf(callers, ({ answerMs }) => answerMs),
    }
  } finally {
    balancer.close()
    await relays.close()
    await redis.stop()
  }
}
