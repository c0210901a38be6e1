// The server sheet: every event that the upstream may send, what a client sees of it, and why.
import { describe, expect, it } from 'vitest'
import { judgeServerEvent, SERVER_RULES } from '../../../src/core/policy/server-rules.js'
import type { Json, JsonObject, RealtimeEvent } from '../../../src/core/protocol/events.js'
import { shapeOf, wireFor } from '../../../src/core/protocol/wires.js'
import { unionTypes } from '../../support/openai-unions.js'
import { hasShared, neededShared, sharedJson } from '../../support/shared.js'
import { view } from '../../support/view.js'
import { SERVER_ITEM_ROWS } from './server-rows-items.js'
import { SERVER_SESSION_ROWS } from './server-rows-session.js'
import { type Row, runRow, uniqueIds } from './sheet.js'

const ALL: readonly Row[] = [...SERVER_SESSION_ROWS, ...SERVER_ITEM_ROWS]

describe('server sheet', () => {
  for (const row of ALL) it(`${row.id}: ${row.because}`, () => runRow(row, judgeServerEvent))

  it('has one id per row', () => uniqueIds(ALL))

  it('has rows for every rule', () => {
    const types = new Set(ALL.map((row) => (row.event as RealtimeEvent).type))
    expect(Object.keys(SERVER_RULES).filter((type) => !types.has(type))).toEqual([])
  })

  it('judges an event alike that is one of many: what was found of its shape holds for all of them', () => {
    const wire = wireFor('ga', 'upstream')
    const ofShape = new Set<string>()
    for (const row of ALL) {
      const frame = Buffer.from(JSON.stringify(row.event))
      // The second is the first of its shape, unless the process knows too many of this type.
      for (let time = 0; time < 4; time++) {
        const reading = wire.read(frame, false)
        const [event] = reading.ok ? reading.events : []
        if (!event) continue
        if (shapeOf(event)) ofShape.add(row.id)
        runRow({ ...row, event }, judgeServerEvent)
      }
    }
    const has = (verdict: (row: Row) => boolean) => ALL.filter((row) => ofShape.has(row.id) && verdict(row)).length
    expect(has(({ verdict }) => verdict === 'forward')).toBeGreaterThan(20)
    expect(has(({ verdict }) => typeof verdict === 'object' && 'replace' in verdict)).toBeGreaterThan(10)
  })

  it('judges an event that was shown the same way again', () => {
    for (const row of ALL) {
      const seenBy = row.seenBy ?? view()
      const first = judgeServerEvent(row.event as RealtimeEvent, seenBy)
      if (first.type !== 'replace') continue
      const second = judgeServerEvent(first.event, seenBy)
      expect(second.type === 'replace' ? second.event : second.type === 'forward' ? first.event : second, row.id).toEqual(first.event)
    }
  })
})

const CANARY = 'canary-4711'

/** The event with a field of next year in every object of it, at any depth. Free-form objects, whose keys are data, are left alone. */
function poisoned(value: Json): Json {
  if (Array.isArray(value)) return value.map(poisoned)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inner]): [string, Json] => [key, key === 'metadata' ? inner : poisoned(inner)])
  return { ...(Object.fromEntries(entries) as JsonObject), instructions_of_next_year: CANARY }
}

describe('server rules are complete', () => {
  it('against the openai package', () => {
    expect(Object.keys(SERVER_RULES).sort()).toEqual([...unionTypes('RealtimeServerEvent')].sort())
  })

  const events = 'protocol/events-ga.json'
  describe.skipIf(!hasShared(events))(`against the official examples${neededShared(events)}`, () => {
    const { server } = hasShared(events) ? sharedJson<{ server: Record<string, RealtimeEvent[]> }>(events) : { server: {} }
    const composed = hasShared('protocol/events-composed.json')
      ? Object.entries(sharedJson<{ ga: { server: Record<string, RealtimeEvent[]> } }>('protocol/events-composed.json').ga.server)
      : []

    it('type by type', () => {
      expect(Object.keys(SERVER_RULES).sort()).toEqual(Object.keys(server).sort())
    })

    for (const [type, examples] of Object.entries(server)) {
      it(`${type}: no instructions, tools or prompt of the example are shown`, () => {
        for (const example of examples) {
          const verdict = judgeServerEvent(example, view())
          const shown = verdict.type === 'replace' ? JSON.stringify(verdict.event) : verdict.type === 'forward' ? JSON.stringify(example) : ''
          expect(shown).not.toMatch(/knowledge cutoff|display_color_palette|color palette|get_weather|pmpt_|gpt-realtime-2025/i)
        }
      })
    }

    it('shows an unknown field at no depth of any event', () => {
      for (const [type, examples] of [...Object.entries(server), ...composed]) {
        for (const example of examples) {
          const verdict = judgeServerEvent(poisoned(example) as RealtimeEvent, view({ forwardRateLimits: true }))
          expect(verdict.type, type).not.toBe('forward')
          if (verdict.type === 'replace') expect(JSON.stringify(verdict.event), type).not.toContain(CANARY)
        }
      }
    })
  })
})
