// What every CallRecords and CallTickets must do: no call without an owner for long, none with two, and each ticket once.
import { describe, expect, it } from 'vitest'
import type { CallRecord } from '../../../src/ports/call-records.js'
import { eventually, type MakeHarness, storeLab, T } from './lab.js'

const record = (id: string, rest: Partial<CallRecord> = {}): CallRecord => ({
  id,
  placed: { callId: `rtc_up_${id}`, upstream: 'azure one' },
  caller: 'digest',
  since: T,
  sealed: 'c2VhbGVk',
  ...rest,
})
const LEASE_MS = 6_000

export function callsContract(name: string, makeHarness: MakeHarness): void {
  describe(`CallRecords contract: ${name}`, () => {
    const lab = storeLab(makeHarness)

    it('has a call from when it was added until it is removed', async () => {
      const { calls } = lab.store
      await calls.add(record('rtc_1'))
      expect(await calls.find('rtc_1')).toEqual(record('rtc_1'))
      expect(await calls.find('rtc_2')).toBeUndefined()
      await calls.remove('rtc_1')
      await calls.remove('rtc_1')
      expect(await calls.find('rtc_1')).toBeUndefined()
      expect(await calls.renew()).toEqual([])
    })

    it('lets nobody adopt a call that has an owner', async () => {
      const { calls } = lab.store
      await calls.add(record('rtc_1'))
      lab.now += LEASE_MS - 1
      expect(await calls.adopt(10)).toEqual([])
    })

    it('gives a released call to one who asks, once', async () => {
      const { calls } = lab.store
      await calls.add(record('rtc_1', { sealed: '' }))
      await calls.add(record('rtc_2'))
      await calls.release('rtc_1')
      await calls.release('rtc_9')
      expect([await calls.holds('rtc_1'), await calls.holds('rtc_2')]).toEqual([false, true])
      expect(await calls.adopt(10)).toEqual([record('rtc_1', { sealed: '' })])
      expect(await calls.adopt(10)).toEqual([])
      await calls.release('rtc_1')
      expect(await calls.adopt(10)).toHaveLength(1)
    })

    it('gives no more than were asked for', async () => {
      const { calls } = lab.store
      for (const id of ['rtc_1', 'rtc_2', 'rtc_3']) {
        await calls.add(record(id))
        await calls.release(id)
      }
      expect(await calls.adopt(2)).toHaveLength(2)
      expect(await calls.adopt(2)).toHaveLength(1)
    })

    it('two stores over the same data: the calls of one that falls silent go to the other, and it is told', async () => {
      if (!lab.harness.shared) return
      const other = await lab.harness.open(() => lab.now)
      try {
        await lab.store.calls.add(record('rtc_1'))
        await lab.store.calls.add(record('rtc_2'))
        expect(await other.calls.find('rtc_1')).toEqual(record('rtc_1'))
        lab.now += LEASE_MS - 1
        expect(await lab.store.calls.renew()).toEqual([])
        lab.now += LEASE_MS - 1
        expect(await other.calls.adopt(10)).toEqual([])
        lab.now += 1
        expect((await other.calls.adopt(1)).map(({ id }) => id)).toEqual(['rtc_1'])
        expect(await Promise.all(['rtc_1', 'rtc_2', 'rtc_9'].map((id) => lab.store.calls.holds(id)))).toEqual([false, true, true])
        expect(await other.calls.holds('rtc_1')).toBe(true)
        expect(await lab.store.calls.renew()).toEqual(['rtc_1'])
        // What it no longer has it neither keeps nor gives away.
        await lab.store.calls.release('rtc_1')
        expect(await lab.store.calls.renew()).toEqual([])
        expect(await other.calls.adopt(10)).toEqual([])
        await other.calls.remove('rtc_2')
        expect(await lab.store.calls.find('rtc_2')).toBeUndefined()
      } finally {
        await other.close(1_000)
      }
    })

    it('gives one call by its id, only if it has no owner', async () => {
      const { calls } = lab.store
      await calls.add(record('rtc_1'))
      expect(await calls.take('rtc_1')).toBeUndefined()
      expect(await calls.take('rtc_9')).toBeUndefined()
      await calls.release('rtc_1')
      expect(await calls.take('rtc_1')).toEqual(record('rtc_1'))
      expect(await calls.take('rtc_1')).toBeUndefined()
      expect(await calls.ask('rtc_9')).toBe(false)
    })

    it('two stores over the same data: one asks for a call of the other, which hears it', async () => {
      if (!lab.harness.shared) return
      const other = await lab.harness.open(() => lab.now)
      try {
        const asked: string[] = []
        lab.store.calls.onAsked((id) => asked.push(id))
        await lab.store.calls.add(record('rtc_1'))
        await eventually(async () => expect(await other.calls.ask('rtc_1')).toBe(true))
        await eventually(async () => expect(asked).toContain('rtc_1'))
        // What it has let go it is not asked for.
        await lab.store.calls.release('rtc_1')
        expect(await other.calls.ask('rtc_1')).toBe(true)
        expect(await other.calls.take('rtc_1')).toEqual(record('rtc_1'))
      } finally {
        await other.close(1_000)
      }
    })

    it('two stores that adopt at once share the calls out', async () => {
      if (!lab.harness.shared) return
      const other = await lab.harness.open(() => lab.now)
      try {
        const ids = Array.from({ length: 20 }, (_, index) => `rtc_${index}`)
        for (const id of ids) await lab.store.calls.add(record(id))
        for (const id of ids) await lab.store.calls.release(id)
        const taken = await Promise.all([lab.store.calls.adopt(20), other.calls.adopt(20), lab.store.calls.adopt(20)])
        expect(
          taken
            .flat()
            .map(({ id }) => id)
            .sort(),
        ).toEqual([...ids].sort())
      } finally {
        await other.close(1_000)
      }
    })
  })

  describe(`CallTickets contract: ${name}`, () => {
    const lab = storeLab(makeHarness)

    it('gives a ticket once, byte for byte', async () => {
      const sealed = Buffer.from([0, 255, 10, 13, 128])
      await lab.store.tickets.keep('name', sealed, 60_000)
      expect(await lab.store.tickets.take('other')).toBeUndefined()
      expect(await lab.store.tickets.take('name')).toEqual(sealed)
      expect(await lab.store.tickets.take('name')).toBeUndefined()
    })

    it('says whether a ticket waits, and leaves it there', async () => {
      const { tickets } = lab.store
      expect(await tickets.has('name')).toBe(false)
      await tickets.keep('name', Buffer.from('x'), 60_000)
      expect([await tickets.has('name'), await tickets.has('name')]).toEqual([true, true])
      await tickets.take('name')
      expect(await tickets.has('name')).toBe(false)
    })

    it('two stores over the same data: either has it, and only one of them', async () => {
      if (!lab.harness.shared) return
      const other = await lab.harness.open(() => lab.now)
      try {
        await lab.store.tickets.keep('name', Buffer.from('x'), 60_000)
        const taken = await Promise.all([lab.store.tickets.take('name'), other.tickets.take('name')])
        expect(taken.filter((one) => one !== undefined)).toHaveLength(1)
      } finally {
        await other.close(1_000)
      }
    })
  })
}
