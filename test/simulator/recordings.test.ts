// Recorded sessions replayed to the simulator of the same kind: the share of server events that agree in type, order and shape.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Json, JsonObject, RealtimeEvent } from '../../src/core/protocol/events.js'
import { hasShared, neededShared, sharedPath } from '../support/shared.js'
import { compare } from './match.js'
import { kindOf, type Line, play } from './playback.js'

/** What differs and why: event type to reason. Nothing does today, so every recorded event is asked for. */
const DIFFERENCES: Readonly<Record<string, string>> = {}

const RECORDINGS = [
  'azure-ga/text-in-audio-out',
  'azure-ga/webrtc-sideband-text-turn',
  'azure-ga/server-vad-transcribed-turn',
  'azure-ga/spoken-turn-tool-call-audio-answer',
  'azure-voice-live/text-in-audio-out',
  'azure-voice-live/tool-call-round',
  'openai-ga/history-seeding',
  'openai-ga/server-vad-turn',
  'openai-ga/tool-call-round-with-rate-limits',
]

describe.skipIf(!hasShared('recordings'))(`recorded sessions${neededShared('recordings')}`, () => {
  it.each(RECORDINGS)('%s', async (name) => {
    const lines = readFileSync(sharedPath(`recordings/${name}.jsonl`), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)
    const recorded = lines.filter((line) => line.from === 'server').map((line) => line.event)
    const simulated = await play(lines, kindOf(name.split('/')[0] as string, lines))
    const { missing, extra, shapes, share } = compare(recorded, simulated)
    expect({ missing: unexplained(missing), extra: unexplained(extra), shapes }).toEqual({ missing: [], extra: [], shapes: [] })
    expect(share).toBe(1)
    expect(links(simulated)).toEqual(links(recorded))
  })
})

const unexplained = (types: readonly string[]) => types.filter((type) => DIFFERENCES[type] === undefined)

/** The order of the items, with ids replaced by the order in which they first appear. */
function links(events: readonly RealtimeEvent[]): string[] {
  const seen = new Map<string, number>()
  const nth = (id: Json | undefined) => {
    if (typeof id !== 'string') return 'none'
    if (!seen.has(id)) seen.set(id, seen.size)
    return String(seen.get(id))
  }
  return events
    .filter((event) => /^conversation\.item\.(added|created|done)$|committed$/.test(event.type))
    .map((event) => `${event.type} ${nth((event.item as JsonObject | undefined)?.id ?? event.item_id)} after ${nth(event.previous_item_id)}`)
}

describe('the comparison', () => {
  const delta = (extra: JsonObject = {}): RealtimeEvent => ({ type: 'response.output_text.delta', event_id: 'e', delta: 'x', ...extra })
  const done = (status: string): RealtimeEvent => ({ type: 'response.done', event_id: 'e', response: { status, output: [] } })
  const updated: RealtimeEvent = { type: 'session.updated', event_id: 'e', session: {} }

  it('counts one delta like many, and words and ids as equal', () => {
    expect(compare([delta(), delta(), done('completed')], [delta({ event_id: 'f', delta: 'other' }), done('completed')])).toMatchObject({ share: 1, missing: [], extra: [] })
  })

  it('sees a missing event, an extra one, another order, another field and another status', () => {
    expect(compare([updated, done('completed')], [done('completed')])).toMatchObject({ share: 0.5, missing: ['session.updated'] })
    expect(compare([done('completed')], [updated, done('completed')])).toMatchObject({ share: 1, extra: ['session.updated'] })
    expect(compare([updated, done('completed')], [done('completed'), updated])).toMatchObject({ share: 0.5 })
    expect(compare([delta({ obfuscation: 'abc' })], [delta()])).toMatchObject({ share: 0, shapes: ['response.output_text.delta: -.obfuscation=string'] })
    expect(compare([done('completed')], [done('failed')]).share).toBe(0)
  })
})
