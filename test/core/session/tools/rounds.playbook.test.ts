// A playbook of twenty rounds of tools within one turn of the user: all answered, none seen, and nothing kept of them but what the conversation holds.
import { expect, it } from 'vitest'
import { ev, type Play, play } from '../../../support/playbook.js'

const ROUNDS = 20
const CALLS = ['get_weather', 'get_time']

/** One response that calls two tools at once, both answered; returns what the last result led to. */
function round(p: Play, index: number): readonly string[] {
  const calls = CALLS.map((name) => ev.call(`call_${index}_${name}`, name))
  expect(p.upstream(ev.created(`resp_${index}`))).toEqual([])
  for (const call of calls) expect(p.upstream(ev.itemDone(`resp_${index}`, call))).toEqual([`start ${call.call_id}`])
  expect(p.upstream(ev.done(`resp_${index}`, calls))).toEqual([])
  const results = calls.map((call) => p.toolFinished(call.call_id))
  for (const call of calls) {
    const outputId = p.state.calls.server.get(call.call_id)?.outputItemId
    expect(p.upstream(ev.added({ id: outputId, type: 'function_call_output', call_id: call.call_id, output: 'result' }))).toEqual([])
  }
  return results.at(-1) ?? []
}

it('twenty rounds are followed up once each, the last without tools, and leave nothing owed', () => {
  const p = play({ limits: { toolMaxRounds: ROUNDS - 1, toolCallsPerMinute: 400 } as never })
  const before = p.allTo('client').length
  for (let index = 0; index < ROUNDS; index++) expect(round(p, index)).toEqual(['upstream conversation.item.create', 'upstream response.create'])
  expect(p.allTo('client').length).toBe(before)
  const choices = p.allTo('upstream').flatMap((event) => (event.type === 'response.create' ? [(event.response as { tool_choice?: string } | undefined)?.tool_choice] : []))
  expect(choices).toEqual([...Array.from({ length: ROUNDS - 1 }, () => undefined), 'none'])

  p.upstream(ev.created('resp_answer'))
  expect(p.upstream(ev.done('resp_answer', [ev.message('m')]))).toEqual(['client response.created', 'client response.done'])
  const { active, ourRequest, clientRequest, unanswered, hiddenResponse, deferredRequest } = p.state.responses
  expect({ active, ourRequest, clientRequest, hiddenResponse, deferredRequest, unanswered: unanswered.size }).toEqual({
    active: undefined,
    ourRequest: undefined,
    clientRequest: undefined,
    hiddenResponse: undefined,
    deferredRequest: undefined,
    unanswered: 0,
  })
  expect([...p.state.calls.server.values()].every((call) => call.status === 'answered' && call.acknowledged && !call.atWork)).toBe(true)
})

it('between rounds at most the last one is owed and held, and the conversation’s hidden items are a call and a result each', () => {
  const p = play({ limits: { toolMaxRounds: ROUNDS, toolCallsPerMinute: 400 } as never })
  for (let index = 0; index < ROUNDS; index++) {
    round(p, index)
    expect(p.state.responses.unanswered.size).toBe(1)
    expect(p.state.calls.server.size).toBe((index + 1) * CALLS.length)
    expect(p.state.items.hidden.size).toBe((index + 1) * CALLS.length * 2)
  }
})

it('calls remembered are bounded, however many rounds there are', () => {
  const p = play({ limits: { toolMaxRounds: 1000, toolCallsPerMinute: 10_000 } as never })
  for (let index = 0; index < 400; index++) round(p, index)
  expect(p.state.calls.server.size).toBeLessThanOrEqual(512)
  expect(p.state.responses.unanswered.size).toBe(1)
})

it('after the last request without tools there is no further one, and the client sees an empty, completed answer', () => {
  const p = play({ limits: { toolMaxRounds: 2, toolCallsPerMinute: 10_000 } as never })
  p.client({ type: 'response.create' })
  const asked = () => p.allTo('upstream').filter((event) => event.type === 'response.create').length
  for (let index = 0; index < 3; index++) round(p, index)
  expect(asked()).toBe(4)
  // The model calls again although it was asked for an answer without tools.
  expect(round(p, 3)).toEqual(expect.arrayContaining(['client response.created', 'client response.done']))
  expect(asked()).toBe(4)
  expect(p.lastTo('client')).toMatchObject({ type: 'response.done', response: { status: 'completed', output: [] } })
  expect(p.state.responses).toMatchObject({ active: undefined, ourRequest: undefined, hiddenResponse: undefined })
  expect(p.state.responses.unanswered.size).toBe(0)
  // A new turn of the user counts anew.
  p.client({ type: 'response.create' })
  round(p, 4)
  expect(asked()).toBe(6)
})
