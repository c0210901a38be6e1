// Whole sessions with hostile frames from both sides: nothing throws, the server's part never changes, and clients see nothing of the server's.
import { describe, expect, it } from 'vitest'
import { CLIENT_RULES } from '../../src/core/policy/client-rules.js'
import { CLIENT_LIMITS, decodeEvent, encodeEvent, UPSTREAM_LIMITS } from '../../src/core/protocol/codec.js'
import type { DialectName } from '../../src/core/protocol/dialect.js'
import { dialectFor } from '../../src/core/protocol/dialects.js'
import type { Json, JsonObject, RealtimeEvent } from '../../src/core/protocol/events.js'
import { hostileFrame, mutatedFrame } from '../support/hostile-json.js'
import { ev, type Play, PREFIX, play, profile } from '../support/playbook.js'
import { fc } from '../support/property.js'
import { PATIENCE, RUNS } from './runs.js'

const CANARY = 'canary-of-the-server'
const owned = profile({ instructions: `Never say ${CANARY}.` })
const definitions = owned.tools.map((tool) => ({ ...tool.definition }))

const upstreamEvents: readonly object[] = [
  ev.created('r1'),
  ev.itemAdded('r1', ev.message('m1')),
  ev.itemDone('r1', ev.call('c1', 'get_weather', '{"city":"Oslo"}')),
  ev.itemDone('r1', ev.call('c2', 'show_on_screen')),
  ev.itemDone('r1', ev.call('c3', `${CANARY}_tool`)),
  ev.added({ id: 'h1', type: 'mcp_list_tools', server_label: CANARY, tools: [] }, 'm1'),
  ev.added({ id: 'h2', type: 'message', role: 'system', content: [{ type: 'input_text', text: CANARY }] }),
  ev.done('r1', [ev.message('m1'), ev.call('c1', 'get_weather')]),
  ev.error('invalid_value', 'client-1'),
  ev.error('conversation_already_has_active_response'),
  { type: 'error', event_id: 'e', error: { type: 'server_error', code: 'x', message: `${CANARY} at https://secret-deployment.example`, param: null, event_id: `${PREFIX}3` } },
  { type: 'conversation.item.retrieved', event_id: 'e', item: { id: 'o', type: 'function_call_output', call_id: 'c1', output: CANARY } },
  { type: 'conversation.item.deleted', event_id: 'e', item_id: 'm1' },
  { type: 'input_audio_buffer.committed', event_id: 'e', previous_item_id: 'h1', item_id: 'u1' },
  { type: 'response.function_call_arguments.delta', event_id: 'e', response_id: 'r1', item_id: 'item_c1', output_index: 0, call_id: 'c1', delta: CANARY },
  { type: 'rate_limits.updated', event_id: 'e', rate_limits: [{ name: 'tokens', limit: 1, remaining: 1, reset_seconds: 1 }] },
  { type: `${CANARY}.event`, event_id: 'e' },
]

const FIELDS = ['instructions', 'tools', 'prompt', 'model', 'tracing', 'server_url', 'x', '__proto__', 'Instructions']
/** Adds a field that no client may see to some object of the event, but not to objects whose keys are data. */
const poisoned = fc.tuple(fc.constantFrom(...upstreamEvents), fc.constantFrom(...FIELDS), fc.nat({ max: 5 })).map(([event, field, at]) => {
  let left = at
  const poison = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(poison)
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([key, inner]): [string, Json] => [key, key === 'metadata' ? inner : poison(inner)])
    if (left-- === 0) entries.push([field, [{ text: CANARY, instructions: CANARY }]])
    return Object.fromEntries(entries) as JsonObject
  }
  return JSON.stringify(poison(event as JsonObject))
})

type Move = { readonly from: 'client' | 'upstream'; readonly frame: Buffer } | { readonly from: 'time'; readonly ms: number } | { readonly from: 'tool' }
const bytes = (frame: string | Buffer) => Buffer.from(frame as string)
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: fc.oneof(hostileFrame, mutatedFrame).map((frame): Move => ({ from: 'client', frame: bytes(frame) })) },
  { weight: 5, arbitrary: poisoned.map((frame): Move => ({ from: 'upstream', frame: bytes(frame) })) },
  { weight: 1, arbitrary: fc.integer({ min: -1000, max: 5000 }).map((ms): Move => ({ from: 'time', ms })) },
  { weight: 1, arbitrary: fc.constant<Move>({ from: 'tool' }) },
)

interface Side {
  readonly name: 'client' | 'upstream'
  readonly dialect: DialectName
}

function feed(p: Play, side: Side, frame: Buffer): void {
  const decoded = decodeEvent(frame, side.name === 'client' ? CLIENT_LIMITS : UPSTREAM_LIMITS)
  if (!decoded.ok) {
    if (side.name === 'client') p.input({ type: 'frame.refused', code: 'bad_event', message: 'no event' })
    return
  }
  for (const event of dialectFor(side.dialect).toGa(decoded.event)) {
    p.input(side.name === 'client' ? { type: 'client.event', event } : { type: 'upstream.event', leg: 1, event, frame: undefined })
  }
}

function checkUpstream(event: RealtimeEvent): void {
  expect(Object.keys(CLIENT_RULES)).toContain(event.type)
  if (event.type !== 'session.update') return expect(Object.hasOwn(event, 'session')).toBe(false)
  expect(event.session).toMatchObject({ type: 'realtime', instructions: owned.instructions, tool_choice: 'auto' })
  expect((event.session as JsonObject).tools).toEqual(definitions)
}

function checkClient(event: RealtimeEvent, dialect: DialectName): void {
  const texts = [event, ...dialectFor(dialect).fromGa(event)].map(encodeEvent)
  for (const text of texts) expect(text).not.toMatch(new RegExp(`${CANARY}|secret-deployment|${PREFIX}|get_weather|get_time`))
}

describe('a session under fuzz', () => {
  it.each<[DialectName, DialectName]>([
    ['ga', 'ga'],
    ['preview', 'ga'],
    ['ga', 'voice-live'],
    ['preview', 'preview'],
  ])(
    '%s client, %s upstream: holds',
    (client, upstream) => {
      fc.assert(
        fc.property(fc.array(move, { minLength: 1, maxLength: 25 }), (moves) => {
          const p = play({ ...owned, limits: { ...owned.limits, maxViolations: 1000 } })
          let now = 0
          for (const one of moves) {
            if (one.from === 'time') {
              now = Math.max(0, now + one.ms)
              p.tick(now)
            } else if (one.from === 'tool') {
              const running = [...p.state.calls.server.values()].find((call) => call.status === 'running')
              if (running) p.toolFinished(running.callId, 'done')
            } else feed(p, { name: one.from, dialect: one.from === 'client' ? client : upstream }, one.frame)
          }
          for (const event of p.allTo('upstream')) checkUpstream(event)
          for (const event of p.allTo('client')) checkClient(event, client)
        }),
        RUNS,
      )
    },
    PATIENCE,
  )
})
