// A whole relay on free ports for the server tests, with the simulator as upstream and sample tools of all kinds.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadConfig } from '../../src/config/load.js'
import { type RelayServer, type ServerExtras, startServer } from '../../src/server/server.js'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.js'
import { checkTools } from '../../src/tools/check.js'

export const SECRET = 'a shared secret of the tests, 32 bytes or more'
export const API_KEY = 'canary-upstream-key-7f3a'
export const DEPLOYMENT = 'canary-deployment-91'
export const INSTRUCTIONS = 'Canary persona: keep the lamp of the northern lighthouse burning at all times.'

export interface RunningRelay {
  readonly relay: RelayServer
  readonly simulator: Simulator
  /** `ws://127.0.0.1:port` */
  readonly wsUrl: string
  token(subject?: string, claims?: Record<string, unknown>, ttlSeconds?: number): Promise<string>
  /** Requests that the sample tools' back end received, as `METHOD path body`. */
  readonly toolRequests: readonly string[]
  close(): Promise<void>
}

export interface RunningOptions {
  /** Adds to or replaces the usual settings. A function receives the simulator's URL. */
  readonly env?: Record<string, string> | ((simulatorUrl: string) => Record<string, string>)
  readonly simulator?: SimulatorOptions
  readonly extras?: ServerExtras
  /** Replaces the sample tools. A function receives the URL of the sample back end. */
  readonly tools?: readonly unknown[] | ((backEndUrl: string) => readonly unknown[])
  /** Answers a request of a sample tool. Default: `sunny in <city>`. */
  readonly toolAnswer?: (path: string, body: string) => Promise<{ status: number; body: string }>
}

export async function runRelay(options: RunningOptions = {}): Promise<RunningRelay> {
  const simulator = await startSimulator({ apiKey: API_KEY, deployments: [DEPLOYMENT], speed: Number.POSITIVE_INFINITY, ...options.simulator })
  const toolRequests: string[] = []
  const backEnd = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    toolRequests.push(`${request.method} ${request.url} ${body}`)
    const answer = options.toolAnswer
      ? await options.toolAnswer(request.url ?? '', body)
      : { status: 200, body: `sunny in ${(JSON.parse(body || '{}') as { city?: string }).city ?? 'town'}` }
    response.writeHead(answer.status, { 'content-type': 'text/plain' }).end(answer.body)
  }).listen(0, '127.0.0.1')
  await once(backEnd, 'listening')
  const backEndUrl = `http://127.0.0.1:${(backEnd.address() as AddressInfo).port}`
  const config = loadConfig(
    checkTools,
    {
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
      LOG_LEVEL: 'silent',
      JWT_SECRET: SECRET,
      AZURE_OPENAI_ENDPOINT: simulator.url,
      AZURE_OPENAI_DEPLOYMENT: DEPLOYMENT,
      AZURE_OPENAI_API_KEY: API_KEY,
      INSTRUCTIONS,
      TOOLS: JSON.stringify(typeof options.tools === 'function' ? options.tools(backEndUrl) : (options.tools ?? sampleTools(backEndUrl))),
      MAX_SESSIONS_PER_USER: '100',
      CONNECTS_PER_SECOND: '1000',
      ...(typeof options.env === 'function' ? options.env(simulator.url) : options.env),
    },
    { mode: 'serve', cwd: process.cwd() },
  )
  const relay = await startServer(config, options.extras)
  return {
    relay,
    simulator,
    wsUrl: relay.url.replace(/^http/, 'ws'),
    token: (subject = 'alice', claims = {}, ttlSeconds = 600) => mintToken(config.auth, { subject, ttlSeconds, claims }),
    toolRequests,
    async close() {
      await relay.drain()
      await simulator.close()
      backEnd.close()
      backEnd.closeAllConnections()
    },
  }
}

/** One tool of each kind that the relay can run or pass on. */
export function sampleTools(backEndUrl: string): unknown[] {
  const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
  const orders = fileURLToPath(new URL('./order-tool.mjs', import.meta.url))
  return [
    { type: 'function', name: 'get_weather', description: 'Tells the weather in a city.', parameters: city, run: { http: { method: 'POST', url: `${backEndUrl}/weather` } } },
    {
      type: 'function',
      name: 'lookup_order',
      description: 'Looks up an order by its number.',
      parameters: { type: 'object', properties: { order_id: { type: 'string' } }, required: ['order_id'] },
      run: { module: `${orders}#lookupOrder` },
    },
    {
      type: 'function',
      name: 'show_on_screen',
      description: 'Shows a text on the screen.',
      parameters: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
      run: 'client',
    },
  ]
}
