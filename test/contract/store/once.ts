// What every Once must do: one of many that ask for a name is the first, until its time is over.
import { describe, expect, it } from 'vitest'
import { eventually, type MakeHarness, storeLab } from './lab.js'

export function onceContract(name: string, makeHarness: MakeHarness): void {
  describe(`Once contract: ${name}`, () => {
    const lab = storeLab(makeHarness)

    it('is first once by name', async () => {
      const { once } = lab.store
      expect([await once.isFirst('a', 60_000), await once.isFirst('a', 60_000), await once.isFirst('b', 60_000), await once.isFirst('a', 1)]).toEqual([true, false, true, false])
    })

    it('is first again after its time', async () => {
      const { once } = lab.store
      expect(await once.isFirst('a', 40)).toBe(true)
      expect(await once.isFirst('a', 60_000)).toBe(false)
      // Redis has a clock of its own, and asking too early may be remembered for as long as was asked.
      await eventually(async () => {
        lab.now += 40
        expect(await once.isFirst('a', 40)).toBe(true)
      })
      expect(await once.isFirst('a', 60_000)).toBe(false)
    })

    it('two stores over the same data: one of them is first', async () => {
      if (!lab.harness.shared) return
      const other = await lab.harness.open(() => lab.now)
      try {
        const all = await Promise.all([lab.store.once.isFirst('a', 60_000), other.once.isFirst('a', 60_000), lab.store.once.isFirst('a', 60_000)])
        expect(all.filter((first) => first)).toHaveLength(1)
      } finally {
        await other.close(1_000)
      }
    })
  })
}
