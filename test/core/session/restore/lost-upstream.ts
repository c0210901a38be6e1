// Plays what follows the loss of an upstream in a playbook: the loss itself, and a new leg that takes everything it is told.
import type { JsonObject, RealtimeEvent } from '../../../../src/core/protocol/events.js'
import type { Said } from '../../../../src/core/session/restore/cut.js'
import { type Play, play, updated } from '../../../support/playbook.js'

export const RECONNECT_MS = 10_000

export function restorable(change: Parameters<typeof play>[0] = {}): Play {
  return play({ ...change, limits: { ...change.limits, reconnectMs: RECONNECT_MS } as never })
}

export function lose(p: Play, said: readonly Said[] = [], code = 1006): readonly string[] {
  return p.feed({ type: 'upstream.closed', leg: p.state.upstream.leg, code, said })
}

export interface NewLeg {
  /** What happened, step by step, from the new socket on. */
  readonly lines: readonly string[]
  /** The items that it was told. */
  readonly items: readonly JsonObject[]
}

/** The new leg is opened, configured and told the conversation. Its session calls itself as the first did. */
export function comesBack(p: Play): NewLeg {
  const before = p.allTo('upstream').length
  const lines = [...p.feed({ type: 'upstream.opened', leg: p.state.upstream.leg, privateWords: [] })]
  lines.push(...p.upstream({ type: 'session.created', event_id: 'e', session: { type: 'realtime', id: 'sess_2' } }))
  lines.push(...p.upstream(updated(p.state.profile)))
  const items: JsonObject[] = []
  for (const event of p.allTo('upstream').slice(before)) if (event.type === 'conversation.item.create' && p.state.restore) items.push(event.item as JsonObject)
  for (const [at, item] of items.entries()) lines.push(...echo(p, item, at === 0 ? null : String(items[at - 1]?.id)))
  return { lines, items }
}

/** As the service announces an item that it was given. */
export function echo(p: Play, item: JsonObject, previous: string | null = null): readonly string[] {
  const shown = { status: 'completed', ...item }
  const lines = [...p.upstream({ type: 'conversation.item.added', event_id: 'e', previous_item_id: previous, item: shown })]
  return [...lines, ...p.upstream({ type: 'conversation.item.done', event_id: 'e', previous_item_id: previous, item: shown })]
}

export const typesTo = (p: Play, side: 'client' | 'upstream', from: number): readonly string[] =>
  p
    .allTo(side)
    .slice(from)
    .map((event: RealtimeEvent) => event.type)
