// A rolling restart of two relays behind a balancer, with callers who go on talking: who lost what, and how long each could not be heard.
import { WebSocket } from 'ws'
import { startBalancer } from '../support/balancer.js'
import { startRedis } from '../support/redis.js'
import { type RelayProcess, shareRelays } from '../support/shared-relays.js'

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

interface Event {
  readonly type: string
  readonly event_id?: string
  readonly response?: { readonly status?: string }
}

// The page's own file, which has no types.
const { resuming } = (await import(new URL('../../src/console/resuming.js', import.meta.url).href)) as {
  resuming: (options: object) => { send(event: object): void; close(): void }
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
      Array.from({ length: calls }, async (_, at) => caller(`caller-${at}`, balancer.wsUrl, (await (first as RelayProcess).door(`caller-${at}`)).bearer)),
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
    const conversations = relays.simulator.conversations().map(({ items }) =>
      items
        .filter((item) => JSON.stringify(item).includes('"role":"user"'))
        .map((item) => JSON.stringify(item))
        .join(),
    )
    const problems = callers.flatMap((one) => one.problems(conversations))
    for (const one of callers) one.hangUp()
    const sorted = (pick: (one: Caller) => readonly number[]) => callers.flatMap(pick).sort((a, b) => a - b)
    return {
      problems,
      moves: callers.reduce((sum, one) => sum + one.backMs.length, 0),
      turns: callers.reduce((sum, one) => sum + one.answered, 0),
      backMs: sorted(({ backMs }) => backMs),
      answerMs: sorted(({ answerMs }) => answerMs),
    }
  } finally {
    balancer.close()
    await relays.close()
    await redis.stop()
  }
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

interface Caller {
  readonly answered: number
  readonly isOver: boolean
  readonly backMs: readonly number[]
  readonly answerMs: readonly number[]
  reached(until: () => boolean): Promise<void>
  problems(conversations: readonly string[]): readonly string[]
  hangUp(): void
}

/** Asks one thing after another, with a short pause like a person's. */
function caller(name: string, wsUrl: string, bearer: string): Caller {
  const ids: string[] = []
  const wrong: string[] = []
  const backMs: number[] = []
  const answerMs: number[] = []
  let answered = 0
  let asked = 0
  let awayAt: number | undefined
  let silentSince: number | undefined
  let isOver = false
  let hasHungUp = false
  let pause: NodeJS.Timeout | undefined
  const waiting = new Set<() => void>()
  const look = () => {
    for (const wake of waiting) wake()
  }
  const ask = () => {
    if (isOver || hasHungUp) return
    clearTimeout(pause)
    pause = undefined
    asked++
    talk.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: `I am ${name}, question ${asked}.` }] } })
    talk.send({ type: 'response.create' })
  }
  const talk = resuming({
    connect: (protocols: string[]) => new WebSocket(`${wsUrl}/v1/realtime`, protocols, { headers: { authorization: `Bearer ${bearer}` } }),
    onEvent(event: Event) {
      if (event.event_id !== undefined) ids.push(event.event_id)
      if (event.type === 'error') wrong.push(JSON.stringify(event))
      if (event.type === 'response.created' && silentSince !== undefined) {
        answerMs.push(performance.now() - silentSince)
        silentSince = undefined
      }
      if (event.type === 'response.done' && event.response?.status === 'completed') {
        answered++
        pause = setTimeout(ask, 100 + (answered % 5) * 40)
      }
      look()
    },
    onState(state: string) {
      if (state === 'open') ask()
      if (state === 'away') {
        awayAt = performance.now()
        silentSince = awayAt
        // Says something at once, so that it is known how long nobody hears it.
        if (pause) ask()
      }
      if (state === 'back' && awayAt !== undefined) backMs.push(performance.now() - awayAt)
      if (state === 'over') isOver = true
      look()
    },
  })
  return {
    get answered() {
      return answered
    },
    get isOver() {
      return isOver
    },
    backMs,
    answerMs,
    reached: (until) =>
      new Promise((resolve) => {
        const wake = () => {
          if (!until() && wrong.length === 0) return
          waiting.delete(wake)
          resolve()
        }
        waiting.add(wake)
        wake()
      }),
    problems(conversations) {
      const found = [...wrong]
      if (isOver) found.push('its session was lost')
      if (new Set(ids).size !== ids.length) found.push('it got an event twice')
      const last = conversations.findLast((text) => text.includes(`I am ${name}, `)) ?? ''
      for (let at = 1; at <= answered; at++) {
        const times = last.split(`I am ${name}, question ${at}.`).length - 1
        if (times !== 1) found.push(`question ${at} of ${answered} is ${times} times in its conversation`)
      }
      return found.map((what) => `${name}: ${what}`)
    },
    hangUp() {
      hasHungUp = true
      clearTimeout(pause)
      talk.close()
    },
  }
}
