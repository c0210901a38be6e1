// The order of items under fuzz: whatever is put in between, hidden or deleted, a link that was mended names a visible item that is there: the nearest before.
import { describe, expect, it } from 'vitest'
import type { RealtimeEvent } from '../../src/core/protocol/events.js'
import { ev, type Play, play } from '../support/playbook.js'
import { fc } from '../support/property.js'
import { PATIENCE, RUNS } from './runs.js'

type Move =
  | { readonly do: 'insert'; readonly hidden: boolean; readonly at: number; readonly early: boolean }
  | { readonly do: 'delete' | 'repeat' | 'retrieve' | 'commit'; readonly at: number }

const at = fc.nat({ max: 1000 })
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('insert' as const), hidden: fc.boolean(), at, early: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'delete' as const, 'repeat' as const, 'retrieve' as const, 'commit' as const), at }) },
)

interface Item {
  readonly id: string
  readonly hidden: boolean
  /** As the service said it when the item came. */
  readonly previous: string | null
}

const asUpstream = ({ id, hidden }: Item): object =>
  hidden
    ? { id, type: 'function_call', status: 'completed', name: 'get_weather', call_id: `call_${id}`, arguments: '{}' }
    : { id, type: 'message', role: 'user', status: 'completed', content: [] }

/** The service: its items in order, and every item that ever was. */
function service(p: Play) {
  const order: Item[] = []
  const known = new Map<string, Item>()
  const visibleBefore = (place: number) => order.slice(0, place).findLast((one) => !one.hidden)?.id ?? null
  const say = (event: object): RealtimeEvent | undefined => {
    const before = p.allTo('client').length
    p.upstream(event)
    return p.allTo('client')[before]
  }
  const link = (event: RealtimeEvent | undefined) => event?.previous_item_id

  return {
    make(move: Move): void {
      if (move.do === 'insert') {
        // An item at the very start of a conversation that has others is one that the service never announces after them.
        const place = order.length === 0 ? 0 : 1 + (move.at % order.length)
        const item: Item = { id: `i${known.size}`, hidden: move.hidden, previous: order[place - 1]?.id ?? null }
        order.splice(place, 0, item)
        known.set(item.id, item)
        // The response may show a call before the conversation has it.
        if (item.hidden && move.early) p.upstream(ev.itemAdded('r', asUpstream(item)))
        const shown = say(ev.added(asUpstream(item), item.previous))
        if (item.hidden) expect(shown).toBeUndefined()
        else expect(link(shown)).toBe(visibleBefore(place))
        return
      }
      const item = order[move.at % Math.max(1, order.length)]
      if (!item) return
      const place = order.indexOf(item)
      if (move.do === 'delete') {
        order.splice(place, 1)
        const shown = say({ type: 'conversation.item.deleted', event_id: 'x', item_id: item.id })
        expect(shown?.item_id).toBe(item.hidden ? undefined : item.id)
      } else if (move.do === 'commit') {
        const turn: Item = { id: `i${known.size}`, hidden: false, previous: order.at(-1)?.id ?? null }
        order.push(turn)
        known.set(turn.id, turn)
        expect(link(say({ type: 'input_audio_buffer.committed', event_id: 'x', previous_item_id: turn.previous, item_id: turn.id }))).toBe(visibleBefore(order.length - 1))
        expect(link(say(ev.added(asUpstream(turn), turn.previous)))).toBe(visibleBefore(order.length - 1))
      } else {
        const type = move.do === 'repeat' ? 'conversation.item.done' : 'conversation.item.retrieved'
        const shown = say({ type, event_id: 'x', ...(move.do === 'repeat' && { previous_item_id: item.previous }), item: asUpstream(item) })
        if (item.hidden) return expect(shown).toBeUndefined()
        const named = link(shown)
        // The service's own word about a visible item stays its own; what the relay made of it is there and visible.
        if (typeof named !== 'string' || named === item.previous) return
        expect(order.filter((one) => !one.hidden).map(({ id }) => id)).toContain(named)
      }
    },
    /** A new item behind every item. */
    probeAll(): void {
      for (let n = order.length; n > 0; n--) this.make({ do: 'insert', hidden: false, at: n - 1, early: false })
    },
  }
}

describe('items under fuzz', () => {
  it(
    'have links that name the nearest visible item, never a hidden or deleted one',
    () => {
      fc.assert(
        fc.property(fc.array(move, { minLength: 2, maxLength: 40 }), (moves) => {
          const upstream = service(play({ limits: { toolCallsPerMinute: 1e6 } as never }))
          for (const one of moves) upstream.make(one)
          upstream.probeAll()
        }),
        RUNS,
      )
    },
    PATIENCE,
  )
})
