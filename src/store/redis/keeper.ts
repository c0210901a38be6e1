// Which instance has which session that may go on elsewhere, and what passes between them: sealed, once, and for a minute.
import type { AskedSession, ClaimedSession, KeptSession, SessionKeeper } from '../../ports/keeper.js'
import type { RedisConnection } from './connection.js'
import type { RedisKeys } from './keys.js'
import { CLAIM, DROP, HAND, KEEP, LEAVE } from './scripts/resume.js'

export interface RedisKeeper extends SessionKeeper {
  /** Listens to the other instances. Called when a connection becomes ready, and with every heartbeat. Never rejects. */
  listen(): Promise<void>
  /** The connection for commands is ready. */
  ready(): void
}

export interface RedisKeeperOptions {
  readonly connection: RedisConnection
  readonly subscriber: RedisConnection
  readonly keys: RedisKeys
  readonly instance: string
  /** How long a session is known after its owner was last heard of. */
  readonly ttlMs: number
}

const DECISION_TIMEOUT_MS = 250
const WRITE_TIMEOUT_MS = 1_000
const ASKED = /^([\w-]{22}):(\d{1,15}):(\d{1,15})$/

export function createRedisKeeper({ connection, subscriber, keys, instance, ttlMs }: RedisKeeperOptions): RedisKeeper {
  const channel = keys.resumeChannel(instance)
  let onAsked: (session: AskedSession) => void = () => undefined
  let onReady: () => void = () => undefined

  subscriber.client.on('message', (from: string, message: string) => {
    const [, id, epoch, received] = (from === channel && ASKED.exec(message)) || []
    if (id !== undefined) onAsked({ id, epoch: Number(epoch), received: Number(received) })
  })

  async function keep({ id, epoch, subject, proofs }: KeptSession, withinMs: number, snapshot: Buffer | string = ''): Promise<boolean> {
    const args = [instance, epoch, subject, proofs.join(','), ttlMs, snapshot]
    return (await connection.ask((client) => client.eval(KEEP, 2, keys.resume(id), keys.resumeSnapshot(id), ...args), withinMs, true)) === 1
  }

  async function claim({ id, proof, subject }: { id: string; proof: string; subject: string }, patient = false): Promise<ClaimedSession | undefined> {
    const withinMs = patient ? WRITE_TIMEOUT_MS : DECISION_TIMEOUT_MS
    const found = await connection.ask((client) => client.eval(CLAIM, 1, keys.resume(id), proof, subject, instance, ttlMs), withinMs, !patient)
    if (!Array.isArray(found)) return undefined
    const [owner = '', epoch, leftAs, before = ''] = found.map(String)
    return { owner, before, epoch: Number(epoch), leftAs: leftAs ? Number(leftAs) : undefined }
  }

  /** In a cluster the answer counts the listeners of one node only. */
  async function ask(owner: string, { id, epoch, received }: AskedSession): Promise<boolean> {
    const heard = await connection.ask((client) => client.publish(keys.resumeChannel(owner), `${id}:${epoch}:${received}`), DECISION_TIMEOUT_MS, true)
    return connection.client.isCluster || Number(heard) > 0
  }

  async function hand({ id, epoch }: AskedSession, sealed: Buffer): Promise<void> {
    await connection.ask((client) => client.eval(HAND, 2, keys.resume(id), keys.resumeExport(id, epoch), epoch, sealed), WRITE_TIMEOUT_MS)
  }

  async function leave({ id, epoch, subject, proofs }: KeptSession, sealed: Buffer): Promise<boolean> {
    const next = epoch + 1
    const args = [instance, epoch, subject, proofs.join(','), next, sealed]
    return (await connection.ask((client) => client.eval(LEAVE, 2, keys.resume(id), keys.resumeExport(id, next), ...args), WRITE_TIMEOUT_MS)) === 1
  }

  async function taken(key: string): Promise<Buffer | undefined> {
    return (await connection.ask((client) => client.getdelBuffer(key), DECISION_TIMEOUT_MS, true)) ?? undefined
  }

  return {
    instance,
    isReady: connection.isReady,
    keep,
    claim,
    ask,
    hand,
    leave,
    take: (id, epoch) => taken(keys.resumeExport(id, epoch)),
    takeSnapshot: (id) => taken(keys.resumeSnapshot(id)),
    drop(id, epoch) {
      // If this fails, it expires.
      connection.ask((client) => client.eval(DROP, 2, keys.resume(id), keys.resumeSnapshot(id), instance, epoch), WRITE_TIMEOUT_MS).catch(() => undefined)
    },
    onAsked(callback) {
      onAsked = callback
    },
    onReady(callback) {
      onReady = callback
    },
    ready: () => onReady(),
    async listen() {
      if (subscriber.isReady()) await subscriber.ask((client) => client.subscribe(channel), WRITE_TIMEOUT_MS).catch(() => undefined)
    },
  }
}
