// `npm run test:soak -- <minutes>`: opens and ends sessions of every kind. Fails if memory, sockets or timers grow with their number.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadConfig } from '../../src/config/load.js'
import { startServer } from '../../src/server/server.js'
import { checkTools } from '../../src/tools/check.js'
import { startRedis } from '../support/redis.js'
import { sampleTools } from '../support/running-relay.js'
import { soakWithAbusers } from './abuse.js'
import { compileNothing, line, quiet, received, report, sample } from './measured.js'
import type { Order, Result, Surroundings } from './soak-load.js'
import type { Sample } from './trend.js'

const SESSIONS_A_ROUND = 100
const SUBJECTS = 25
const SECRET = 'a shared secret of the soak, 32 bytes or more'

async function soak(minutes: number): Promise<number> {
  compileNothing()
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

const { values, positionals } = parseArgs({ allowPositionals: true, options: { abusers: { type: 'boolean', default: false } } })
const minutes = Number(positionals[0] ?? (values.abusers ? '30' : '5'))
if (!(minutes > 0)) {
  console.error('usage: npm run test:soak -- [--abusers] <minutes>')
  process.exit(2)
}
process.exit(await (values.abusers ? soakWithAbusers(minutes) : soak(minutes)))
