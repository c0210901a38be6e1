// A new token within a session: through the authenticator and the revocations, into the session's life, and on whose revocation it ends.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { RefusalError } from '../../src/core/protocol/errors.js'
import type { Identity } from '../../src/ports/caller.js'
import { type Lab, NOW, openLab } from '../support/relay-lab.js'

afterEach(() => vi.useRealTimers())

const identity = (change: Partial<Identity> = {}): Identity => ({ subject: 'alice', issuer: undefined, tokenId: 'token-2', expiresAtMs: NOW + 7_200_000, claims: {}, ...change })
const refresh = { type: 'relay.token.refresh', event_id: 'c1', token: 'canary.new.token' }

async function refreshLab(options: Parameters<typeof openLab>[0] = {}): Promise<Lab> {
  const lab = openLab({ ...options, profile: { relayEvents: true, limits: { maxSessionMs: 1e9, idleTimeoutMs: 1e9 } as never } })
  await lab.live()
  return lab
}

describe('a token refresh', () => {
  it('carries the session past the end of its first token', async () => {
    const tokens: string[] = []
    const verify = async (token: string) => {
      tokens.push(token)
      return identity()
    }
    const lab = await refreshLab({ verify })
    await lab.pass(3_600_000 - 60_000)
    expect(await lab.client.hear()).toMatchObject({ type: 'relay.token.expiring', expires_at: (NOW + 3_600_000) / 1000 })
    lab.client.say(refresh)
    expect(await lab.client.hear()).toMatchObject({ type: 'relay.token.refreshed', expires_at: (NOW + 7_200_000) / 1000 })
    expect(tokens).toEqual(['canary.new.token'])
    await lab.pass(120_000)
    expect(lab.ended()).toBe(0)
    await lab.pass(3_600_000)
    expect((await lab.client.closed).code).toBe(4401)
    expect((await lab.upstream.rest()).join()).not.toContain('canary')
    expect(JSON.stringify(lab.notes)).not.toContain('canary')
  })

  it('is asked for in the preview dialect alike', async () => {
    const lab = await refreshLab({ clientDialect: 'preview', verify: async () => identity() })
    lab.client.say(refresh)
    expect(await lab.client.hear()).toMatchObject({ type: 'relay.token.refreshed' })
  })

  it('moves the session to the new token: revoking the old one no longer ends it', async () => {
    const lab = await refreshLab({ verify: async () => identity() })
    lab.client.say(refresh)
    await lab.client.hear()
    lab.revoke({ tokenId: 'token-1' })
    await lab.pass(1000)
    expect(lab.ended()).toBe(0)
    lab.revoke({ tokenId: 'token-2' })
    expect(await lab.client.hear()).toMatchObject({ type: 'error', error: { code: 'unauthenticated' } })
    expect((await lab.client.closed).code).toBe(4401)
  })

  it('that was refused leaves the session on the old token', async () => {
    const lab = await refreshLab({ verify: async () => identity({ subject: 'mallory' }) })
    lab.client.say(refresh)
    expect(await lab.client.hear()).toMatchObject({ type: 'error', error: { code: 'forbidden', event_id: 'c1' } })
    lab.revoke({ tokenId: 'token-2' })
    await lab.pass(1000)
    expect(lab.ended()).toBe(0)
    lab.revoke({ tokenId: 'token-1' })
    expect((await lab.client.closed).code).toBe(4401)
  })

  it.each([
    ['revoked', { verify: async () => identity(), isRevoked: () => true }, 'unauthenticated'],
    ['refused by the authenticator', { verify: () => Promise.reject(new RefusalError('unauthenticated', 'expired')) }, 'unauthenticated'],
    ['not verifiable', { verify: () => Promise.reject(new Error('secret host is down')) }, 'internal'],
    [
      'verified, and the revocations cannot be asked',
      {
        verify: async () => identity(),
        isRevoked: () => {
          throw new Error('secret store is down')
        },
      },
      'internal',
    ],
  ])('of a token that is %s is answered with an error in our own words', async (_, options, code) => {
    const lab = await refreshLab(options)
    lab.client.say(refresh)
    const answer = await lab.client.hear()
    expect(answer).toMatchObject({ type: 'error', error: { code, param: 'token', event_id: 'c1' } })
    expect(JSON.stringify(answer)).not.toContain('secret')
    expect(lab.ended()).toBe(0)
  })

  it('of a token that is revoked while it is checked is refused', async () => {
    const known = new Set<string | undefined>()
    const isRevoked = () => {
      known.add('token-2')
      return false
    }
    const lab = await refreshLab({ verify: async () => identity(), isRevoked, isKnown: ({ tokenId }) => known.has(tokenId) })
    lab.client.say(refresh)
    expect(await lab.client.hear()).toMatchObject({ type: 'error', error: { code: 'unauthenticated', param: 'token' } })
  })

  it('answered after the client has left does nothing', async () => {
    let answer: (identity: Identity) => void = () => {}
    const lab = await refreshLab({ verify: () => new Promise((resolve) => (answer = resolve)) })
    lab.client.say(refresh)
    await lab.upstream.rest()
    lab.client.close(1000)
    await lab.upstream.closed
    answer(identity())
    expect(await lab.client.rest()).toEqual([])
    expect(lab.ended()).toBe(1)
  })

  it('is not hurried by a wall clock that jumps, and shows the time the token says', async () => {
    let wall = NOW
    const lab = await refreshLab({ wall: () => wall, verify: async () => identity({ expiresAtMs: wall + 600_000 }) })
    wall += 86_400_000
    await lab.pass(3_600_000 - 60_000)
    expect(await lab.client.hear()).toMatchObject({ type: 'relay.token.expiring', expires_at: (NOW + 3_600_000) / 1000 })
    lab.client.say(refresh)
    expect(await lab.client.hear()).toMatchObject({ type: 'relay.token.refreshed', expires_at: (wall + 600_000) / 1000 })
    await lab.pass(540_000)
    expect(await lab.client.hear()).toMatchObject({ type: 'relay.token.expiring' })
    expect(lab.ended()).toBe(0)
    await lab.pass(60_000)
    expect((await lab.client.closed).code).toBe(4401)
  })
})
