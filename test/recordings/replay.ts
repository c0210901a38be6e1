// Replays a recorded session through the whole relay: sends the upstream's lines unchanged, and checks the client's as they arrive upstream.
import { expect } from 'vitest'
import type { ToolOwner } from '../../src/core/policy/profile.js'
import type { DialectName } from '../../src/core/protocol/dialect.js'
import type { JsonObject, RealtimeEvent } from '../../src/core/protocol/events.js'
import { settle } from '../support/memory-link.js'
import { type Lab, openLab } from '../support/relay-lab.js'
import { profileOf, type RecordedLine, type Recording } from './recording.js'

export interface ReplayOptions {
  readonly owner: ToolOwner
  readonly clientDialect?: DialectName
  readonly upstreamDialect?: DialectName
  /** Our opening update, as the upstream reads it, beside the recorded client's. */
  readonly onUpdate: (update: RealtimeEvent, recorded: RealtimeEvent, lab: Lab) => void
  /** The client's `session.created` beside the recorded `session.updated`. */
  readonly onOpened: (created: RealtimeEvent, updated: RealtimeEvent) => void
}

export interface Replay {
  readonly lab: Lab
  /** What the upstream sent after the opening, as it sent it. */
  readonly sent: readonly string[]
  /** What the client saw after `session.created`. */
  readonly seen: readonly string[]
}

export async function replay(recording: Recording, options: ReplayOptions): Promise<Replay> {
  const { owner, clientDialect = 'ga', upstreamDialect = 'ga' } = options
  const lab = openLab({ profile: profileOf(recording, owner), clientDialect, upstreamDialect })
  const sent: string[] = []
  const seen: string[] = []
  const renamed = new Map<string, string>()
  let toolsDone = 0
  let followUp = false
  for (const { from, event } of recording.lines) {
    if (from === 'server') {
      const text = JSON.stringify(event, (_key, value) => (typeof value === 'string' ? (renamed.get(value) ?? value) : value))
      lab.upstream.send(text)
      if (!event.type.startsWith('session.')) sent.push(text)
      else if (event.type === 'session.updated') options.onOpened(await lab.client.hear(), event)
    } else if (event.type === 'session.update') {
      options.onUpdate(await lab.upstream.hear(), event, lab)
    } else if (owner === 'server' && isOutput(event)) {
      await settle()
      const recorded = event.item as { output: string; call_id: string }
      const tool = lab.tools[toolsDone++]
      expect(tool?.call.callId).toBe(recorded.call_id)
      tool?.finish({ output: recorded.output })
      const { id, ...item } = (await lab.upstream.hear()).item as JsonObject
      expect(item).toEqual(recorded)
      // The relay chose the item's id, so the upstream speaks of it by that one from now on.
      renamed.set(idOfOutput(recording.lines, recorded.call_id), String(id))
      followUp = true
    } else if (followUp && event.type === 'response.create') {
      const create = await lab.upstream.hear()
      expect(create).toEqual({ ...event, event_id: create.event_id })
      followUp = false
    } else {
      const text = JSON.stringify(event)
      lab.client.send(text)
      expect((await lab.upstream.next()).text).toBe(text)
    }
    seen.push(...(await lab.client.rest()))
  }
  seen.push(...(await lab.client.rest()))
  expect(await lab.upstream.rest()).toEqual([])
  expect(lab.ended()).toBe(0)
  return { lab, sent, seen }
}

function isOutput(event: RealtimeEvent): boolean {
  return event.type === 'conversation.item.create' && (event.item as JsonObject).type === 'function_call_output'
}

function idOfOutput(lines: readonly RecordedLine[], callId: string): string {
  for (const { from, event } of lines) {
    const item = event.item as JsonObject | undefined
    if (from === 'server' && item?.type === 'function_call_output' && item.call_id === callId) return String(item.id)
  }
  throw new Error(`no output of ${callId} recorded`)
}
