// The protocol corpus lists what a middle tier must hold back. Each field and each event is tried against the rules.
import { describe, expect, it } from 'vitest'
import { CLIENT_RULES, judgeClientEvent } from '../../../src/core/policy/client-rules.js'
import { judgeServerEvent, SERVER_RULES } from '../../../src/core/policy/server-rules.js'
import type { Json, JsonObject, RealtimeEvent } from '../../../src/core/protocol/events.js'
import { writePath } from '../../../src/core/protocol/paths.js'
import { hasShared, neededShared, sharedJson } from '../../support/shared.js'
import { HIDDEN, view } from '../../support/view.js'

interface Guard {
  readonly client_to_upstream: Record<string, { default?: string; fields?: { path: string; action: string }[] }>
  readonly upstream_to_client: Record<string, { action?: string; reveals: string[] }>
}

const CANARY = 'canary4711'
const closed = view({ clientMaySet: new Set() })

/** `session.tools[].server_url|headers` names `session.tools[].server_url` and `session.tools[].headers`. */
function paths(path: string): readonly string[] {
  const [first = '', ...more] = path.split('|')
  const parent = first.slice(0, first.lastIndexOf('.') + 1)
  return [first, ...more.map((one) => (one.includes('.') ? one : parent + one))]
}

/** The event with `value` at the path; `name[]` is a list of one. */
function eventWith(type: string, path: string, value: Json): RealtimeEvent {
  const event: JsonObject = { type }
  const [list, inner] = path.split('[].')
  if (inner === undefined) writePath(event, path, value)
  else writePath(event, list ?? '', [{ type: 'mcp', server_label: 'x', [inner]: value }])
  return event as RealtimeEvent
}

const VALUES: readonly Json[] = [CANARY, [CANARY], { type: CANARY }, { id: CANARY, name: CANARY }, [{ type: 'function', name: CANARY }]]

const file = 'protocol/guard.json'
describe.skipIf(!hasShared(file))(`guard list${neededShared(file)}`, () => {
  const guard = hasShared(file) ? sharedJson<Guard>(file) : { client_to_upstream: {}, upstream_to_client: {} }

  for (const type of ['session.update', 'response.create']) {
    // Metadata is the client's own and limited elsewhere.
    const fields = (guard.client_to_upstream[type]?.fields ?? []).filter((field) => field.path !== 'response.metadata').flatMap((field) => paths(field.path))
    for (const path of fields) {
      it(`${path} of a client reaches no upstream`, () => {
        for (const value of VALUES) {
          const verdict = judgeClientEvent(eventWith(type, path, value), closed)
          if (verdict.type === 'replace') expect(JSON.stringify(verdict.event)).not.toContain(CANARY)
          else expect(verdict.type).toBe('reject')
        }
      })
    }
  }

  const refused = Object.entries(guard.client_to_upstream).filter(([, entry]) => entry.default === 'refuse')
  for (const [type] of refused) {
    it(`${type} is refused`, () => expect(judgeClientEvent({ type, session: {} }, closed)).toMatchObject({ type: 'reject', error: { code: 'event_not_allowed' } }))
  }

  for (const [type, { action = '' }] of Object.entries(guard.upstream_to_client).filter(([name]) => Object.hasOwn(SERVER_RULES, name))) {
    if (/^(drop|record and drop)( \(|$)/.test(action) && !type.startsWith('response.function_call')) {
      it(`${type} is dropped`, () => expect(judgeServerEvent({ type, item_id: 'x', arguments: '{}', rate_limits: [] }, view()).type).toBe('drop'))
    }
    if (/hidden|unless item|visible/.test(action) || type.startsWith('response.function_call')) {
      it(`${type} of a hidden item is dropped`, () => {
        const item = { id: HIDDEN, type: 'message', role: 'assistant', content: [] }
        expect(judgeServerEvent({ type, item_id: HIDDEN, response_id: 'r', item, delta: 'x' }, view()).type).toBe('drop')
      })
    }
  }

  it('names no client event without a rule here, except those that are refused', () => {
    const events = Object.keys(guard.client_to_upstream).filter((name) => name.includes('.') && !refused.some(([type]) => type === name))
    expect(events.filter((type) => !Object.hasOwn(CLIENT_RULES, type))).toEqual([])
  })
})
