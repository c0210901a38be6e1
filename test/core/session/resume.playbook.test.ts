// A client that may come back: what it is told, what goes on without it, what does not begin, and what it finds when it returns.
import { describe, expect, it } from 'vitest'
import { type Play, play, profile, tool } from '../../support/playbook.js'

const LIMITS = { ...profile().limits, resumeMs: 60_000 }
const start = (change: Parameters<typeof play>[0] = {}) => play({ relayEvents: true, limits: LIMITS, ...change })
const enable = (event: object = {}) => ({ type: 'relay.resume.enable', ...event })
const back = (recovered = true) => ({ type: 'client.back', recovered, caller: { subject: 'alice', issuer: undefined }, expiresAt: 5e6, exp: 6e6, tokenId: 'token-2' }) as const
const offered = (session: Play): Play => {
  session.client(enable())
  session.input({ type: 'resume.offered', token: 'id.secret' })
  return session
}
const created = (id = 'resp_1') => ({ type: 'response.created', event_id: 'e', response: { id, status: 'in_progress', output: [] } })
const call = { type: 'function_call', id: 'item_c', call_id: 'call_1', name: 'get_weather', arguments: '{}', status: 'completed' }
const callDone = { type: 'response.output_item.done', event_id: 'e', response_id: 'resp_1', output_index: 0, item: call }
const done = (id = 'resp_1', output: object[] = []) => ({ type: 'response.done', event_id: 'e', response: { id, status: 'completed', output } })

describe('asking to be allowed back', () => {
  it('is answered by a token and the time', () => {
    const session = start()
    expect(session.input({ type: 'client.event', event: enable() as never })).toEqual([{ type: 'resume.offer' }])
    session.input({ type: 'resume.offered', token: 'id.secret' })
    expect(session.lastTo('client')).toMatchObject({ type: 'relay.resume.ready', token: 'id.secret', seconds: 60 })
  })

  it.each([
    ['a second time', () => offered(start()), 'This session can be resumed already.'],
    ['where it is switched off', () => start({ limits: { ...LIMITS, resumeMs: 0 } }), 'Sessions cannot be resumed here.'],
  ])('%s is refused', (_name, session, message) => {
    const asked = session()
    asked.client(enable({ event_id: 'mine' }))
    expect(asked.lastTo('client')).toMatchObject({ type: 'error', error: { code: 'bad_event', message, event_id: 'mine' } })
  })

  it('too often is refused as too fast, with the event that it is about', () => {
    const session = offered(start())
    for (let times = 0; times < 2; times++) session.client(enable())
    const actions = session.input({ type: 'client.event', event: enable({ event_id: 'mine' }) as never })
    expect(session.lastTo('client')).toMatchObject({ error: { code: 'rate_limited', event_id: 'mine' } })
    expect(actions).toContainEqual({ type: 'note', note: { type: 'event_refused', eventType: 'relay.resume.enable', code: 'rate_limited' } })
  })

  it('is unknown to a session without relay events, and an acknowledgement without a token', () => {
    for (const [session, event] of [
      [play({ limits: LIMITS }), enable()],
      [start(), { type: 'relay.ack', received: 1 }],
    ] as const) {
      session.client(event)
      expect(session.lastTo('client')).toMatchObject({ error: { code: 'event_not_allowed' } })
    }
  })

  it('lets the client acknowledge what it has, in whole numbers', () => {
    const session = offered(start())
    expect(session.input({ type: 'client.event', event: { type: 'relay.ack', received: 7 } })).toEqual([{ type: 'resume.ack', received: 7 }])
    expect(session.input({ type: 'client.event', event: { type: 'relay.ack', received: 0 } })).toEqual([{ type: 'resume.ack', received: 0 }])
    for (const received of [-1, 1.5, '7', null]) {
      const actions = session.input({ type: 'client.event', event: { type: 'relay.ack', event_id: 'mine', received } })
      expect(session.lastTo('client')).toMatchObject({ error: { code: 'bad_event', param: 'received', event_id: 'mine' } })
      expect(actions).toContainEqual({ type: 'note', note: { type: 'event_refused', eventType: 'relay.ack', code: 'bad_event' } })
    }
  })
})

describe('a session whose client is away', () => {
  it('ends when the client is not back in time', () => {
    const session = offered(start())
    session.now = 1000
    session.input({ type: 'client.gone' })
    expect(session.tick(60_999)).toEqual([])
    expect(session.tick(61_000)).toEqual(['close client_left not_resumed'])
  })

  it('goes on with the running answer, and starts no tool until the client is there', () => {
    const session = offered(start())
    session.upstream(created())
    session.input({ type: 'client.gone' })
    expect(session.upstream(callDone)).not.toContain('start call_1')
    expect(session.upstream(done('resp_1', [call])).join()).not.toContain('start')
    expect(session.feed(back())).toContain('start call_1')
  })

  it('hands over the result of a tool that runs, and asks for the answer when the client is there', () => {
    const session = offered(start())
    session.upstream(created())
    session.upstream(callDone)
    session.upstream(done('resp_1', [call]))
    session.input({ type: 'client.gone' })
    const lines = session.toolFinished('call_1')
    expect(lines).toContain('upstream conversation.item.create')
    expect(lines).not.toContain('upstream response.create')
    expect(session.feed(back())).toContain('upstream response.create')
  })

  it('cancels an answer that the service begins by itself', () => {
    const session = offered(start())
    session.input({ type: 'client.gone' })
    expect(session.upstream(created('resp_9'))).toContain('upstream response.cancel')
    expect(session.lastTo('upstream')).toMatchObject({ response_id: 'resp_9' })
  })

  it('does not cancel the answer that the client asked for before it left', () => {
    const session = offered(start())
    session.client({ type: 'response.create' })
    session.input({ type: 'client.gone' })
    expect(session.upstream(created('resp_9'))).not.toContain('upstream response.cancel')
  })

  it('ends by its token, an operator and a drain as any other', () => {
    for (const [input, code] of [
      [{ type: 'end', code: 'unauthenticated', why: 'token_revoked' }, 'unauthenticated token_revoked'],
      [{ type: 'drain', untilMs: 10_000 }, 'draining drained'],
    ] as const) {
      const session = offered(start())
      session.input({ type: 'client.gone' })
      expect(session.feed(input)).toContain(`close ${code}`)
    }
  })
})

describe('a client that is back', () => {
  it('rests on its new token', () => {
    const session = offered(start())
    session.input({ type: 'client.gone' })
    expect(session.input(back())).toContainEqual({ type: 'token.use', tokenId: 'token-2' })
    expect(session.state.token).toMatchObject({ expiresAt: 5e6, exp: 6e6 })
    expect(session.tick(59_999)).toEqual([])
  })

  it('is told the items that it may see, if it missed too much', () => {
    const session = offered(start())
    const item = (id: string, role: string, text: string) => ({ id, type: 'message', role, status: 'completed', content: [{ type: 'input_text', text }] })
    session.upstream({ type: 'conversation.item.added', event_id: 'e', previous_item_id: null, item: item('item_1', 'user', 'Hello') })
    session.upstream({ type: 'conversation.item.added', event_id: 'e', previous_item_id: 'item_1', item: item('item_2', 'system', 'Secret') })
    session.upstream({ type: 'conversation.item.added', event_id: 'e', previous_item_id: 'item_2', item: item('item_3', 'assistant', 'Hi') })
    session.input({ type: 'client.gone' })
    const before = session.allTo('client').length
    session.input(back(false))
    const told = session.allTo('client').slice(before)
    expect(told.map(({ type, item, previous_item_id }) => [type, (item as { id: string }).id, previous_item_id])).toEqual([
      ['conversation.item.added', 'item_1', null],
      ['conversation.item.done', 'item_1', null],
      ['conversation.item.added', 'item_3', 'item_1'],
      ['conversation.item.done', 'item_3', 'item_1'],
    ])
    expect(JSON.stringify(told)).not.toContain('Secret')
  })
})

describe('a client that missed too much', () => {
  const added = (item: object, previous: string | null = null) => ({ type: 'conversation.item.added', event_id: 'e', previous_item_id: previous, item })
  const said = (id: string, role: string, content: object[], status = 'completed') => ({ id, type: 'message', role, status, content })
  const shown = (id: string, more: object) => ({ id, object: 'realtime.item', status: 'completed', ...more })

  it('is told each item as it is by now, calls of its own too, and nothing of the server’s', () => {
    const session = offered(start({ tools: [tool('get_weather'), tool('show_on_screen', 'client')] }))
    const clients = { ...call, id: 'item_s', call_id: 'call_2', name: 'show_on_screen', arguments: '{"what":"sea"}' }
    session.upstream(added(said('item_0', 'user', [{ type: 'input_audio', transcript: null }])))
    session.upstream(added(said('item_1', 'user', [{ type: 'input_text', text: 'Show it' }]), 'item_0'))
    session.upstream(created())
    session.upstream(callDone)
    session.upstream(added(call, 'item_1'))
    session.upstream({ ...callDone, item: clients })
    session.upstream(added(clients, 'item_c'))
    session.upstream(done('resp_1', [call, clients]))
    session.toolFinished('call_1')
    session.upstream(added(session.lastTo('upstream')?.item as object, 'item_s'))
    session.upstream(added({ id: 'item_o', type: 'function_call_output', call_id: 'call_2', output: 'shown', status: 'completed' }))
    session.upstream(created('resp_2'))
    session.upstream(added(said('item_2', 'assistant', [{ type: 'output_text', text: 'Look' }], 'in_progress')))
    session.input({ type: 'client.gone' })
    const before = session.allTo('client').length
    session.input(back(false))
    const told = session.allTo('client').slice(before)
    const items = {
      item_0: shown('item_0', { type: 'message', role: 'user', content: [] }),
      item_1: shown('item_1', { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Show it' }] }),
      item_s: shown('item_s', { type: 'function_call', call_id: 'call_2', name: 'show_on_screen', arguments: '{"what":"sea"}' }),
      item_o: shown('item_o', { type: 'function_call_output', call_id: 'call_2', output: 'shown' }),
      item_2: shown('item_2', { type: 'message', role: 'assistant', status: 'in_progress', content: [{ type: 'output_text', text: 'Look' }] }),
    }
    expect(told.map(({ type, previous_item_id, item }) => [String(type).slice('conversation.item.'.length), previous_item_id, item])).toEqual([
      ['added', null, items.item_0],
      ['done', null, items.item_0],
      ['added', 'item_0', items.item_1],
      ['done', 'item_0', items.item_1],
      ['added', 'item_1', items.item_s],
      ['done', 'item_1', items.item_s],
      ['added', 'item_s', items.item_o],
      ['done', 'item_s', items.item_o],
      ['added', 'item_o', items.item_2],
    ])
    expect(new Set(told.map((event) => event.event_id)).size).toBe(9)
  })
})

describe('a client that does not read', () => {
  it('is given up, and may come back, if it asked for that', () => {
    expect(offered(start()).input({ type: 'stalled', side: 'client' })).toEqual([{ type: 'client.drop' }])
    expect(start().feed({ type: 'stalled', side: 'client' })).toContain('close slow_client no_progress')
  })
})
