// Starts and stops the measured targets: the relay, the bare pipes, the native proxies, and no process at all (`direct`).
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { redisBinary } from '../support/redis.js'
import { blindRelay } from './blind.js'
import { PROJECT } from './build.js'
import { freePort, isInstalled, pinned, TARGET_CORE } from './machine.js'
import { treeOf } from './process-tree.js'
import { haproxyConfig, nginxConfig } from './proxy-configs.js'
import { stopChild } from './rpc.js'

export const TARGET_NAMES = [
  'direct',
  'ws-pipe',
  'ws-pipe-bu',
  'ws-parse',
  'ws-pipe-tls',
  'nginx',
  'haproxy',
  'relay',
  'relay-tls',
  'relay-preview',
  'relay-preview-tls',
  'relay-pool',
  'relay-limited',
  'relay-tools',
  'relay-tools-preview',
  'relay-booking',
  'relay-seen',
  'relay-blind',
  'lossy-pipe',
] as const
export type TargetName = (typeof TARGET_NAMES)[number]

/** Upstream sockets that `relay-pool` opens ahead. */
export const POOL_SIZE = 32

export interface Surroundings {
  readonly mock: { readonly port: number; readonly tlsPort: number }
  readonly certFile: string | undefined
  readonly jwtSecret: string
  /** Undefined: there is no Redis on this machine. */
  readonly redisUrl: string | undefined
  /** Takes what `relay-seen` exports, and looks at it. Undefined: nobody does. */
  readonly onlooker: { readonly otlpPort: number; watch(adminPort: number): Promise<void> } | undefined
  readonly scratch: string
  /** Compiled bench file by name. */
  readonly compiled: (name: string) => string
  /** The Node that runs the targets. */
  readonly node: string
}

const GA_PATH = '/v1/realtime?model=bench'
const PREVIEW_PATH = '/openai/realtime?api-version=2025-04-01-preview&deployment=bench'

export interface Running {
  readonly name: TargetName
  readonly port: number
  /** The path that clients open, which sets their dialect. */
  readonly path: string
  /** The process tree as it is now; empty for `direct`. */
  pids(): number[]
  stop(): Promise<void>
}

/** Why a target cannot run here, or undefined. */
export function whyNot(name: TargetName, surroundings: Pick<Surroundings, 'certFile' | 'onlooker'>): string | undefined {
  if ((name === 'nginx' || name === 'haproxy') && !isInstalled(name)) return `${name} is not installed`
  if (name.startsWith('relay') && !existsSync(join(PROJECT, 'dist/main.js'))) return 'dist/main.js does not exist: run `npm run build`'
  if (name === 'relay-seen' && !surroundings.onlooker) return 'nobody looks: run `npm run bench:seen`'
  if (name === 'relay-booking' && redisBinary() === undefined) return 'redis-server is not installed'
  if (name.endsWith('-tls') && !surroundings.certFile) return 'openssl is not installed'
  return undefined
}

interface Plan {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** The path that answers 200 when the target is ready. Absent: an open port is enough. */
  readonly readyPath?: string
  readonly adminPort?: number
}

/** Rejects with the target's output if it is not ready within 15 seconds. */
export async function startTarget(name: TargetName, surroundings: Surroundings): Promise<Running> {
  const path = name.includes('preview') ? PREVIEW_PATH : GA_PATH
  if (name === 'direct') return { name, path, port: surroundings.mock.port, pids: () => [], stop: async () => {} }
  const port = await freePort()
  const plan = await planFor(name, port, surroundings)
  const logFile = join(surroundings.scratch, `${name}-${port}.log`)
  const log = openSync(logFile, 'w')
  const [command, ...args] = pinned(TARGET_CORE, plan.command)
  const child = spawn(command!, args, { cwd: PROJECT, stdio: ['ignore', log, log], env: { PATH: process.env.PATH, HOME: process.env.HOME, ...plan.env } })
  closeSync(log)
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const stop = (): Promise<void> => stopChild(child, ended)
  const deadline = Date.now() + 15_000
  while (!(await isReady(port, plan.readyPath))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new Error(`${name} is not ready:\n${readFileSync(logFile, 'utf8').slice(-2000)}`)
    }
    await sleep(50)
  }
  if (name === 'relay-seen') await surroundings.onlooker?.watch(plan.adminPort ?? 0)
  return { name, path, port, pids: () => treeOf(child.pid ?? 0), stop }
}

async function planFor(name: Exclude<TargetName, 'direct'>, port: number, surroundings: Surroundings): Promise<Plan> {
  const { mock, scratch, node } = surroundings
  const plain = `127.0.0.1:${mock.port}`
  const tls = `localhost:${mock.tlsPort}`
  const trust: Record<string, string> = surroundings.certFile ? { NODE_EXTRA_CA_CERTS: surroundings.certFile } : {}
  switch (name) {
    case 'nginx': {
      const file = join(scratch, 'nginx.conf')
      writeFileSync(file, nginxConfig(port, mock.port, scratch))
      return { command: ['nginx', '-c', file, '-p', scratch], env: {} }
    }
    case 'haproxy': {
      const file = join(scratch, 'haproxy.cfg')
      writeFileSync(file, haproxyConfig(port, mock.port))
      return { command: ['haproxy', '-db', '-f', file], env: {} }
    }
    case 'relay':
    case 'relay-tls':
    case 'relay-preview':
    case 'relay-preview-tls':
    case 'relay-pool':
    case 'relay-limited':
    case 'relay-tools':
    case 'relay-tools-preview':
    case 'relay-booking':
    case 'relay-seen':
    case 'relay-blind': {
      const adminPort = await freePort()
      const env = { ...trust, ...relayEnvironment(port, adminPort, name.endsWith('-tls') ? `https://${tls}` : `http://${plain}`, surroundings.jwtSecret) }
      const lifted: Record<string, string> = name === 'relay-limited' ? {} : { MESSAGES_PER_SECOND: '100000', BYTES_PER_SECOND: '1073741824', AUDIO_SECONDS_PER_SECOND: '10000' }
      const pool: Record<string, string> = name === 'relay-pool' ? { WARM_POOL_SIZE: String(POOL_SIZE) } : {}
      const tools: Record<string, string> = name.startsWith('relay-tools') ? { TOOLS: CLIENT_TOOL } : {}
      const booking: Record<string, string> = name === 'relay-booking' ? { PROFILES: QUOTA_PROFILE, REDIS_URL: surroundings.redisUrl ?? '' } : {}
      const seen: Record<string, string> = name === 'relay-seen' ? { ...SEEN, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${surroundings.onlooker?.otlpPort}` } : {}
      const main = name === 'relay-blind' ? blindRelay(PROJECT, scratch) : join(PROJECT, 'dist/main.js')
      return { command: [node, main], readyPath: '/readyz', adminPort, env: { ...env, ...lifted, ...pool, ...tools, ...booking, ...seen } }
    }
    default: {
      const upstream = name === 'ws-pipe-tls' ? `wss://${tls}` : `ws://${plain}`
      // The baseline is `ws` as it comes, without its optional native part.
      const bare: Record<string, string> = name === 'ws-pipe-bu' ? {} : { WS_NO_BUFFER_UTIL: '1' }
      return {
        command: [node, surroundings.compiled(name === 'lossy-pipe' ? 'lossy-pipe' : 'ws-pipe')],
        env: { ...trust, ...bare, PORT: String(port), UPSTREAM: upstream, MODE: name === 'ws-parse' ? 'parse' : 'pipe' },
      }
    }
  }
}

/** The client runs it, so that calls pass. */
const CLIENT_TOOL = JSON.stringify([
  {
    type: 'function',
    name: 'open_door',
    description: 'Opens a door.',
    run: 'client',
    parameters: { type: 'object', properties: { door: { type: 'string' } }, required: ['door'] },
  },
])

/** Everything is exported: each session, each second. */
const SEEN = { LOG_LEVEL: 'info', METRICS_FORMAT: 'openmetrics', OTEL_METRIC_EXPORT_INTERVAL: '1000', TRACE_SAMPLE_RATIO: '1' }

const QUOTA_PROFILE = JSON.stringify({ default: { limits: { quota: { perDay: { tokens: 1e12 } } } } })

/** The relay as an operator would run it, but without limits on sessions, since all come from one address. */
function relayEnvironment(port: number, adminPort: number, endpoint: string, jwtSecret: string): Record<string, string> {
  return {
    PORT: String(port),
    HOST: '127.0.0.1',
    ADMIN_PORT: String(adminPort),
    LOG_LEVEL: 'warn',
    AZURE_OPENAI_ENDPOINT: endpoint,
    AZURE_OPENAI_DEPLOYMENT: 'bench',
    AZURE_OPENAI_API_KEY: 'bench-key',
    JWT_SECRET: jwtSecret,
    INSTRUCTIONS: 'You are the voice of a library. Answer in one sentence.',
    MAX_SESSIONS: '100000',
    MAX_SESSIONS_PER_USER: '100000',
    CONNECTS_PER_SECOND: '100000',
  }
}

async function isReady(port: number, path: string | undefined): Promise<boolean> {
  if (path === undefined) {
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
  }
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(2000) })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}
