// Playbooks for follow-ups that go wrong: refused without an id, refused for good, cancelled before; and calls that must not run any more.
import { describe, expect, it } from 'vitest'
import type { Play } from '../../../support/playbook.js'
import { ev, play } from '../../../support/playbook.js'

const [mine, theirs] = [ev.call('c1', 'get_weather'), ev.call('c2', 'show_on_screen')]

/** A response that only called a server-run tool is done, its result is with the model, and our response.create is out. */
function followingUp(): Play {
  const p = play()
  p.upstream(ev.created('r1'))
  p.upstream(ev.itemDone('r1', mine))
  p.upstream(ev.done('r1', [mine]))
  expect(p.toolFinished('c1')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
  return p
}

describe('an active response in the way, told without an event id', () => {
  it('is taken for ours while the client has asked for nothing', () => {
    const p = followingUp()
    p.upstream(ev.created('vad'))
    expect(p.upstream(ev.error('conversation_already_has_active_response'))).toEqual([])
    expect(p.upstream(ev.done('vad', [ev.message('m')]))).toEqual(['client response.created', 'client response.done', 'upstream response.create'])
  })

  it('is the client’s when it has', () => {
    const p = followingUp()
    p.client({ type: 'response.create' })
    expect(p.upstream(ev.error('conversation_already_has_active_response'))).toEqual(['client error'])
    expect(p.upstream(ev.created('r2'))).toEqual([])
    expect(p.upstream(ev.done('r2', [ev.message('m')]))).toEqual(['client response.created', 'client response.done'])
  })

  it('and any other error without an id is nobody’s in particular: shown, and our request still stands', () => {
    const p = followingUp()
    expect(p.upstream(ev.error('server_error'))).toEqual(['client error'])
    expect(p.state.responses.ourRequest).toBeDefined()
  })
})

describe('a spoken turn’s response that began before our follow-up was read', () => {
  const ack = (p: Play) => {
    const output = p.allTo('upstream').find((event) => event.type === 'conversation.item.create')?.item as object
    return p.upstream(ev.added(output, 'item_c1'))
  }

  it('is over before ours is refused: the result is answered all the same', () => {
    const p = followingUp()
    const ours = p.lastTo('upstream')?.event_id as string
    p.upstream(ev.created('vad'))
    p.upstream(ev.done('vad', [ev.message('m')]))
    p.upstream(ev.created('vad2'))
    ack(p)
    expect(p.upstream(ev.error('conversation_already_has_active_response', ours))).toEqual([])
    expect(p.upstream(ev.done('vad2', [ev.message('m2')]))).toEqual(['client response.created', 'client response.done', 'upstream response.create'])
  })

  it('and nothing is in the way any more when ours is refused: it is asked for again at once', () => {
    const p = followingUp()
    const ours = p.lastTo('upstream')?.event_id as string
    expect(p.upstream(ev.error('conversation_already_has_active_response', ours))).toEqual(['upstream response.create'])
    const again = p.lastTo('upstream')?.event_id as string
    p.upstream(ev.created('vad'))
    p.upstream(ev.done('vad', [ev.message('m')]))
    expect(p.upstream(ev.error('conversation_already_has_active_response', again))).toEqual(['upstream response.create'])
  })

  it('and the one in the way began with the result in view: nothing more is owed', () => {
    const p = followingUp()
    const ours = p.lastTo('upstream')?.event_id as string
    p.upstream(ev.created('vad'))
    p.upstream(ev.done('vad', [ev.message('m')]))
    ack(p)
    p.upstream(ev.created('vad2'))
    expect(p.upstream(ev.error('conversation_already_has_active_response', ours))).toEqual([])
    expect(p.upstream(ev.done('vad2', [ev.message('m2')]))).toEqual(['client response.created', 'client response.done'])
  })
})

describe('a follow-up refused for good', () => {
  it('leaves the client’s own request to go upstream', () => {
    const p = play()
    p.upstream(ev.created('r1'))
    for (const item of [mine, theirs]) p.upstream(ev.itemDone('r1', item))
    p.upstream(ev.done('r1', [mine, theirs]))
    p.toolFinished('c1')
    expect(p.client({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'c2', output: 'x' } })).toContain('upstream response.create')
    expect(p.upstream(ev.error('server_error', p.lastTo('upstream')?.event_id as string))).toEqual([])
    expect(p.client({ type: 'response.create' })).toEqual(['upstream response.create'])
  })

  it('is not tried again', () => {
    const p = followingUp()
    p.upstream(ev.error('server_error', p.lastTo('upstream')?.event_id as string))
    p.upstream(ev.created('r2'))
    expect(p.upstream(ev.done('r2', [ev.message('m')]))).toEqual(['client response.created', 'client response.done'])
  })
})

describe('the client asks for an answer', () => {
  const answer = (p: Play, callId: string) => p.client({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: callId, output: 'x' } })

  /** A response called a tool of each side; both have answered, and our response.create is out. */
  function mixedFollowUp(): Play {
    const p = play()
    p.upstream(ev.created('r1'))
    for (const item of [mine, theirs]) p.upstream(ev.itemDone('r1', item))
    p.upstream(ev.done('r1', [mine, theirs]))
    p.toolFinished('c1')
    return p
  }

  it('to a result of its own that came after our follow-up: its request waits for the end of that, and is not swallowed', () => {
    const p = mixedFollowUp()
    const later = ev.call('c3', 'show_on_screen')
    p.upstream(ev.created('spoken'))
    p.upstream(ev.itemDone('spoken', later))
    p.upstream(ev.done('spoken', [later]))
    expect(answer(p, 'c2')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    expect(answer(p, 'c3')).toEqual(['upstream conversation.item.create'])
    expect(p.client({ type: 'response.create', response: { metadata: { turn: '7' } } })).toEqual([])
    p.upstream(ev.created('r2'))
    expect(p.upstream(ev.done('r2', [ev.message('m')]))).toEqual(['client response.created', 'client response.done', 'upstream response.create'])
    expect(p.lastTo('upstream')?.response).toEqual({ metadata: { turn: '7' } })
  })

  it('to something it said after our follow-up: likewise, also when that is refused', () => {
    const p = mixedFollowUp()
    answer(p, 'c2')
    const ours = p.lastTo('upstream')?.event_id as string
    p.client({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'and tomorrow?' }] } })
    expect(p.client({ type: 'response.create' })).toEqual([])
    expect(p.upstream(ev.error('server_error', ours))).toEqual(['upstream response.create'])
  })

  it('and takes it back', () => {
    const p = mixedFollowUp()
    answer(p, 'c2')
    p.client({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'and tomorrow?' }] } })
    p.client({ type: 'response.create' })
    expect(p.client({ type: 'response.cancel' })).toEqual(['upstream response.cancel'])
    p.upstream(ev.created('r2'))
    expect(p.upstream(ev.done('r2', [], 'cancelled'))).toEqual(['client response.created', 'client response.done'])
  })

  it('once it sees our follow-up: that is the service’s to refuse', () => {
    const p = mixedFollowUp()
    answer(p, 'c2')
    p.client({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'and tomorrow?' }] } })
    p.upstream(ev.created('r2'))
    expect(p.upstream(ev.itemAdded('r2', ev.message('m')))).toEqual(['client response.created', 'client response.output_item.added'])
    expect(p.client({ type: 'response.create' })).toEqual(['upstream response.create'])
  })
})

describe('a cancelled round', () => {
  it('is shown once, also when a later follow-up is refused', () => {
    const p = play()
    p.upstream(ev.created('r1'))
    p.upstream(ev.itemDone('r1', mine))
    p.upstream(ev.done('r1', [mine]))
    expect(p.client({ type: 'response.cancel' })).toEqual(['cancel c1', 'client response.created', 'client response.done'])
    p.toolFinished('c1')
    const again = ev.call('c3', 'get_weather')
    p.upstream(ev.created('r2'))
    p.upstream(ev.itemAdded('r2', ev.message('m')))
    p.upstream(ev.itemDone('r2', again))
    expect(p.upstream(ev.done('r2', [ev.message('m'), again]))).toEqual(['client response.done'])
    expect(p.toolFinished('c3')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    expect(p.upstream(ev.error('server_error', p.lastTo('upstream')?.event_id as string))).toEqual([])
  })

  it('of which some calls had not begun: those never run, and nothing is owed for them', () => {
    const p = play({ limits: { toolMaxConcurrent: 1 } as never })
    const [one, two] = [ev.call('c1', 'get_weather'), ev.call('c2', 'get_time')]
    p.upstream(ev.created('r1'))
    expect(p.upstream(ev.itemDone('r1', one))).toEqual(['start c1'])
    expect(p.upstream(ev.itemDone('r1', two))).toEqual([])
    p.upstream(ev.done('r1', [one, two], 'cancelled'))
    expect(p.toolFinished('c1')).toEqual(['upstream conversation.item.create'])
    expect(p.upstream(ev.done('r1', [one, two], 'cancelled'))).not.toContain('start c2')
  })

  it('takes no calls of another response with it', () => {
    const p = play({ limits: { toolMaxConcurrent: 1 } as never })
    const [one, two] = [ev.call('c1', 'get_weather'), ev.call('c2', 'get_time')]
    p.upstream(ev.created('r1'))
    p.upstream(ev.itemDone('r1', one))
    p.upstream(ev.done('r1', [one]))
    p.upstream(ev.created('r2'))
    p.upstream(ev.itemDone('r2', two))
    p.upstream(ev.done('r2', [two]))
    p.upstream(ev.created('r3'))
    p.upstream(ev.done('r3', [], 'cancelled'))
    expect(p.toolFinished('c1')).toEqual(['upstream conversation.item.create', 'start c2'])
    expect(p.toolFinished('c2')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
  })
})
