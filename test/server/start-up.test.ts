// A relay loads only the packages that its configuration uses, which keeps its start short.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { startCommand } from '../support/built-relay.js'

const folder = mkdtempSync(join(tmpdir(), 'start-up-'))
afterAll(() => rmSync(folder, { recursive: true }))

const ON_DEMAND = ['@azure/identity', '@fastify/swagger', '@modelcontextprotocol/sdk', 'ajv', 'ajv-formats', 'ioredis', 'undici']

/** Packages loaded from start to stop. */
async function loadedBy(name: string, env: Record<string, string>, asked?: string): Promise<Set<string>> {
  const file = join(folder, name)
  const recorder = fileURLToPath(new URL('./record-imports.mjs', import.meta.url))
  const command = await startCommand([], {
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
      JWT_SECRET: 'a shared secret of the tests, 32 bytes or more',
      AZURE_OPENAI_ENDPOINT: 'http://127.0.0.1:9',
      AZURE_OPENAI_DEPLOYMENT: 'dep',
      NODE_OPTIONS: `--import ${recorder}`,
      LOADED_FILE: file,
      ...env,
    },
  })
  try {
    const [, adminUrl] = await command.says(/"adminUrl":"([^"]+)","msg":"listening"/, 60_000)
    if (asked) expect((await fetch(`${adminUrl}${asked}`)).status).toBe(401)
    command.child.kill('SIGTERM')
    expect(await command.ended).toMatchObject({ code: 0 })
  } finally {
    await command.stop()
  }
  const packages = [...readFileSync(file, 'utf8').matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules)/g)].map((found) => found[1] as string)
  return new Set(packages)
}

const OPEN_TELEMETRY = ['sdk-trace-base', 'sdk-metrics', 'sdk-logs', 'resources', 'exporter-trace-otlp-proto'].map((name) => `@opentelemetry/${name}`)

it('loads no Redis, Entra ID or tool package if none is configured, and no admin API before its first request', async () => {
  const loaded = await loadedBy('least', { AZURE_OPENAI_API_KEY: 'key' })
  expect(loaded).toContain('fastify')
  expect(ON_DEMAND.filter((name) => loaded.has(name))).toEqual([])
  // prom-client brings the API itself, which is small and does nothing alone.
  expect([...loaded].filter((name) => name.startsWith('@opentelemetry/') && name !== '@opentelemetry/api')).toEqual([])
})

it('loads each if it is configured or requested', async () => {
  const parameters = { type: 'object', properties: {} }
  const tools = [
    { type: 'function', name: 'look', parameters, run: { http: { method: 'GET', url: 'http://127.0.0.1:9/look' } } },
    { type: 'mcp', server_label: 'docs', url: 'http://127.0.0.1:9/mcp' },
  ]
  const loaded = await loadedBy(
    'most',
    { TOOLS: JSON.stringify(tools), REDIS_URL: process.env.REDIS_URL ?? '', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
    '/v1/admin/sessions',
  )
  expect([...ON_DEMAND, ...OPEN_TELEMETRY].filter((name) => !loaded.has(name))).toEqual([])
})
