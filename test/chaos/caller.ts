// A caller who talks over the example client: asks one thing after another, may lose its socket at any time, and knows what must be true at the end.
import { WebSocket } from 'ws'
import { resuming } from '../../src/browser/resuming.js'
import type { Simulator } from '../../src/simulator/simulator.js'

interface Event {
  readonly type: string
  readonly event_id?: string
  readonly response?: { readonly status?: string }
}

export interface Caller {
  readonly answered: number
  readonly isOver: boolean
  readonly asked: number
  readonly backMs: readonly number[]
  readonly answerMs: readonly number[]
  reached(until: () => boolean): Promise<void>
  problems(conversations: readonly string[]): readonly string[]
  hangUp(): void
}

export interface CallerOptions {
  readonly name: string
  /** Where the next connection goes. */
  readonly url: () => string
  readonly bearer: string
  /** What is asked besides name and number. */
  readonly words?: (nth: number) => string
  /** The socket breaks so long after a question. Undefined: it does not. */
  readonly dropAfterMs?: () => number | undefined
}

/** Pauses between two questions like a person, only shorter. */
export function caller({ name, url, bearer, words = () => '', dropAfterMs = () => undefined }: CallerOptions): Caller {
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
  let socket: WebSocket | undefined
  const waiting = new Set<() => void>()
  const look = () => {
    for (const wake of waiting) wake()
  }
  const ask = () => {
    if (isOver || hasHungUp) return
    clearTimeout(pause)
    pause = undefined
    asked++
    talk.send({
      type: 'conversation.item.create',
      item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: `I am ${name}, question ${asked}. ${words(asked)}` }] },
    })
    talk.send({ type: 'response.create' })
    // Before the first answer it may have no token to come back with.
    const dropMs = answered === 0 ? undefined : dropAfterMs()
    if (dropMs !== undefined) setTimeout(() => isOver || hasHungUp || socket?.terminate(), dropMs)
  }
  const talk = resuming({
    connect(protocols) {
      socket = new WebSocket(`${url()}/v1/realtime`, protocols, { headers: { authorization: `Bearer ${bearer}` } })
      return socket
    },
    onEvent(heard) {
      const event = heard as Event
      if (event.event_id !== undefined) ids.push(event.event_id)
      if (event.type === 'error') wrong.push(JSON.stringify(event))
      if (event.type === 'response.created' && silentSince !== undefined) {
        answerMs.push(performance.now() - silentSince)
        silentSince = undefined
      }
      if (event.type === 'response.done' && event.response?.status === 'completed') {
        answered++
        clearTimeout(pause)
        pause = setTimeout(ask, 100 + (answered % 5) * 40)
      }
      look()
    },
    onState(state) {
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
    get asked() {
      return asked
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

/** What the users have said in each, oldest session first. */
export function conversationsOf(simulator: Simulator): readonly string[] {
  return simulator.conversations().map(({ items }) =>
    items
      .map((item) => JSON.stringify(item))
      .filter((text) => text.includes('"role":"user"'))
      .join(),
  )
}

export function sortedOf(callers: readonly Caller[], pick: (one: Caller) => readonly number[]): readonly number[] {
  return callers.flatMap(pick).sort((a, b) => a - b)
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
