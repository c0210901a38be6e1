// A master, a replica and a sentinel that swaps them, on loopback, for tests.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { vi } from 'vitest'
import { freePort, type OwnRedis, redisBinary, startRedis } from '../support/redis.js'

export interface OwnSentinel {
  readonly url: string
  readonly master: OwnRedis
  readonly replica: OwnRedis
  stop(): Promise<void>
}

/** Needs a server on this machine. The sentinel alone decides, half a second after the last sign of the master. Resolves within 20 s or rejects. */
export async function startSentinel(): Promise<OwnSentinel> {
  const binary = redisBinary()
  if (!binary) throw new Error('a sentinel needs redis-server or valkey-server on this machine')
  const master = await startRedis()
  const replica = await startRedis(['--replicaof', '127.0.0.1', String(master.port), '--repl-diskless-sync-delay', '0'])
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'relay-sentinel-'))
  const file = join(directory, 'sentinel.conf')
  const watch = [`monitor main 127.0.0.1 ${master.port} 1`, 'down-after-milliseconds main 500', 'failover-timeout main 5000'].map((line) => `sentinel ${line}`)
  writeFileSync(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${directory}`, ...watch, ''].join('\n'))
  const child = spawn(binary, [file, '--sentinel'], { stdio: 'ignore' })
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    }
    await Promise.all([master.stop(), replica.stop()])
    rmSync(directory, { recursive: true, force: true })
  }
  const sentinel = new Redis(port, '127.0.0.1', { retryStrategy: () => 50 })
  sentinel.on('error', () => undefined)
  try {
    const knowsReplica = async () => String(await sentinel.call('SENTINEL', 'replicas', 'main').catch(() => '')).includes('master-link-status,ok')
    await vi.waitUntil(knowsReplica, { timeout: 20_000, interval: 50 })
  } catch (error) {
    await stop()
    throw error
  } finally {
    sentinel.disconnect()
  }
  return { url: `redis+sentinel://127.0.0.1:${port}/main`, master, replica, stop }
}
