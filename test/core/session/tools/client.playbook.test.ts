// Playbooks for tools that a client brings along: never the server's names, never instead of the server's tools, calls theirs to answer.
import { describe, expect, it } from 'vitest'
import { ev, type Play, play, updated } from '../../../support/playbook.js'

const mine = { type: 'function', name: 'pick_colour', description: 'Asks the user', parameters: { type: 'object', properties: { hint: { type: 'string' } } } }
const register = (tools: unknown, eventId = 'c1') => ({ type: 'session.update', event_id: eventId, session: { type: 'realtime', tools } })
const names = (session: unknown) => ((session as { tools: { name: string }[] } | undefined)?.tools ?? []).map((tool) => tool.name)
const SERVER = ['get_weather', 'get_time', 'show_on_screen']

function registered(): Play {
  const p = play({ clientTools: true })
  expect(p.client(register([mine]))).toEqual(['upstream session.update'])
  return p
}

it('go upstream after the server’s own, rebuilt from known fields', () => {
  const p = play({ clientTools: true })
  p.client(register([{ ...mine, strict: true, owner: 'server' }]))
  const session = p.lastTo('upstream')?.session as { tools: unknown[]; instructions: string }
  expect(names(session)).toEqual([...SERVER, 'pick_colour'])
  expect(session.tools.at(-1)).toEqual(mine)
  expect(session.instructions).toBe(p.state.profile.instructions)
})

it('are shown to the client with those it answers for the server', () => {
  const p = registered()
  expect(p.upstream(updated(p.state.profile))).toEqual(['client session.updated'])
  expect(names(p.lastTo('client')?.session)).toEqual(['show_on_screen', 'pick_colour'])
})

it('are called by the model and answered by the client, which sees all of it', () => {
  const p = registered()
  const call = ev.call('call_1', 'pick_colour')
  p.upstream(ev.created('resp_1'))
  expect(p.upstream(ev.itemAdded('resp_1', call))).toEqual(['client response.created', 'client response.output_item.added'])
  expect(p.upstream(ev.itemDone('resp_1', call))).toEqual(['client response.output_item.done'])
  p.upstream(ev.done('resp_1', [call]))
  expect(p.client({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'call_1', output: 'red' } })).toEqual(['upstream conversation.item.create'])
  expect(p.client({ type: 'response.create' })).toEqual(['upstream response.create'])
})

it('stay when an update says nothing of tools, and go with an empty list', () => {
  const p = registered()
  p.client({ type: 'session.update', session: { type: 'realtime', audio: { output: { voice: 'marin' } } } })
  expect(names(p.lastTo('upstream')?.session)).toEqual([...SERVER, 'pick_colour'])
  p.client(register([]))
  expect(names(p.lastTo('upstream')?.session)).toEqual(SERVER)
  expect(p.upstream(ev.itemDone('resp_1', ev.call('call_1', 'pick_colour')))).toContain('start call_1')
})

it('removed while a call of it is under way leave that call the client’s to see and to answer', () => {
  const p = registered()
  const call = ev.call('call_1', 'pick_colour')
  p.upstream(ev.created('resp_1'))
  p.upstream(ev.itemAdded('resp_1', call))
  p.client(register([], 'c2'))
  expect(p.upstream(ev.itemDone('resp_1', call))).toEqual(['client response.output_item.done'])
  const [done] = p.upstream(ev.done('resp_1', [call]))
  expect(done).toBe('client response.done')
  expect((p.lastTo('client')?.response as { output: unknown[] }).output).toHaveLength(1)
  expect(p.client({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'call_1', output: 'red' } })).toEqual(['upstream conversation.item.create'])
})

it('registered while a hidden call of that name is under way do not bring it out', () => {
  const p = play({ clientTools: true })
  const call = ev.call('call_1', 'pick_colour')
  p.upstream(ev.created('resp_1'))
  expect(p.upstream(ev.itemAdded('resp_1', call))).toEqual([])
  p.client(register([mine]))
  expect(p.upstream(ev.itemDone('resp_1', call))).toEqual(['start call_1'])
})

it('of two updates on their way may be missing from the first answer, and the session goes on', () => {
  const p = play({ clientTools: true })
  const before = p.state.profile
  p.client({ type: 'session.update', session: { type: 'realtime' } })
  p.client(register([mine]))
  expect(p.upstream(updated(before))).toEqual(['client session.updated'])
  expect(p.upstream(updated(p.state.profile))).toEqual(['client session.updated'])
})

it('never stand in for the server’s: a session without those is closed', () => {
  const p = registered()
  const { tools } = p.state.profile
  expect(p.upstream(updated({ ...p.state.profile, tools: tools.filter((tool) => tool.definition.name !== 'get_weather') }))).toEqual([
    'close upstream_refused configuration_not_in_force',
  ])
})

describe('refused, whole and with the place named', () => {
  it('a name of the server’s', () => {
    const p = play({ clientTools: true })
    expect(p.client(register([mine, { ...mine, name: 'get_weather' }]))).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({
      error: { code: 'event_not_allowed', param: 'session.tools[1].name', message: "The tool name 'get_weather' is the server's. Choose another.", event_id: 'c1' },
    })
    expect(names({ tools: p.state.profile.tools.map((tool) => tool.definition) })).toEqual(SERVER)
  })

  it.each([
    ['no list', 'tools'],
    ['a list of names', ['pick_colour']],
    ['an MCP server', [{ type: 'mcp', server_label: 'x', server_url: 'https://evil.example' }]],
    ['a name with blanks', [{ ...mine, name: 'pick colour' }]],
    ['a long name', [{ ...mine, name: 'x'.repeat(65) }]],
    ['a description that is none', [{ ...mine, description: 7 }]],
    ['a description beyond measure', [{ ...mine, description: 'x'.repeat(4097) }]],
    ['a schema that is none', [{ ...mine, parameters: 'object' }]],
    ['a name twice', [mine, mine]],
    ['too many', Array.from({ length: 126 }, (_, index) => ({ ...mine, name: `tool_${index}` }))],
  ])('%s', (_, tools) => {
    const p = play({ clientTools: true })
    expect(p.client(register(tools))).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code: 'bad_event', param: expect.stringMatching(/^session\.tools/) } })
  })
})

it('that the server gave the client to answer are sent back without effect', () => {
  const p = play({ clientTools: true })
  p.client(register([{ ...mine, name: 'show_on_screen', description: 'something else' }, mine]))
  const session = p.lastTo('upstream')?.session as { tools: { name: string; description: string }[] }
  expect(names(session)).toEqual([...SERVER, 'pick_colour'])
  expect(session.tools[2]?.description).toBe('Does show_on_screen.')
})

it('are dropped where the profile does not allow them', () => {
  const p = play()
  expect(p.client(register([mine]))).toEqual(['upstream session.update'])
  expect(names(p.lastTo('upstream')?.session)).toEqual(SERVER)
})
