// Several processes of one relay export each on its own, under ids that tell them apart, and write what waits before they end.
import { afterAll, expect, it, vi } from 'vitest'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadConfig } from '../../src/config/load.js'
import { startSimulator } from '../../src/simulator/simulator.js'
import { checkTools } from '../../src/tools/check.js'
import { startCommand } from '../support/built-relay.js'
import { startOtlpReceiver } from '../support/otlp-receiver.js'
import { connectClient } from '../support/realtime-client.js'

const closing: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

it('two workers are two instances of one service; a session’s spans come from one of them', async () => {
  const simulator = await startSimulator({ apiKey: 'key', deployments: ['dep'], speed: Number.POSITIVE_INFINITY })
  closing.push(() => simulator.close())
  const collector = await startOtlpReceiver()
  closing.push(() => collector.close())
  const env = {
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    JWT_SECRET: 'a shared secret of the tests, 32 bytes or more',
    AZURE_OPENAI_ENDPOINT: simulator.url,
    AZURE_OPENAI_DEPLOYMENT: 'dep',
    AZURE_OPENAI_API_KEY: 'key',
    DRAIN_SECONDS: '5',
    WORKERS: '2',
    REDIS_URL: process.env.REDIS_URL ?? '',
    REDIS_KEY_PREFIX: `telemetry-${process.pid}:`,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_METRIC_EXPORT_INTERVAL: '300',
  }
  const command = await startCommand([], { env })
  closing.push(() => command.stop())
  const [, url] = await command.says(/"url":"http([^"]+)","adminUrl":"[^"]+","ready":2,"msg":"worker ready"/, 60_000)
  const { auth } = loadConfig(checkTools, env, { mode: 'serve', cwd: '/' })
  const client = await connectClient(`ws${url}/v1/realtime`, await mintToken(auth, { subject: 'alice', ttlSeconds: 600, claims: {} }))
  await client.next('session.created')
  await client.ask('Hello')
  const instances = () => new Set(collector.resources.map((resource) => resource['service.instance.id']))
  await vi.waitFor(() => expect(instances().size).toBe(2), { timeout: 10_000, interval: 50 })
  client.close()
  await client.closed()
  command.child.kill('SIGTERM')
  expect(await command.ended).toMatchObject({ code: 0 })
  expect(instances().size).toBe(2)
  expect(new Set(collector.resources.map((resource) => resource['service.name']))).toEqual(new Set(['realtime-relay']))
  expect(collector.spans.map(({ name }) => name).sort()).toEqual(['realtime connect', 'realtime dial', 'realtime turn', 'realtime_inference dep'])
})
