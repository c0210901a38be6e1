// The set-up of every scenario: mock upstream, load generator and targets, and the basic measurements with them.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SignJWT } from 'jose'
import { redisBinary, startRedis } from '../support/redis.js'
import { buildBench } from './build.js'
import type { InboxReport } from './inbox.js'
import type { LoadCommands } from './load.js'
import { coreUse, isInstalled, LOAD_CORE, TARGET_CORE } from './machine.js'
import type { MockCommands } from './mock-upstream.js'
import type { OnlookerCommands } from './onlooker.js'
import { sampleCpu } from './process-tree.js'
import { median } from './results.js'
import { type Remote, startRemote } from './rpc.js'
import { type Running, type Surroundings, startTarget, type TargetName } from './targets.js'

export interface Opening {
  readonly sessions: number
  readonly deflate?: boolean
  readonly workers?: number
  readonly pauseMs?: number
}

export interface Lab {
  readonly mock: Remote<MockCommands>
  readonly load: Remote<LoadCommands>
  readonly onlooker: Remote<OnlookerCommands> | undefined
  readonly surroundings: Surroundings
  /** The shared target of that name; `stop` ends it with the rest. */
  shared(name: TargetName): Promise<Running>
  /** A new process of its own, which the caller stops. */
  fresh(name: TargetName): Promise<Running>
  open(target: Running, opening: Opening): Promise<{ createdMs: number[]; deflateAccepted: number }>
  close(): Promise<void>
  stop(): Promise<void>
}

/** `node` runs the targets; mock and load run on this process's Node. */
export async function startLab(node: string, { onlooker: looks = false }: { readonly onlooker?: boolean } = {}): Promise<Lab> {
  const scratch = mkdtempSync(join(tmpdir(), 'relay-bench-'))
  const compiled = buildBench(['mock-upstream', 'load', 'ws-pipe', 'lossy-pipe', 'onlooker'])
  const mock = startRemote<MockCommands>(compiled('mock-upstream'), LOAD_CORE)
  const load = startRemote<LoadCommands>(compiled('load'), LOAD_CORE)
  const certificate = makeCertificate(scratch)
  const tls = certificate && { key: readFileSync(certificate.keyFile, 'utf8'), cert: readFileSync(certificate.certFile, 'utf8') }
  const ports = await mock.call('listen', tls ? { tls } : {})
  await load.call('connect', { creditPort: ports.creditPort })
  const redis = redisBinary() === undefined ? undefined : await startRedis()
  const jwtSecret = randomBytes(32).toString('hex')
  const onlooker = looks ? startRemote<OnlookerCommands>(compiled('onlooker'), LOAD_CORE) : undefined
  const looking = onlooker && {
    otlpPort: (await onlooker.call('listen', {})).port,
    watch: async (adminPort: number) => onlooker.call('watch', { adminPort, token: await tokenFor('operator', jwtSecret, { scope: 'relay:read' }) }),
  }
  const surroundings: Surroundings = { mock: ports, onlooker: looking, certFile: certificate?.certFile, jwtSecret, redisUrl: redis?.url, scratch, compiled, node }
  const running = new Map<TargetName, Promise<Running>>()
  const tokens: string[] = []
  return {
    mock,
    load,
    onlooker,
    surroundings,
    shared: (name) => {
      const found = running.get(name) ?? startTarget(name, surroundings)
      running.set(name, found)
      return found
    },
    fresh: (name) => startTarget(name, surroundings),
    open: async (target, { sessions, deflate = false, workers = 8, pauseMs = 0 }) => {
      while (tokens.length < sessions) tokens.push(await tokenFor(`bench-${tokens.length}`, jwtSecret))
      await mock.call('reset', {})
      await load.call('reset', {})
      const timeoutMs = 20_000
      const opened = await load.call('open', { port: target.port, path: target.path, tokens: tokens.slice(0, sessions), deflate, workers, pauseMs, timeoutMs }, 60_000)
      await mock.call('bound', { n: sessions }, timeoutMs)
      return opened
    },
    close: async () => {
      await load.call('close', {})
      // The relay reads on for five seconds if an answer was under way. The mock would wait for a session of then to take what it sends.
      if (!(await untilTrue(async () => (await mock.call('bound', { n: 0 })) === 0, 15_000))) throw new Error('sessions stay open at the mock')
    },
    stop: async () => {
      for (const target of running.values()) await target.then((it) => it.stop()).catch(() => {})
      await load.stop()
      await mock.stop()
      await onlooker?.stop()
      await redis?.stop()
      rmSync(scratch, { recursive: true, force: true })
    },
  }
}

function tokenFor(subject: string, secret: string, claims: Record<string, string> = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setSubject(subject).setIssuedAt().setExpirationTime('2h').sign(new TextEncoder().encode(secret))
}

function makeCertificate(scratch: string): { keyFile: string; certFile: string } | undefined {
  if (!isInstalled('openssl')) return undefined
  const keyFile = join(scratch, 'mock.key')
  const certFile = join(scratch, 'mock.crt')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const made = spawnSync('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    ...subject,
    '-keyout',
    keyFile,
    '-out',
    certFile,
  ])
  return made.status === 0 ? { keyFile, certFile } : undefined
}

/** Checks every 20 ms. False if `withinMs` is over first. */
export async function untilTrue(check: () => Promise<boolean>, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs
  while (!(await check())) {
    if (Date.now() > deadline) return false
    await sleep(20)
  }
  return true
}

export interface Used {
  readonly cpuMicros: number
  /** Milliseconds of wall time. */
  readonly tookMs: number
  /** Milliseconds that other processes used of the target's core and the hypervisor of both cores: the noise in this figure. */
  readonly foreignMs: number
  readonly stealMs: number
}

/** Runs `work` and measures what the target's process tree used meanwhile. */
export async function measured<T>(target: Running, work: () => Promise<T>): Promise<{ result: T; used: Used }> {
  const pids = target.pids()
  const [core, other] = [coreUse(TARGET_CORE), coreUse(LOAD_CORE)]
  const before = sampleCpu(pids)
  const started = performance.now()
  const result = await work()
  const cpuMicros = sampleCpu(pids).onCpuMicros - before.onCpuMicros
  const tookMs = performance.now() - started
  const after = coreUse(TARGET_CORE)
  const stealMs = after.stealMs - core.stealMs + coreUse(LOAD_CORE).stealMs - other.stealMs
  return { result, used: { cpuMicros, tookMs, foreignMs: Math.max(0, after.busyMs - core.busyMs - cpuMicros / 1000), stealMs } }
}

const SLICE_MS = 250

/**
 * The same for work at a steady pace. The median of quarters of a second counts, so a short disturbance on a shared machine hardly matters.
 */
export async function measuredSteady<T>(target: Running, work: () => Promise<T>): Promise<{ result: T; used: Used }> {
  const pids = target.pids()
  const perMs: number[] = []
  let [cpu, at] = [sampleCpu(pids).onCpuMicros, performance.now()]
  const timer = setInterval(() => {
    const [nextCpu, nextAt] = [sampleCpu(pids).onCpuMicros, performance.now()]
    perMs.push((nextCpu - cpu) / (nextAt - at))
    cpu = nextCpu
    at = nextAt
  }, SLICE_MS)
  try {
    const { result, used } = await measured(target, work)
    return { result, used: perMs.length === 0 ? used : { ...used, cpuMicros: median(perMs) * used.tookMs } }
  } finally {
    clearInterval(timer)
  }
}

/** What is wrong with a count; empty if every message arrived in order. */
export function problemsOf(what: string, sent: number, report: InboxReport): string[] {
  const problems = report.problems.map((problem) => `${what}: ${problem}`)
  if (report.received !== sent) problems.push(`${what}: ${sent} sent, ${report.received} delivered`)
  return problems
}
