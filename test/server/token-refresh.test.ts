// A call that outlives its token, over real sockets and real time: the notice, the refresh, and the end of a call that was not refreshed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectClient } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

let running: RunningRelay
beforeAll(async () => {
  running = await runRelay({ env: { JWT_CLOCK_TOLERANCE_S: '0' } })
})
afterAll(() => running.close())

const CLAIMS = { relayEvents: true }
const open = async (subject: string, ttlSeconds: number, claims: object = CLAIMS) =>
  connectClient(`${running.wsUrl}/v1/realtime`, await running.token(subject, claims as Record<string, unknown>, ttlSeconds))

describe('a token that expires in the call', () => {
  it('is announced, and a new token continues the call', async () => {
    const [refreshed, left] = await Promise.all([open('alice', 3), open('bob', 3)])
    const expiring = await refreshed.next('relay.token.expiring')
    expect(Number(expiring.expires_at) * 1000).toBeGreaterThan(Date.now())
    refreshed.send({ type: 'relay.token.refresh', event_id: 'mine', token: await running.token('bob') })
    expect(await refreshed.next('error')).toMatchObject({ error: { code: 'forbidden', event_id: 'mine' } })
    refreshed.send({ type: 'relay.token.refresh', token: await running.token('alice', {}, 600) })
    const answer = await refreshed.next('relay.token.refreshed')
    expect(Number(answer.expires_at)).toBeGreaterThan(Number(expiring.expires_at) + 500)

    const { code, reason } = await left.closed()
    expect([code, reason]).toEqual([4401, 'unauthenticated: new_token'])
    expect(left.events.at(-1)).toMatchObject({ type: 'error', error: { code: 'unauthenticated' } })
    expect((await refreshed.ask('Still there?')).at(-1)).toMatchObject({ type: 'response.done' })
    refreshed.close()
  })

  it('is neither announced to a client that did not ask for it, nor can that client refresh it', async () => {
    const client = await open('carol', 2, {})
    await client.next('session.created')
    client.send({ type: 'relay.token.refresh', token: await running.token('carol') })
    expect(await client.next('error')).toMatchObject({ error: { code: 'event_not_allowed' } })
    expect((await client.closed()).code).toBe(4401)
    expect(client.events.filter(({ type }) => type.startsWith('relay.'))).toEqual([])
  })
})
