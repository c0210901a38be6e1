// Makes this process one of several that share their ports: what it asks of the others, when it drains, and its share of the limits.
import type { Worker } from 'node:cluster'
import type { Config } from '../config/config.js'
import type { Peers } from '../ports/peers.js'
import { within } from '../time/within.js'
import { ANSWER_MS, type FromPrimary, type FromWorker } from './messages.js'

export interface WorkerProcess {
  readonly peers: Peers
  /** Calls back once: when the primary says so, or is gone. */
  onDrain(callback: () => void): void
  /** Calls back whenever the primary says so. */
  onReload(callback: () => void): void
  ready(about: { readonly url: string; readonly adminUrl: string }): void
}

export function joinPrimary(worker: Worker): WorkerProcess {
  const answers = new Map<string, (data: unknown) => Promise<unknown>>()
  const asked = new Map<number, (values: readonly unknown[]) => void>()
  let lastId = 0
  let told = false
  let onDrain: (() => void) | undefined
  let onReload: (() => void) | undefined
  // Else Node ends this process as soon as the primary is gone, and every call with it.
  worker.exitedAfterDisconnect = true
  worker.on('error', () => undefined)
  worker.on('disconnect', drain)
  worker.on('message', (message: FromPrimary) => {
    if (message.type === 'drain') drain()
    else if (message.type === 'reload') onReload?.()
    else if (message.type === 'question') void answer(message)
    else if (message.type === 'answers') asked.get(message.id)?.(message.values)
  })

  function send(message: FromWorker): void {
    if (worker.isConnected()) worker.send(message, () => undefined)
  }

  function drain(): void {
    told = true
    onDrain?.()
    onDrain = undefined
  }

  async function answer({ id, question, data }: Extract<FromPrimary, { type: 'question' }>): Promise<void> {
    const value = await answers
      .get(question)?.(data)
      .catch(() => undefined)
    send({ type: 'answer', id, value })
  }

  return {
    peers: {
      answer: (question, how) => void answers.set(question, how),
      async ask(question, data) {
        const id = ++lastId
        const answered = new Promise<readonly unknown[]>((resolve) => asked.set(id, resolve))
        send({ type: 'ask', id, question, data })
        const values = await within(2 * ANSWER_MS, answered, () => [])
        asked.delete(id)
        return values
      },
    },
    onDrain(callback) {
      if (told) callback()
      else onDrain = callback
    },
    onReload(callback) {
      onReload = callback
    },
    ready: ({ url, adminUrl }) => send({ type: 'ready', url, adminUrl }),
  }
}

/**
 * The share of one of `config.workers` processes. Sessions are divided and rounded down, connections open ahead rounded up. Limits of users and
 * addresses stay whole, since they hold over all workers through Redis.
 */
export function shareOf(config: Config): Config {
  const { workers, warmPoolSize, limits } = config
  return { ...config, warmPoolSize: Math.ceil(warmPoolSize / workers), limits: { ...limits, maxSessions: Math.floor(limits.maxSessions / workers) } }
}
