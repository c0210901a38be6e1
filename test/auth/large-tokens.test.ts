// The largest tokens that identity providers give, along every way that a client may send them, into a running relay.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAX_HEAD_BYTES, MAX_TOKEN_BYTES } from '../../src/core/protocol/credentials.js'
import { readDocument } from '../docs/documents.js'
import { connectClient, Refused } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

let running: RunningRelay
beforeAll(async () => {
  running = await runRelay({ env: { ALLOW_QUERY_TOKEN: 'true' } })
})
afterAll(() => running.close())

/** As Entra ID writes them: an id for each group, 200 at most. Source: its documentation of the `groups` claim. */
const groups = (count: number) => ({
  groups: Array.from({ length: count }, (_, index) => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`),
  relayEvents: true,
})

async function answer(way: (token: string) => { path?: string; headers?: Record<string, string>; protocols?: string[] }, token: string): Promise<string> {
  const { path = '/v1/realtime', headers = {}, protocols = [] } = way(token)
  try {
    const client = await connectClient(`${running.wsUrl}${path}`, '', { headers: { authorization: '', ...headers }, protocols })
    await client.next('session.created')
    client.close()
    return 'in'
  } catch (error) {
    return error instanceof Refused ? String(error.status) : String(error)
  }
}

const WAYS: readonly (readonly [string, (token: string) => { path?: string; headers?: Record<string, string>; protocols?: string[] }])[] = [
  ['Authorization', (token) => ({ headers: { authorization: `Bearer ${token}` } })],
  ['api-key', (token) => ({ headers: { 'api-key': token } })],
  ['a subprotocol', (token) => ({ protocols: ['realtime', `openai-insecure-api-key.${token}`, 'openai-beta.realtime-v1'] })],
  ['the query', (token) => ({ path: `/v1/realtime?access_token=${token}` })],
]

describe.each(WAYS)('in %s', (_name, way) => {
  it('a token with 200 groups is taken', async () => {
    const token = await running.token('alice', groups(200))
    expect(token.length).toBeGreaterThan(10_000)
    expect(await answer(way, token)).toBe('in')
  })

  it('a token of the greatest length is taken, and one that is longer is refused as any bad token', async () => {
    const sized = async (length: number) => {
      const bare = (await running.token('alice', { pad: '' })).length
      for (let pad = Math.floor(((length - bare) * 3) / 4) - 4; ; pad++) {
        const token = await running.token('alice', { pad: 'p'.repeat(pad) })
        if (token.length >= length) return token
      }
    }
    const longest = await sized(MAX_TOKEN_BYTES - 2)
    expect(longest.length).toBeLessThanOrEqual(MAX_TOKEN_BYTES)
    expect(await answer(way, longest)).toBe('in')
    expect(await answer(way, await sized(MAX_TOKEN_BYTES + 1))).toBe('401')
  })
})

it('a session is carried on by a token as large as the one that opened it', async () => {
  const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('alice', groups(200)))
  await client.next('session.created')
  client.send({ type: 'relay.token.refresh', token: await running.token('alice', groups(199), 900) })
  await client.next('relay.token.refreshed')
  client.close()
})

it('the quota is told for it as well', async () => {
  const token = await running.token('alice', groups(200))
  const response = await fetch(`${running.wsUrl.replace('ws:', 'http:')}/v1/quota`, { headers: { authorization: `Bearer ${token}` } })
  expect(response.status).toBe(200)
})

it('the documents name the limits in force', () => {
  expect(readDocument('deploy/configuration.md')).toContain(`A token may have ${MAX_TOKEN_BYTES / 1024} KiB, a request's head ${MAX_HEAD_BYTES / 1024} KiB`)
})
