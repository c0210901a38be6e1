// What every SessionLeases must do: give each subject its places and no more.
import { describe, expect, it } from 'vitest'
import { eventually, type MakeHarness, storeLab } from './lab.js'

export function leasesContract(name: string, makeHarness: MakeHarness): void {
  describe(`SessionLeases contract: ${name}`, () => {
    const lab = storeLab(makeHarness)

    it('gives at most `max` places and takes each back once', async () => {
      const first = await lab.store.leases.lease('alice', 's1', 2)
      const second = await lab.store.leases.lease('alice', 's2', 2)
      expect([first, second]).toEqual([expect.anything(), expect.anything()])
      expect(await lab.store.leases.lease('alice', 's3', 2)).toBeUndefined()
      expect(await lab.store.leases.lease('bob', 's4', 2)).toBeDefined()
      first?.release()
      first?.release()
      await eventually(async () => expect(await lab.store.leases.lease('alice', 's5', 2)).toBeDefined())
      expect(await lab.store.leases.lease('alice', 's6', 2)).toBeUndefined()
    })

    it('gives no place if none is allowed, and one session only one place', async () => {
      expect(await lab.store.leases.lease('alice', 's1', 0)).toBeUndefined()
      expect(await lab.store.leases.lease('alice', 's1', 1)).toBeDefined()
      expect(await lab.store.leases.lease('alice', 's1', 1)).toBeDefined()
      expect(await lab.store.leases.lease('alice', 's2', 1)).toBeUndefined()
    })

    it('keeps the places of similar subjects apart', async () => {
      const subjects = ['a', 'a}', '{a', 'a:b', '%7Ba', 'a%', '\ud800', '\udfff', '\ufffd', 'a\u0000', 'é', 'e\u0301']
      for (const subject of subjects) expect(await lab.store.leases.lease(subject, 's', 1), JSON.stringify(subject)).toBeDefined()
      for (const subject of subjects) expect(await lab.store.leases.lease(subject, 'other', 1), JSON.stringify(subject)).toBeUndefined()
    })
  })
}
