// How many calls of the client's own a session remembers.
import { describe, expect, it } from 'vitest'
import { addClientCallItem, isClientCallItem, noItems } from '../../../../src/core/session/items.js'
import { addClientCall, answerClientCall, noCalls, type ToolCalls } from '../../../../src/core/session/tools/ledger.js'

const calls = (count: number): ToolCalls => Array.from({ length: count }, (_, n) => `call-${n}`).reduce((all, id) => addClientCall(all, id, 'response'), noCalls)

describe('calls of the client’s own', () => {
  it('are remembered up to a bound, the latest ones', () => {
    const ids = calls(200).client.map(({ callId }) => callId)
    expect([ids.length, ids[0], ids.at(-1)]).toEqual([128, 'call-72', 'call-199'])
  })

  it('are forgotten once they are answered, before any that waits', () => {
    const answered = answerClientCall(calls(128), 'call-5')
    const { client } = addClientCall(answered, 'call-128', 'response')
    expect([client.length, client[0]?.callId, client.some(({ callId }) => callId === 'call-5')]).toEqual([128, 'call-0', false])
  })

  it('have as many items', () => {
    const items = Array.from({ length: 200 }, (_, n) => `item-${n}`).reduce(addClientCallItem, noItems)
    expect([items.clientCallItems.length, isClientCallItem(items, 'item-71'), isClientCallItem(items, 'item-72')]).toEqual([128, false, true])
  })
})
