// What every Revocations must do: refuse until the end, and call every listener once.
import { describe, expect, it } from 'vitest'
import type { Identity } from '../../../src/ports/caller.js'
import { eventually, type MakeHarness, storeLab, T } from './lab.js'

export function revocationsContract(name: string, makeHarness: MakeHarness): void {
  describe(`Revocations contract: ${name}`, () => {
    const lab = storeLab(makeHarness)

    const identity = (subject: string, tokenId?: string): Identity => ({ subject, tokenId, issuer: undefined, expiresAtMs: T + 60_000, claims: {} })

    it('refuses a token or a subject until the end of its revocation', async () => {
      expect(await lab.store.revocations.isRevoked(identity('alice', 't1'))).toBe(false)
      await lab.store.revocations.revoke({ tokenId: 't1' }, T + 1_000)
      await lab.store.revocations.revoke({ subject: 'bob' }, T + 2_000)
      expect(lab.store.revocations.isKnown({ subject: 'alice', tokenId: 't1' })).toBe(true)
      expect(lab.store.revocations.isKnown({ subject: 'alice', tokenId: undefined })).toBe(false)
      expect(lab.store.revocations.isKnown({ subject: 'bob', tokenId: undefined })).toBe(true)
      expect(await lab.store.revocations.isRevoked(identity('alice', 't1'))).toBe(true)
      expect(await lab.store.revocations.isRevoked(identity('alice', 't2'))).toBe(false)
      expect(await lab.store.revocations.isRevoked(identity('bob'))).toBe(true)
      expect(await lab.store.revocations.isRevoked(identity('t1', 'bob')), 'a subject is no token id').toBe(false)
      lab.now += 1_000
      expect(await lab.store.revocations.isRevoked(identity('alice', 't1'))).toBe(false)
      expect(await lab.store.revocations.isRevoked(identity('bob', 't1'))).toBe(true)
    })

    it('never shortens a revocation', async () => {
      await lab.store.revocations.revoke({ subject: 'alice' }, T + 5_000)
      await lab.store.revocations.revoke({ subject: 'alice' }, T + 1_000)
      lab.now += 2_000
      expect(await lab.store.revocations.isRevoked(identity('alice'))).toBe(true)
    })

    it('calls every listener once, even if another listener throws', async () => {
      const heard: unknown[] = []
      lab.store.revocations.onRevoked(() => {
        throw new Error('a listener that fails')
      })
      lab.store.revocations.onRevoked((revoked) => void heard.push(revoked))
      await lab.store.revocations.revoke({ tokenId: 't1', subject: 'alice' }, T + 1_000)
      await eventually(async () => expect(heard).toEqual([{ tokenId: 't1' }, { subject: 'alice' }]))
    })

    it('rejects an end that is not a finite number', async () => {
      await expect(lab.store.revocations.revoke({ subject: 'alice' }, Number.NaN)).rejects.toThrow(TypeError)
    })
  })
}
