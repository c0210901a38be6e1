// The built relay as a process that a test can freeze, starve and kill, with checks that a fault leaves nothing behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadAuthConfig } from '../../src/config/load.js'
import { builtRelay } from '../support/built-relay.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { freePort } from '../support/redis.js'

export const SECRET = 'a shared secret of the fault scripts, 32 bytes or more'
export const API_KEY = 'canary-upstream-key-1c9e'
export const DEPLOYMENT = 'canary-deployment-55'

export interface RelayProcess {
  readonly child: ChildProcess
  readonly url: string
  readonly wsUrl: string
  readonly adminUrl: string
  /** Everything it has written to the outputs that are read. */
  readonly output: () => string
  connect(subject?: string): Promise<RealtimeClient>
  token(subject?: string, ttlSeconds?: number): Promise<string>
  /** The sum of a metric over its labels; 0 if it has not been counted yet. */
  metric(name: string): Promise<number>
  /** Waits until no session and no upstream connection is left, as before the fault. */
  nothingLeft(): Promise<void>
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  stop(): Promise<void>
}

export interface ProcessOptions {
  /** Upstream, `http://127.0.0.1:port`. */
  readonly upstream: string
  readonly env?: Readonly<Record<string, string>>
  /** Words before `node`, such as `prlimit --nofile=64`. */
  readonly wrapper?: readonly string[]
  readonly nodeOptions?: readonly string[]
  /** Where standard output goes: a descriptor, or a pipe that is read (default) or not. */
  readonly stdout?: 'read' | 'unread' | number
}

/** Resolves when `/livez` answers. */
export async function startRelayProcess({ upstream, env = {}, wrapper = [], nodeOptions = [], stdout = 'read' }: ProcessOptions): Promise<RelayProcess> {
  const folder = await builtRelay()
  const [port, adminPort] = [await freePort(), await freePort()]
  const [command = process.execPath, ...words] = [...wrapper, process.execPath, ...nodeOptions, join(folder, 'main.js')]
  const { PATH, HOME } = process.env
  const child = spawn(command, words, {
    cwd: folder,
    env: {
      ...(PATH && { PATH }),
      ...(HOME && { HOME }),
      HOST: '127.0.0.1',
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      JWT_SECRET: SECRET,
      AZURE_OPENAI_ENDPOINT: upstream,
      AZURE_OPENAI_DEPLOYMENT: DEPLOYMENT,
      AZURE_OPENAI_API_KEY: API_KEY,
      INSTRUCTIONS: 'Canary persona of the faults.',
      MAX_SESSIONS_PER_USER: '2000',
      CONNECTS_PER_SECOND: '10000',
      DRAIN_SECONDS: '2',
      UPSTREAM_RECONNECT_SECONDS: '0',
      ...env,
    },
    stdio: ['ignore', typeof stdout === 'number' ? stdout : 'pipe', 'pipe'],
  })
  const killNow = () => void child.kill('SIGKILL')
  process.on('exit', killNow)
  let output = ''
  if (stdout === 'read') child.stdout?.on('data', (chunk: Buffer) => (output += chunk))
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk))
  let over = false
  const ended = once(child, 'exit').then(([code, signal]) => {
    over = true
    process.off('exit', killNow)
    return { code: code as number | null, signal: signal as NodeJS.Signals | null }
  })
  const url = `http://127.0.0.1:${port}`
  const adminUrl = `http://127.0.0.1:${adminPort}`
  const auth = env.JWKS_URL === undefined ? loadAuthConfig({ JWT_SECRET: SECRET }) : undefined
  const token = (subject = 'alice', ttlSeconds = 600) => (auth ? mintToken(auth, { subject, ttlSeconds }) : Promise.reject(new Error('tokens come from a key set')))
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(5000) })).text()
    const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }
  for (;;) {
    const alive = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(1000) }).catch(() => undefined)
    if (alive?.ok) break
    if (over) throw new Error(`the relay did not start: ${output}`)
    await sleep(20)
  }
  const sockets = await metric('nodejs_active_resources')
  return {
    child,
    url,
    wsUrl: url.replace('http', 'ws'),
    adminUrl,
    output: () => output,
    connect: async (subject) => connectClient(`${url.replace('http', 'ws')}/v1/realtime`, await token(subject)),
    token,
    metric,
    async nothingLeft() {
      await expect.poll(() => metric('relay_sessions'), { timeout: 3000, interval: 20 }).toBe(0)
      // The request for the numbers holds a few of its own.
      await expect.poll(() => metric('nodejs_active_resources'), { timeout: 3000, interval: 20 }).toBeLessThanOrEqual(sockets + 4)
    },
    ended,
    async stop() {
      if (!over) {
        child.kill('SIGCONT')
        child.kill('SIGTERM')
        await Promise.race([ended, sleep(8000)])
      }
      if (!over) child.kill('SIGKILL')
      await ended
    },
  }
}

/** Milliseconds for a marker to go upstream and its answer to come back. */
export async function roundTrip(client: RealtimeClient, ms = 10_000): Promise<number> {
  const from = client.events.length
  const began = performance.now()
  client.send({ type: 'input_audio_buffer.clear' })
  await client.next('input_audio_buffer.cleared', { from, ms })
  return performance.now() - began
}

/** Checks for a clear end: an `error` event with this code and then its close code, both without anything of the server's. */
export async function clearEnd(client: RealtimeClient, code: string, closeCode: number): Promise<void> {
  const closed = await client.closed()
  expect(client.events.at(-1)).toMatchObject({ type: 'error', error: { code, message: expect.any(String) } })
  expect(closed.code).toBe(closeCode)
  expect(closed.reason).toMatch(new RegExp(`^${code}: `))
  expect(client.frames.join() + closed.reason).not.toMatch(/canary/)
}
