// The two lists of a conversation are one list to whoever reads them: every change does to them what it does to a plain array.
import { describe, expect, it } from 'vitest'
import type { RealtimeEvent } from '../../../src/core/protocol/events.js'
import { noConversation, remembered } from '../../../src/core/session/conversation.js'
import { countOf, inserted, itemAt, itemsOf, type KeptItem, lastOf, placeOf, removed, replaced, splitItems } from '../../../src/core/session/kept-items.js'
import { fc } from '../../support/property.js'

const item = (id: string, text = ''): KeptItem => ({ id, type: 'message', role: 'user', text, callId: undefined, name: undefined, heardMs: undefined, done: true })
/** Places from the end, as nearly all are, and from the whole list. */
const back = fc.oneof(fc.nat(4), fc.nat(200))
const change = fc.record({ what: fc.constantFrom('insert', 'append', 'append', 'replace', 'remove'), back })
const start = fc.oneof(fc.nat(3), fc.nat(100))

describe('items in two lists', () => {
  it('are what a plain array would be', () => {
    const check = (count: number, changes: readonly { readonly what: string; readonly back: number }[]) => {
      let plain: readonly KeptItem[] = Array.from({ length: count }, (_, n) => item(`s${n}`))
      let kept = splitItems(plain)
      for (const [n, { what, back }] of changes.entries()) {
        const place = Math.max(0, plain.length - 1 - back)
        const before = kept
        if (what === 'insert' || what === 'append') {
          const at = what === 'append' ? plain.length : place
          plain = plain.toSpliced(at, 0, item(`n${n}`))
          kept = inserted(kept, at, item(`n${n}`))
        } else if (plain.length > 0) {
          plain = what === 'replace' ? plain.with(place, item(`r${n}`)) : plain.toSpliced(place, 1)
          kept = what === 'replace' ? replaced(kept, place, item(`r${n}`)) : removed(kept, place)
        }
        expect(itemsOf(kept)).toEqual(plain)
        expect(kept.recent.length).toBeLessThanOrEqual(32)
        // What does not change is shared, so that an event costs what it touches.
        if (what === 'replace' && place >= before.older.length) expect(kept.older).toBe(before.older)
      }
      expect([countOf(kept), lastOf(kept), itemAt(kept, -1), itemAt(kept, plain.length)]).toEqual([plain.length, plain.at(-1), undefined, undefined])
      for (const [place, one] of plain.entries()) expect([itemAt(kept, place), placeOf(kept, one.id)]).toEqual([one, place])
      expect(placeOf(kept, 'unknown')).toBe(-1)
    }
    fc.assert(fc.property(start, fc.array(change, { maxLength: 120 }), check))
  })

  it('are in the order that events tell, however long the conversation is', () => {
    const id = fc.nat(99).map((n) => `i${n}`)
    const told = fc.oneof(
      { weight: 6, arbitrary: fc.record({ type: fc.constant('conversation.item.added'), id, previous: fc.constant('last') }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('conversation.item.added', 'conversation.item.done', 'conversation.item.deleted'), id, previous: id }) },
    )
    const check = (events: readonly { readonly type: string; readonly id: string; readonly previous: string }[]) => {
      let plain: string[] = []
      let conversation = noConversation
      for (const one of events) {
        // No service announces an item anew behind another one.
        const previous = one.previous === 'last' ? (plain.at(-1) ?? null) : one.previous
        if (plain.includes(one.id) && previous === plain.at(-1) && previous !== one.id) continue
        const words = { id: one.id, type: 'message', role: 'user', content: [{ type: 'input_text', text: one.id }] }
        const event = { type: one.type, event_id: 'e', item_id: one.id, previous_item_id: previous, item: words } as unknown as RealtimeEvent
        if (one.type === 'conversation.item.deleted') plain = plain.filter((known) => known !== one.id)
        else if (one.type === 'conversation.item.added' && !plain.includes(one.id)) {
          const after = previous === null ? -1 : plain.indexOf(previous)
          plain = plain.toSpliced(after < 0 ? plain.length : after + 1, 0, one.id)
        }
        conversation = remembered(conversation, event)
        expect(itemsOf(conversation).map((kept) => kept.id)).toEqual(plain)
      }
      expect(conversation.size).toBe(itemsOf(conversation).reduce((sum, { text }) => sum + text.length + 200, 0))
    }
    fc.assert(fc.property(fc.array(told, { maxLength: 150 }), check))
  })
})
