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

/**
 * The new leg is opened, configured and told the conversation. Its session calls itself as the first did. `audio`: of the session in force, if anybody
 * speaks. `heard`: the items of turns that it was told as sound.
 */
export function comesBack(p: Play, audio?: JsonObject): NewLeg & { readonly heard: readonly string[] } {
  const before = p.allTo('upstream').length
  const inForce = updated(p.state.profile)
  const session = { ...(inForce.session as JsonObject), ...(audio && { audio }) }
  const lines = [...p.feed({ type: 'upstream.opened', leg: p.state.upstream.leg, privateWords: [] })]
  lines.push(...p.upstream({ type: 'session.created', event_id: 'e', session: { type: 'realtime', id: 'sess_2' } }))
  lines.push(...p.upstream({ ...inForce, session }))
  const told = p.state.restore ? p.allTo('upstream').slice(before + 1) : []
  const items: JsonObject[] = []
  const heard: string[] = []
  let last: string | null = null
  for (const event of told) {
    if (event.type === 'session.update') lines.push(...p.upstream({ ...inForce, session }))
    else if (event.type === 'conversation.item.create') {
      lines.push(...echo(p, event.item as JsonObject, last))
      items.push(event.item as JsonObject)
      last = String(items.at(-1)?.id)
    } else if (event.type === 'input_audio_buffer.commit') {
      const id = `heard_${heard.push('')}`
      heard[heard.length - 1] = id
      lines.push(...p.upstream({ type: 'input_audio_buffer.committed', event_id: 'e', previous_item_id: null, item_id: id }))
      lines.push(...echo(p, { id, type: 'message', role: 'user', content: [{ type: 'input_audio', transcript: null }] }, last))
      last = id
    }
  }
  return { lines, items, heard }
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
