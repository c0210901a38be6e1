// What instances tell each other of a call: once, sealed, and readable for whoever has one of the auth tokens.
import { describe, expect, it } from 'vitest'
import { createParcels } from '../../../../src/ingress/phone/twilio/parcels.js'
import type { CallTickets } from '../../../../src/ports/call-records.js'
import { createMemoryTickets } from '../../../../src/store/memory/tickets.js'

const [OLD, NEW] = ['a'.repeat(32), 'b'.repeat(32)]
const CALL = 'AC1/CA1'

describe('parcels', () => {
  it('are taken once, and the later one counts', async () => {
    const parcels = createParcels(createMemoryTickets(Date.now), [NEW], 60_000)
    expect(await parcels.takeNext(CALL)).toBeUndefined()
    await parcels.keepNext(CALL, { type: 'again' })
    await parcels.keepNext(CALL, { type: 'transfer', target: '+14155550123' })
    expect(await parcels.takeNext('AC1/CA2')).toBeUndefined()
    expect(await parcels.takeNext(CALL)).toEqual({ type: 'transfer', target: '+14155550123' })
    expect(await parcels.takeNext(CALL)).toBeUndefined()
    await parcels.keepNext(CALL, { type: 'again' })
    expect(await parcels.takeNext(CALL)).toEqual({ type: 'again' })
    await parcels.sayTransferred(CALL)
    expect([await parcels.wasTransferred(CALL), await parcels.wasTransferred(CALL)]).toEqual([true, false])
  })

  it('last as long as the longest call and an hour, and answers a minute', async () => {
    let now = 0
    const parcels = createParcels(
      createMemoryTickets(() => now),
      [NEW],
      60_000,
    )
    await parcels.keepNext(CALL, { type: 'again' })
    await parcels.keepAnswer(CALL, '<Response/>')
    now = 59_999
    expect(await parcels.takeAnswer(CALL)).toBe('<Response/>')
    await parcels.keepAnswer(CALL, '<Response/>')
    now += 60_000
    expect(await parcels.takeAnswer(CALL)).toBeUndefined()
    now = 3_659_999
    expect(await parcels.takeNext(CALL)).toEqual({ type: 'again' })
    await parcels.keepNext(CALL, { type: 'again' })
    now += 3_660_000
    expect(await parcels.takeNext(CALL)).toBeUndefined()
  })

  it('can be read with either token while both are in force, and with no other', async () => {
    const tickets = createMemoryTickets(Date.now)
    const both = createParcels(tickets, [OLD, NEW], 60_000)
    for (const token of [OLD, NEW]) {
      await both.keepAnswer(CALL, 'x')
      expect(await createParcels(tickets, [token], 60_000).takeAnswer(CALL)).toBe('x')
      await createParcels(tickets, [token], 60_000).keepAnswer(CALL, 'y')
      expect(await both.takeAnswer(CALL)).toBe('y')
    }
    await both.keepAnswer(CALL, 'x')
    expect(await createParcels(tickets, ['c'.repeat(32)], 60_000).takeAnswer(CALL)).toBeUndefined()
  })

  it('show the store no call, no number, no ticket and no token', async () => {
    const seen: string[] = []
    const store: CallTickets = {
      keep: async (name, sealed) => void seen.push(name, sealed.toString('latin1'), sealed.toString('hex')),
      take: async () => undefined,
      has: async () => false,
    }
    const parcels = createParcels(store, [OLD, NEW], 60_000)
    await parcels.keepNext(CALL, { type: 'transfer', target: '+14155550123' })
    await parcels.keepAnswer(CALL, 'one-time-ticket')
    const all = seen.join('\n')
    for (const secret of ['CA1', '14155550123', 'one-time-ticket', OLD, NEW]) expect(all).not.toContain(secret)
    expect(seen[0]).toMatch(/^[0-9a-f]{64}$/)
    expect(seen[0]).not.toBe(seen[3])
  })
})
