// Playbooks for the relay's own events about tools: who hears of a call, when, and what is never in them.
import { expect, it } from 'vitest'
import { ev, play } from '../../../support/playbook.js'

function calling(p: ReturnType<typeof play>, name: string, args = '{"city":"Bergen"}') {
  p.upstream(ev.created('resp_1'))
  return p.upstream(ev.itemDone('resp_1', ev.call('call_1', name, args)))
}

it('a client that opted in hears that a tool began and ended, and neither its arguments nor its output', () => {
  const p = play({ relayEvents: true })
  expect(calling(p, 'get_weather')).toEqual(['client relay.tool.started', 'start call_1'])
  const started = p.lastTo('client')
  expect(p.toolFinished('call_1', 'sunny')).toEqual(['client relay.tool.finished', 'upstream conversation.item.create'])
  const finished = p.lastTo('client')
  expect(finished).toEqual({ type: 'relay.tool.finished', event_id: expect.any(String), id: started?.id, name: 'get_weather', ok: true, duration_ms: 12 })
  const text = JSON.stringify([started, finished])
  for (const secret of ['sunny', 'Bergen', 'call_1', p.state.relayIdPrefix]) expect(text).not.toContain(secret)
})

it('a failure is told as not ok', () => {
  const p = play({ relayEvents: true })
  calling(p, 'get_weather')
  p.toolFinished('call_1', 'The tool failed.', false)
  expect(p.lastTo('client')).toMatchObject({ type: 'relay.tool.finished', ok: false })
})

it('a client that did not opt in hears nothing', () => {
  const p = play()
  expect(calling(p, 'get_weather')).toEqual(['start call_1'])
  expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create'])
})

it('a name the model made up is not told', () => {
  const p = play({ relayEvents: true })
  expect(calling(p, 'made_up_secret')).toEqual(['start call_1'])
  expect(p.toolFinished('call_1', 'There is no tool of this name.', false)).toEqual(['upstream conversation.item.create'])
})

it('two calls are told apart by their ids', () => {
  const p = play({ relayEvents: true })
  p.upstream(ev.created('resp_1'))
  for (const callId of ['call_1', 'call_2']) p.upstream(ev.itemDone('resp_1', ev.call(callId, 'get_weather')))
  p.toolFinished('call_2')
  p.toolFinished('call_1')
  const ids = (type: string) => p.allTo('client').flatMap((event) => (event.type === type ? [event.id] : []))
  expect(new Set(ids('relay.tool.started')).size).toBe(2)
  expect(ids('relay.tool.finished')).toEqual(ids('relay.tool.started').toReversed())
})
