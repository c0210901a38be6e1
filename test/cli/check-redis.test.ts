// What the command `check` says of a Redis that takes Entra ID tokens: the real command, a real Redis, and an endpoint as Azure gives one to its apps.
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand } from '../support/built-relay.js'
import { type IdentityEndpoint, startIdentityEndpoint } from '../support/identity-endpoint.js'
import { type OwnRedis, startRedis } from '../support/redis.js'

const IDENTITY = '6497c918-11ad-41e7-1b0f-7c518a87d0b0'
const TOKEN = 'canary-token-of-the-identity'
let server: OwnRedis
let endpoint: IdentityEndpoint

const redisLines = async (user: string) => {
  const { output } = await runCommand(['check'], {
    env: {
      ...endpoint.env,
      JWT_SECRET: 'a secret of this test, 32 bytes or more',
      AZURE_OPENAI_ENDPOINT: 'http://127.0.0.1:1',
      AZURE_OPENAI_DEPLOYMENT: 'voice',
      AZURE_OPENAI_API_KEY: 'key',
      REDIS_ENTRA: 'true',
      REDIS_URL: `redis://${user}@127.0.0.1:${server.port}`,
    },
  })
  expect(output).not.toContain(TOKEN)
  return output.split('\n').filter((_line, index, lines) => /^Redis /.test(lines[index] ?? '') || /^Redis .* down/.test(lines[index - 1] ?? ''))
}

beforeAll(async () => {
  ;[server, endpoint] = await Promise.all([startRedis(), startIdentityEndpoint(TOKEN)])
  const raw = new Redis(server.url)
  await raw.call('ACL', 'SETUSER', IDENTITY, 'on', `>${TOKEN}`, 'allkeys', 'allchannels', '+@all')
  await raw.call('ACL', 'SETUSER', 'default', 'off')
  raw.disconnect()
})
afterAll(async () => {
  await Promise.all([server.stop(), endpoint.stop()])
})

describe('check, of a Redis with Entra ID', { timeout: 60_000 }, () => {
  it('signs in as the identity', async () => {
    expect(await redisLines(IDENTITY)).toEqual([expect.stringMatching(new RegExp(`^Redis +ok +REDIS_URL: 127\\.0\\.0\\.1:${server.port} reached$`))])
    expect(endpoint.asked.map((url) => url.searchParams.get('resource'))).toContain('https://redis.azure.com')
  })

  it('says what to look at if Redis knows the identity not', async () => {
    const [line, advice] = await redisLines('somebody-else')
    expect(line).toMatch(/^Redis +down +REDIS_URL: 127\.0\.0\.1:\d+ accepts connections; redis refuses the credentials$/)
    expect(advice).toMatch(/→ Check that the identity may use this Redis, and that the user in REDIS_URL is its object id\.$/)
  })
})
