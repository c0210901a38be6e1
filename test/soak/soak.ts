// `npm run test:soak -- <minutes>`: opens and ends sessions of every kind. Fails if memory, sockets or timers grow with their number.
import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadConfig } from '../../src/config/load.js'
import { tuneHeap } from '../../src/process/heap.js'
import { startServer } from '../../src/server/server.js'
import { checkTools } from '../../src/tools/check.js'
import { startRedis } from '../support/redis.js'
import { sampleTools } from '../support/running-relay.js'
import type { Order, Result, Surroundings } from './soak-load.js'
import { LIMITS, type Sample, trends } from './trend.js'

const SESSIONS_A_ROUND = 100
const SUBJECTS = 25
const SECRET = 'a shared secret of the soak, 32 bytes or more'
/** Longest wait for the sockets of a round to close. A closing handshake without an answer takes two seconds. */
const QUIET_MS = 10_000
const STEADY_MS = 500

tuneHeap()
// Compiled code is added for an hour and lies in the heap that is measured here.
setFlagsFromString('--no-opt')
const collectGarbage = runInNewContext('gc') as () => void

/** The next message; rejects when the process ends first. Leaves no listener behind, which this very test would count. */
function received<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown) => {
      child.off('exit', onExit)
      resolve(message as T)
    }
    const onExit = () => {
      child.off('message', onMessage)
      reject(new Error('the load process ended'))
    }
    child.once('message', onMessage)
    child.once('exit', onExit)
  })
}

const resources = (kind: RegExp) => process.getActiveResourcesInfo().filter((name) => kind.test(name)).length
const SOCKETS = /^(TCPSocketWrap|TLSWrap|TCPConnectWrap)$/
const TIMERS = /^(Timeout|Immediate)$/

/** Waits until the number of open sockets has not changed for half a second, or for `QUIET_MS`. */
async function quiet(): Promise<void> {
  const until = performance.now() + QUIET_MS
  let last = -1
  let since = performance.now()
  while (performance.now() < until && performance.now() - since < STEADY_MS) {
    const now = resources(SOCKETS)
    if (now !== last) since = performance.now()
    last = now
    await sleep(25)
  }
}

async function sample(sessions: number): Promise<Sample> {
  for (let n = 0; n < 3; n++) {
    collectGarbage()
    await turn()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return {
    sessions,
    heapBytes: heapUsed,
    externalBytes: external,
    rssBytes: rss,
    sockets: resources(SOCKETS),
    timers: resources(TIMERS),
    otherHandles: process.getActiveResourcesInfo().length - resources(SOCKETS) - resources(TIMERS),
  }
}

async function main(minutes: number): Promise<number> {
  // The store in process keeps tens of thousands of ids before it forgets the oldest, which would take hours to tell from a leak.
  const redis = process.env.REDIS_URL ? undefined : await startRedis()
  const load = fork(fileURLToPath(new URL('./soak-load.ts', import.meta.url)))
  const { simulatorUrl, toolUrl } = await received<Surroundings>(load)
  const config = loadConfig(
    checkTools,
    {
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
      LOG_LEVEL: 'silent',
      JWT_SECRET: SECRET,
      AZURE_OPENAI_ENDPOINT: simulatorUrl,
      AZURE_OPENAI_DEPLOYMENT: 'soak',
      AZURE_OPENAI_API_KEY: 'simulated',
      INSTRUCTIONS: 'Be brief.',
      TOOLS: JSON.stringify(sampleTools(toolUrl)),
      CONNECTS_PER_SECOND: '100000',
      MAX_SESSIONS_PER_USER: '1000',
      WARM_POOL_SIZE: '2',
      REDIS_URL: redis?.url ?? process.env.REDIS_URL ?? '',
      REDIS_KEY_PREFIX: `soak-${process.pid}:`,
    },
    { mode: 'serve', cwd: process.cwd() },
  )
  const relay = await startServer(config)
  const tokens = await Promise.all(Array.from({ length: SUBJECTS }, (_, n) => mintToken(config.auth, { subject: `user-${n}`, ttlSeconds: 7 * 86_400, claims: {} })))
  const url = `${relay.url.replace(/^http/, 'ws')}/v1/realtime`
  const samples: Sample[] = []
  const problems: string[] = []
  let sessions = 0
  const until = performance.now() + minutes * 60_000
  while (performance.now() < until) {
    load.send({ round: { url, tokens, sessions: SESSIONS_A_ROUND } } satisfies Order)
    const result = await received<Result>(load)
    problems.push(...result.problems)
    sessions += SESSIONS_A_ROUND
    await quiet()
    const taken = await sample(sessions)
    samples.push(taken)
    if (samples.length % 5 === 0) console.log(line(taken))
  }
  await relay.drain()
  load.send({ stop: true } satisfies Order)
  await redis?.stop()
  return report(samples, problems)
}

function line({ sessions, heapBytes, externalBytes, rssBytes, sockets, timers, otherHandles }: Sample): string {
  const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(1)
  return `${sessions} sessions: heap ${mib(heapBytes)} MiB, external ${mib(externalBytes)} MiB, resident ${mib(rssBytes)} MiB, ${sockets} sockets, ${timers} timers, ${otherHandles} other handles`
}

function report(samples: readonly Sample[], problems: readonly string[]): number {
  const verdicts = trends(samples)
  for (const { figure, perSession, growth, grows } of verdicts) {
    const limit = LIMITS[figure]
    console.log(
      `${grows ? 'GROWS' : 'steady'}  ${figure.padEnd(14)} ${perSession.toFixed(4)} a session (${growth.toFixed(0)} in all; limit ${limit.perSession} and ${limit.allowance})`,
    )
  }
  for (const problem of new Set(problems)) console.log(`PROBLEM ${problem} (${problems.filter((one) => one === problem).length} times)`)
  return problems.length > 0 || verdicts.some(({ grows }) => grows) ? 1 : 0
}

const minutes = Number(process.argv[2] ?? '5')
if (!(minutes > 0)) {
  console.error('usage: npm run test:soak -- <minutes>')
  process.exit(2)
}
process.exit(await main(minutes))
