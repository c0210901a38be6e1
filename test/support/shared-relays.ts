// Relay processes that share a simulator, a tool server that counts, and a Redis: for tests that kill them.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadAuthConfig } from '../../src/config/load.js'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.js'
import { type RunningCommand, startCommand } from './built-relay.js'
import type { Door } from './returning.js'
import { API_KEY, DEPLOYMENT, INSTRUCTIONS, SECRET, sampleTools } from './running-relay.js'

export interface RelayProcess {
  readonly command: RunningCommand
  readonly url: string
  readonly adminUrl: string
  readonly door: (subject: string) => Promise<Door>
}

export interface SharedRelays {
  readonly simulator: Simulator
  readonly toolRequests: readonly string[]
  /** Tools answer from now on, or not. */
  answerTools(yes: boolean): void
  start(env?: Record<string, string>): Promise<RelayProcess>
  close(): Promise<void>
}

/** `toolMs`: how long a tool takes. */
export async function shareRelays(redisUrl: string, options: SimulatorOptions = {}, toolMs = 0): Promise<SharedRelays> {
  const simulator = await startSimulator({ apiKey: API_KEY, deployments: [DEPLOYMENT], speed: Number.POSITIVE_INFINITY, ...options })
  const toolRequests: string[] = []
  let waiting: (() => void)[] = []
  let answers = true
  const backEnd = createServer((request, response) => {
    toolRequests.push(`${request.method} ${request.url}`)
    request.resume()
    const answer = () => response.writeHead(200, { 'content-type': 'text/plain' }).end('sunny')
    if (answers) setTimeout(answer, toolMs)
    else waiting.push(answer)
  }).listen(0, '127.0.0.1')
  await once(backEnd, 'listening')
  const tools = JSON.stringify(sampleTools(`http://127.0.0.1:${(backEnd.address() as AddressInfo).port}`).filter((tool) => !JSON.stringify(tool).includes('"module"')))
  const started: RunningCommand[] = []
  const authConfig = loadAuthConfig({ JWT_SECRET: SECRET })
  return {
    simulator,
    toolRequests,
    answerTools(yes) {
      answers = yes
      for (const answer of yes ? waiting.splice(0) : []) answer()
    },
    async start(env = {}) {
      const command = await startCommand([], {
        env: {
          HOST: '127.0.0.1',
          PORT: '0',
          ADMIN_PORT: '0',
          JWT_SECRET: SECRET,
          AZURE_OPENAI_ENDPOINT: simulator.url,
          AZURE_OPENAI_DEPLOYMENT: DEPLOYMENT,
          AZURE_OPENAI_API_KEY: API_KEY,
          INSTRUCTIONS,
          TOOLS: tools,
          MAX_SESSIONS_PER_USER: '100',
          CONNECTS_PER_SECOND: '1000',
          REDIS_URL: redisUrl,
          RESUME_STORE: 'redis',
          ...env,
        },
      })
      started.push(command)
      const [, url = '', adminUrl = ''] = await command.says(/"url":"(http:[^"]+)","adminUrl":"(http:[^"]+)"/)
      await untilShared(url)
      const door = async (subject: string) => ({
        wsUrl: url.replace('http', 'ws'),
        bearer: await mintToken(authConfig, { subject, ttlSeconds: 600, claims: { relayEvents: true } }),
      })
      return { command, url, adminUrl, door }
    },
    async close() {
      waiting = []
      await Promise.all(started.map((command) => command.stop()))
      await simulator.close()
      backEnd.close()
      backEnd.closeAllConnections()
    },
  }
}

/** Until the relay has its Redis. */
export async function untilShared(url: string): Promise<void> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const ready = (await (await fetch(`${url}/readyz`)).json()) as { checks?: { limits?: { status?: string } } }
    if (ready.checks?.limits?.status === 'ok') return
    if (Date.now() > deadline) throw new Error('the relay did not reach Redis')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
