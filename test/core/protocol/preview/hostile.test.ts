// Translation of any JSON: it never throws, never changes its input or a prototype, and never sends a type that preview lacks.
import { describe, expect, it } from 'vitest'
import type { DialectName } from '../../../../src/core/protocol/dialect.js'
import { dialectFor } from '../../../../src/core/protocol/dialects.js'
import type { Json, RealtimeEvent } from '../../../../src/core/protocol/events.js'
import { liftMixedGa } from '../../../../src/core/protocol/preview/lift-mixed.js'
import { fc } from '../../../support/property.js'
import { GA_ONLY, ROWS } from './rows.js'

const often = { numRuns: 2_000 }
const names: readonly DialectName[] = ['preview', 'voice-live', 'ga']
const known = [...new Set([...ROWS.flatMap(({ preview, ga }) => [preview, ...ga]), ...GA_ONLY].map((event) => event.type))]
const previewTypes = new Set([...ROWS.map((row) => (row.back ?? row.preview).type), 'transcription_session.created', 'transcription_session.update'])

const words = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'type',
  'session',
  'response',
  'item',
  'audio',
  'input',
  'output',
  'format',
  'voice',
  'modalities',
  'tools',
]
const key = fc.oneof(
  fc.constantFrom(...words),
  fc.constantFrom('turn_detection', 'tool_choice', 'content', 'role', 'id', 'status', 'error', 'param', 'name', 'transcription'),
  fc.string({ maxLength: 4 }),
)
const text = fc.oneof(
  fc.constantFrom('message', 'assistant', 'function_call', 'mcp_call', 'in_progress', 'none', 'mcp', 'pcm16', 'item_1', 'session.voice'),
  fc.string({ maxLength: 6 }),
)
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map(ownObject),
  ),
})).value
const event = fc
  .tuple(
    fc.oneof(fc.constantFrom(...known, 'transcription_session.updated', 'relay.quota'), text),
    fc.array(fc.tuple(fc.oneof(fc.constantFrom('session', 'response', 'item', 'part', 'error', 'item_id'), key), json), { maxLength: 4 }),
  )
  .map(([type, members]) => ownObject([...members, ['type', type]]) as RealtimeEvent)

/** Through text, as events arrive: `__proto__` becomes an own property. */
function ownObject(members: readonly (readonly [string, unknown])[]): unknown {
  return JSON.parse(`{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value) ?? 'null'}`).join(',')}}`)
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freeze(inner)
    Object.freeze(value)
  }
  return value
}

describe('hostile events', () => {
  it('any sequence of events goes through every dialect without an exception or a changed input', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.array(event, { minLength: 1, maxLength: 6 }), (name, events) => {
        const link = dialectFor(name)
        for (const one of events) {
          const before = JSON.stringify(freeze(one))
          const out = [...link.toGa(one), ...link.fromGa(one), liftMixedGa(one)]
          expect(JSON.stringify(one)).toBe(before)
          for (const translated of out) {
            expect(typeof translated.type).toBe('string')
            expect(Object.getPrototypeOf(translated)).toBe(Object.prototype)
            JSON.stringify(translated)
          }
        }
        expect(({} as Record<string, Json>).type).toBeUndefined()
      }),
      often,
    )
  })

  it('a preview side is only ever sent types of the preview dialect', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 6 }), (events) => {
        const link = dialectFor('preview')
        for (const { type } of events.flatMap((one) => [...link.fromGa(one)])) expect(previewTypes.has(type) || type.startsWith('relay.')).toBe(true)
      }),
      often,
    )
  })

  it('an event translated to preview and back translates to the same preview event', () => {
    fc.assert(
      fc.property(event, (one) => {
        for (const sent of dialectFor('preview').fromGa(one)) {
          if (sent.type.startsWith('transcription_session.')) continue
          const again = dialectFor('preview')
            .toGa(sent)
            .flatMap((ga) => [...dialectFor('preview').fromGa(ga)])
          expect(again).toEqual([sent])
        }
      }),
      often,
    )
  })

  it('__proto__ stays a plain field, which policy sees', () => {
    const hostile = JSON.parse('{"type":"session.update","session":{"__proto__":{"instructions":"x"},"voice":"ash"}}') as RealtimeEvent
    const [translated] = dialectFor('preview').toGa(hostile)
    const session = translated?.session as Record<string, unknown>
    expect(Object.hasOwn(session, '__proto__')).toBe(true)
    expect(session.instructions).toBeUndefined()
  })
})
