// What all instances say of themselves while an operator watches. A message begins it, so it costs nothing while nobody does.
import { randomBytes } from 'node:crypto'
import type { LiveBoard, LivePart } from '../../ports/live.js'
import { readPart } from '../live-part.js'
import type { RedisConnection } from './connection.js'
import type { RedisKeys } from './keys.js'

export interface RedisLive extends LiveBoard {
  stop(): void
}

export interface RedisLiveOptions {
  readonly connection: RedisConnection
  readonly subscriber: RedisConnection
  readonly keys: RedisKeys
  readonly instance: string
  /** How long this instance goes on after it was asked; 15 s by default. */
  readonly watchedMs?: number
}

const TIMEOUT_MS = 1_000
/** Nobody asked for so long: nobody watches. */
const WATCHED_MS = 15_000
const PAUSE_MS = 1_000
/** A part that was not written anew for so long says nothing of now. */
const PART_MS = 5_000
const KEY_SECONDS = 86_400
const MAX_INSTANCES = 1_000

export function createRedisLive({ connection, subscriber, keys, instance, watchedMs = WATCHED_MS }: RedisLiveOptions): RedisLive {
  let make: ((most: number) => Promise<LivePart>) | undefined
  let watchedUntil = 0
  let most = 0
  let timer: NodeJS.Timeout | undefined
  let writing = false

  subscriber.client.on('message', (_channel: string, message: string) => {
    const asked = /^live:watched:(\d{1,5})$/.exec(message)
    if (asked) begin(Number(asked[1]))
  })

  function begin(asked: number): void {
    most = asked
    watchedUntil = performance.now() + watchedMs
    if (timer || !make) return
    timer = setInterval(() => void write(), PAUSE_MS).unref()
    void write()
  }

  function stop(): void {
    clearInterval(timer)
    timer = undefined
  }

  /** Never rejects. While one write is under way, another is left out. */
  async function write(): Promise<void> {
    if (performance.now() > watchedUntil) return stop()
    if (writing || !make) return
    writing = true
    try {
      const json = JSON.stringify(await make(most))
      await connection.ask((client) => client.set(keys.live(instance), json, 'PX', PART_MS), TIMEOUT_MS)
    } catch {
      // Redis is away. What was written before expires.
    } finally {
      writing = false
    }
  }

  return {
    stop,
    share(how) {
      make = how
    },
    async watch(asked) {
      begin(asked)
      await connection.ask((client) => client.publish(keys.revokedChannel, `live:watched:${asked}`), TIMEOUT_MS)
    },
    async parts() {
      const found = await connection.ask((client) => client.zrange(keys.instances, '0', String(MAX_INSTANCES - 1)), TIMEOUT_MS)
      const names = [...new Set([...found, instance])].sort()
      const parts = names.map(async (name) => [name, readPart(await connection.ask((client) => client.get(keys.live(name)), TIMEOUT_MS))] as const)
      return new Map(await Promise.all(parts))
    },
    async pseudonymKey() {
      await connection.ask((client) => client.set(keys.pseudonyms, randomBytes(32).toString('base64url'), 'EX', KEY_SECONDS, 'NX'), TIMEOUT_MS)
      return (await connection.ask((client) => client.get(keys.pseudonyms), TIMEOUT_MS)) ?? ''
    },
  }
}
