// What operators see of a relay of two processes: both through Redis, and both still while Redis is away.
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadConfig } from '../../src/config/load.js'
import type { Picture } from '../../src/ports/picture.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { checkTools } from '../../src/tools/check.js'
import { type RunningCommand, startCommand } from '../support/built-relay.js'
import { connectClient } from '../support/realtime-client.js'
import { type OwnRedis, startRedis } from '../support/redis.js'

let simulator: Simulator
let redis: OwnRedis
let command: RunningCommand

beforeAll(async () => {
  simulator = await startSimulator({ apiKey: 'key', deployments: ['dep'], speed: Number.POSITIVE_INFINITY })
  redis = await startRedis()
})
afterAll(async () => {
  await command?.stop()
  await redis?.stop()
  await simulator?.close()
})

it('both processes with all sessions, with Redis and without', async () => {
  const env = {
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    JWT_SECRET: 'a shared secret of the tests, 32 bytes or more',
    AZURE_OPENAI_ENDPOINT: simulator.url,
    AZURE_OPENAI_DEPLOYMENT: 'dep',
    AZURE_OPENAI_API_KEY: 'key',
    CONNECTS_PER_SECOND: '1000',
    MAX_SESSIONS: '40',
    WORKERS: '2',
    REDIS_URL: redis.url,
  }
  command = await startCommand([], { env })
  const [, url = '', admin = ''] = await command.says(/"url":"http([^"]+)","adminUrl":"([^"]+)","ready":2,"msg":"worker ready"/, 60_000)
  const { auth } = loadConfig(checkTools, env, { mode: 'serve', cwd: '/' })
  const token = (subject: string, claims = {}) => mintToken(auth, { subject, ttlSeconds: 600, claims })
  const clients = await Promise.all(Array.from({ length: 8 }, async (_, n) => connectClient(`ws${url}/v1/realtime`, await token(`user-${n}`))))
  await Promise.all(clients.map((client) => client.next('session.created')))

  const answer = await fetch(`${admin}/v1/admin/live`, { headers: { authorization: `Bearer ${await token('operator', { scope: 'relay:read' })}` } })
  let text = ''
  let latest: Picture | undefined
  const reading = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true })
      const pictures = [...text.matchAll(/^event: picture\ndata: (.*)\n\n/gm)]
      const last = pictures.at(-1)
      if (!last) continue
      latest = JSON.parse(last[1] ?? '') as Picture
      text = text.slice(last.index + last[0].length)
    }
  })().catch(() => undefined)
  const shows = (shared: boolean) =>
    vi.waitFor(
      () => {
        expect(latest).toMatchObject({ shared, calls: { now: 8, most: 40 } })
        expect(latest?.relays.map(({ status }) => status === 'silent')).toEqual([false, false])
        expect(latest?.sessions).toHaveLength(8)
      },
      { timeout: 15_000, interval: 50 },
    )
  await shows(true)
  const users = new Set(latest?.sessions.map(({ user }) => user))
  await redis.kill()
  await shows(false)
  // The key of the pseudonyms is kept, so nobody gets another name in the middle of an incident.
  expect(new Set(latest?.sessions.map(({ user }) => user))).toEqual(users)
  await redis.restart()
  await shows(true)
  for (const client of clients) client.close()
  await command.stop()
  await reading
}, 90_000)
