// Playbooks for calls that a client must approve: asked once, answered once, for exactly this call; everything else means no.
import { describe, expect, it } from 'vitest'
import { dueAt } from '../../../../src/core/session/budget.js'
import { ev, type Play, play, tool } from '../../../support/playbook.js'

const TOOLS = [{ ...tool('send_mail'), approval: 'client' as const }, tool('get_weather')]
const mail = ev.call('call_1', 'send_mail', '{"to":"bob"}')
const NO = 'The user did not approve.'

function asking(change: Parameters<typeof play>[0] = {}): { p: Play; id: string } {
  const p = play({ tools: TOOLS, relayEvents: true, ...change })
  p.upstream(ev.created('resp_1'))
  expect(p.upstream(ev.itemDone('resp_1', mail))).toEqual(['client relay.tool.approval_request'])
  return { p, id: String(p.lastTo('client')?.id) }
}

const approval = (id: unknown, approve: unknown = true) => ({ type: 'relay.tool.approval', event_id: 'c1', id, approve })
const outputs = (p: Play) => p.allTo('upstream').flatMap(({ item }) => (typeof item === 'object' && item !== null && 'output' in item ? [item.output] : []))

it('an asking is due in thirty seconds, and nothing is once it is answered', () => {
  const p = play({ tools: TOOLS, relayEvents: true })
  p.now = 1000
  p.upstream(ev.itemDone('resp_1', mail))
  expect(dueAt(p.state)).toBe(31_000)
  p.client(approval(p.lastTo('client')?.id, false))
  expect(dueAt(p.state)).toBe(601_000)
})

describe('a client that opted in', () => {
  it('sees the call as the model made it, and runs it with yes', () => {
    const { p, id } = asking()
    expect(p.lastTo('client')).toMatchObject({ name: 'send_mail', arguments: '{"to":"bob"}' })
    expect(JSON.stringify(p.lastTo('client'))).not.toContain('call_1')
    expect(p.client(approval(id))).toEqual(['client relay.tool.started', 'start call_1'])
    expect(p.lastTo('client')).toMatchObject({ type: 'relay.tool.started', id })
    p.toolFinished('call_1', 'sent')
    expect(outputs(p)).toEqual(['sent'])
  })

  it('runs exactly the arguments it was asked about', () => {
    const { p, id } = asking()
    p.upstream(ev.itemDone('resp_1', { ...mail, arguments: '{"to":"mallory"}' }))
    p.upstream(ev.done('resp_1', [{ ...mail, arguments: '{"to":"mallory"}' }]))
    const actions = p.input({ type: 'client.event', event: approval(id) as never })
    expect(actions.find((action) => action.type === 'tool.start')).toMatchObject({ callId: 'call_1', arguments: '{"to":"bob"}' })
  })

  it('answers for the model with no', () => {
    const { p, id } = asking()
    p.upstream(ev.done('resp_1', [mail]))
    expect(p.client(approval(id, false))).toEqual(['client relay.tool.finished', 'upstream conversation.item.create', 'upstream response.create'])
    expect(outputs(p)).toEqual([NO])
  })

  it('that does not answer in time has said no, and its late answer is refused', () => {
    const { p, id } = asking()
    p.upstream(ev.done('resp_1', [mail]))
    expect(p.tick(29_999)).toEqual([])
    expect(p.tick(30_000)).toEqual(['client relay.tool.finished', 'upstream conversation.item.create', 'upstream response.create'])
    expect(outputs(p)).toEqual([NO])
    expect(p.client(approval(id))).toEqual(['client error'])
  })

  it.each([
    ['an id of another time', 'tool_relay_999'],
    ['the model’s own id', 'call_1'],
    ['no string', 7],
    ['none', undefined],
  ])('answers under %s: refused, and the call still waits', (_, forged) => {
    const { p, id } = asking()
    expect(p.client(approval(forged))).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code: 'bad_event', param: 'id', event_id: 'c1' } })
    expect(p.client(approval(id))).toContain('start call_1')
  })

  it.each(['yes', 1, null, undefined])('answers with %s: refused, and the call still waits', (approve) => {
    const { p, id } = asking()
    expect(p.client({ ...approval(id), approve })).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { param: 'approve' } })
    expect(p.client(approval(id))).toContain('start call_1')
  })

  it('answers twice: the first counts, the second is refused', () => {
    const { p, id } = asking()
    p.client(approval(id, false))
    expect(p.client(approval(id, true))).toEqual(['client error'])
    expect(outputs(p)).toEqual([NO])
  })

  it('cannot approve ahead, nor one call with the answer to another', () => {
    const p = play({ tools: TOOLS, relayEvents: true })
    expect(p.client(approval('tool_relay_1'))).toEqual(['client error'])
    p.upstream(ev.created('resp_1'))
    p.upstream(ev.itemDone('resp_1', mail))
    const first = String(p.lastTo('client')?.id)
    p.upstream(ev.itemDone('resp_1', ev.call('call_2', 'send_mail')))
    const second = String(p.lastTo('client')?.id)
    expect(p.client(approval(second))).toContain('start call_2')
    expect(p.client(approval(second))).toEqual(['client error'])
    expect(p.client(approval(first))).toContain('start call_1')
  })

  it('is asked no longer when the response is cancelled', () => {
    const { p, id } = asking()
    expect(p.upstream(ev.done('resp_1', [mail], 'cancelled'))).toContain('client relay.tool.finished')
    expect(p.client(approval(id))).toEqual(['client error'])
    expect(p.state.calls.server.size).toBe(0)
  })

  it('and cancels while it is asked: the call is answered as cancelled', () => {
    const { p, id } = asking()
    p.upstream(ev.done('resp_1', [mail]))
    expect(p.client({ type: 'response.cancel' })).toEqual(['client relay.tool.finished', 'upstream conversation.item.create', 'client response.created', 'client response.done'])
    expect(outputs(p)).toEqual(['The tool call was cancelled.'])
    expect(p.client(approval(id))).toEqual(['client error'])
  })

  it('is asked about no more calls at once than may run at once', () => {
    const { p, id } = asking({ limits: { toolMaxConcurrent: 1 } as never })
    expect(p.upstream(ev.itemDone('resp_1', ev.call('call_2', 'send_mail')))).toEqual([])
    expect(p.client(approval(id, false))).toEqual(['client relay.tool.finished', 'upstream conversation.item.create', 'client relay.tool.approval_request'])
  })
})

describe('a client that did not opt in', () => {
  it('means no, at once', () => {
    const p = play({ tools: TOOLS })
    p.upstream(ev.created('resp_1'))
    expect(p.upstream(ev.itemDone('resp_1', mail))).toEqual(['upstream conversation.item.create'])
    expect(outputs(p)).toEqual([NO])
    expect(p.upstream(ev.done('resp_1', [mail]))).toEqual(['upstream response.create'])
  })

  it('cannot send an approval', () => {
    const p = play({ tools: TOOLS })
    expect(p.client(approval('tool_relay_1'))).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code: 'event_not_allowed' } })
  })
})

it('other tools run unasked', () => {
  const { p } = asking()
  expect(p.upstream(ev.itemDone('resp_1', ev.call('call_2', 'get_weather')))).toEqual(['client relay.tool.started', 'start call_2'])
})

describe('calls per minute', () => {
  it('beyond the limit are answered and not run, until time passes', () => {
    const p = play({ limits: { toolCallsPerMinute: 2 } as never })
    p.upstream(ev.created('resp_1'))
    const call = (n: number) => p.upstream(ev.itemDone('resp_1', ev.call(`call_${n}`, 'get_weather')))
    for (const n of [1, 2]) expect(call(n)).toEqual([`start call_${n}`])
    expect(call(3)).toEqual(['upstream conversation.item.create'])
    expect(outputs(p)).toEqual(['Too many tool calls in a short time. Try again in a minute.'])
    p.tick(60_000)
    expect(call(4)).toEqual(['start call_4'])
  })
})
