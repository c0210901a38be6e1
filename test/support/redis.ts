// Real Redis servers for tests: one shared by the whole run, and others that a test may kill, freeze or refill.
import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A server on loopback without persistence. The caller stops it; it also ends with this process. */
export interface OwnRedis {
  readonly url: string
  readonly port: number
  /** `kill -9`: all its data is lost. Resolves when the port is closed. */
  kill(): Promise<void>
  /** Starts it again, empty, on the same port. */
  restart(): Promise<void>
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

const START_TIMEOUT_MS = 30_000
const DOCKER_IMAGE = 'redis:7-alpine'

/** `redis-server` or `valkey-server`, the first one found; undefined if neither is installed. */
export function redisBinary(): string | undefined {
  return ['redis-server', 'valkey-server'].find((name) => runs(name, '--version'))
}

/** Starts a server with `args`. If none can be run, fails at once and says what to install. */
export async function startRedis(args: readonly string[] = []): Promise<OwnRedis> {
  const binary = redisBinary() ?? installed()
  const port = await freePort()
  const server = binary ? native(binary, port, args) : docker(port, args)
  await server.restart()
  return server
}

/** A unique key prefix, so that tests can share one server. */
export function uniquePrefix(): string {
  return `test:${randomUUID()}:`
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Resolves when a Redis on loopback answers PING (an error answer counts: it is there), rejects after 30 s. */
async function answers(port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await ping(port))) {
    if (Date.now() > deadline) throw new Error('Redis was started but does not answer')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function ping(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.setTimeout(1_000, () => socket.destroy())
    socket.once('data', (data) => {
      resolve(/^[+-]/.test(data.toString()))
      socket.destroy()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(false))
  })
}

function native(binary: string, port: number, args: readonly string[]): OwnRedis {
  let directory: string | undefined
  let child: ReturnType<typeof spawn> | undefined
  const killNow = () => void child?.kill('SIGKILL')
  const ended = async () => {
    const running = child
    child = undefined
    process.off('exit', killNow)
    if (running && running.exitCode === null && running.signalCode === null) {
      const exit = once(running, 'exit')
      running.kill('SIGKILL')
      await exit
    }
    if (directory) rmSync(directory, { recursive: true, force: true })
    directory = undefined
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    kill: ended,
    stop: ended,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    restart: async () => {
      await ended()
      directory = mkdtempSync(join(tmpdir(), 'relay-redis-'))
      const common = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', directory, '--daemonize', 'no']
      child = spawn(binary, [...common, ...args], { stdio: 'ignore' })
      process.on('exit', killNow)
      const failed = once(child, 'exit').then(() => Promise.reject(new Error(`${binary} ended instead of starting`)))
      failed.catch(() => undefined)
      await Promise.race([answers(port), failed])
    },
  }
}

function docker(port: number, args: readonly string[]): OwnRedis {
  const name = `relay-test-redis-${randomUUID()}`
  const run = (...words: string[]) => execFileSync('docker', words, { stdio: 'ignore', timeout: 120_000 })
  const remove = async () => {
    process.off('exit', removeNow)
    run('rm', '--force', name)
  }
  const removeNow = () => run('rm', '--force', name)
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    kill: remove,
    stop: remove,
    freeze: () => void run('pause', name),
    thaw: () => void run('unpause', name),
    restart: async () => {
      await remove()
      run('run', '--detach', '--name', name, '--publish', `127.0.0.1:${port}:6379`, DOCKER_IMAGE, 'redis-server', '--save', '', '--appendonly', 'no', ...args)
      process.on('exit', removeNow)
      await answers(port)
    },
  }
}

/** Installs a server if none is installed: Debian's package if root. Undefined if Docker can run one instead. */
function installed(): string | undefined {
  if (process.getuid?.() === 0 && runs('apt-get', '--version')) {
    const quiet = { stdio: 'ignore', timeout: 300_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
    try {
      execFileSync('apt-get', ['update'], quiet)
      execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], quiet)
    } catch {
      // What could not be installed is reported below, with the other ways.
    }
    const binary = redisBinary()
    if (binary) return binary
  }
  if (runs('docker', 'info')) return undefined
  throw new Error('The tests need a real Redis: install redis-server or valkey-server, or start Docker, or set REDIS_URL to a server that may be written to.')
}

function runs(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 20_000 })
    return true
  } catch {
    return false
  }
}
