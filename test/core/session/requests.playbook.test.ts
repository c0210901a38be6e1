// Playbooks for a client's requests and cancels beside the relay's own work: what is stopped, what goes up, and what waits.
import { describe, expect, it } from 'vitest'
import { ev, type Play, PREFIX, play } from '../../support/playbook.js'

const [mine, theirs] = [ev.call('c1', 'get_weather'), ev.call('c2', 'show_on_screen')]
const create = (id = 'mine') => ({ type: 'response.create', event_id: id })
const cancel = (responseId?: string) => ({ type: 'response.cancel', ...(responseId && { response_id: responseId }) })

/** A response that called these is done, and the relay's tool is at work. */
function working(...calls: (typeof mine)[]): Play {
  const p = play()
  p.upstream(ev.created('r1'))
  for (const item of calls) p.upstream(ev.itemDone('r1', item))
  p.upstream(ev.done('r1', calls))
  return p
}

describe('a cancel', () => {
  it('of what is active goes up, with an id or without', () => {
    for (const event of [cancel(), cancel('r1')]) {
      const p = play({ tools: [] })
      p.upstream(ev.created('r1'))
      expect(p.client(event)).toEqual(['upstream response.cancel'])
    }
  })

  it('of something else goes up, for the service to answer', () => {
    const p = play({ tools: [] })
    p.upstream(ev.created('r1'))
    expect(p.client(cancel('old'))).toEqual(['upstream response.cancel'])
    expect(p.lastTo('upstream')).toMatchObject({ response_id: 'old' })
  })

  it('of tools at work shows the hidden response as cancelled, and by whom', () => {
    const p = working(mine)
    expect(p.client(cancel())).toEqual(['cancel c1', 'client response.created', 'client response.done'])
    expect(p.lastTo('client')?.response).toMatchObject({ id: 'r1', status: 'cancelled', status_details: { type: 'cancelled', reason: 'client_cancelled' } })
    expect(p.toolFinished('c1')).toEqual(['upstream conversation.item.create'])
  })

  it('of tools whose response was seen goes up too', () => {
    const p = play()
    p.upstream(ev.created('r1'))
    p.upstream(ev.itemAdded('r1', ev.message('m')))
    p.upstream(ev.itemDone('r1', mine))
    p.upstream(ev.done('r1', [ev.message('m'), mine]))
    expect(p.client(cancel())).toEqual(['cancel c1', 'upstream response.cancel'])
  })

  it('of the one response whose tools are at work lets the request go that waited for them', () => {
    const p = working(mine, theirs)
    expect(p.client(create())).toEqual([])
    expect(p.client(cancel('r1'))).toEqual(['cancel c1', 'upstream response.create'])
    expect(p.lastTo('upstream')).toEqual(create())
    expect(p.state.responses.deferredRequest).toBeUndefined()
  })

  it('while our follow-up is on its way goes up, and forgets the request that waited', () => {
    const p = working(mine)
    p.toolFinished('c1')
    expect(p.state.responses.ourRequest).toBeDefined()
    expect(p.client(cancel())).toEqual(['upstream response.cancel'])
  })
})

describe('a request of the client’s that was refused', () => {
  it('is over if the error names it, or says that another response is active', () => {
    for (const [error, over] of [
      [ev.error('invalid_value', 'mine'), true],
      [ev.error('invalid_value', 'other'), false],
      [ev.error('invalid_value'), false],
      [ev.error('conversation_already_has_active_response'), true],
    ] as const) {
      const p = play({ tools: [] })
      p.client(create())
      expect(p.upstream(error)).toEqual(['client error'])
      expect(p.state.responses.clientRequest === undefined, JSON.stringify(error)).toBe(over)
    }
  })

  it('makes way for the results of a tool that ended meanwhile', () => {
    const p = working(mine)
    expect(p.client(create())).toEqual(['upstream response.create'])
    expect(p.toolFinished('c1')).toEqual(['upstream conversation.item.create'])
    expect(p.upstream(ev.error('invalid_value', 'mine'))).toEqual(['client error', 'upstream response.create'])
  })

  it('makes way for the answer to a turn that was spoken meanwhile', () => {
    const p = play({ tools: [], quota: { rules: [{ of: 'responses', per: 'minute', max: 9 }], failOpen: true, currency: undefined } })
    p.client(create())
    p.input({ type: 'quota.reserved', answer: undefined })
    p.upstream({ type: 'input_audio_buffer.committed', event_id: 'x', item_id: 'i', previous_item_id: null })
    const actions = p.input({ type: 'upstream.event', leg: 1, event: ev.error('invalid_value', 'mine') as never, frame: undefined })
    expect(actions).toContainEqual({ type: 'quota.reserve', input: 0, output: 4096 })
  })
})

describe('a response that was cut off', () => {
  it('has its whole calls run, and an answer to them', () => {
    const p = play()
    p.upstream(ev.created('r1'))
    expect(p.upstream(ev.done('r1', [mine], 'incomplete'))).toEqual(['start c1'])
    expect(p.toolFinished('c1')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
  })
})

describe('names', () => {
  it('of the relay’s own are refused to a client', () => {
    expect(play().client(create(`${PREFIX}1`))).toEqual(['client error'])
  })

  it('of events and tool calls are each used once', () => {
    const p = play({ relayEvents: true })
    p.upstream(ev.created('r1'))
    for (const item of [ev.call('c1', 'get_weather'), ev.call('c2', 'get_time')]) p.upstream(ev.itemDone('r1', item))
    for (let n = 0; n < 3; n++) p.client({ type: 'nonsense' })
    const sent = p.allTo('client')
    const ids = sent.filter(({ type }) => type === 'error' || type.startsWith('relay.')).map((event) => event.event_id)
    expect(ids).toHaveLength(5)
    expect(new Set(ids).size).toBe(5)
    expect(new Set(sent.filter(({ type }) => type === 'relay.tool.started').map(({ id }) => id)).size).toBe(2)
  })

  it('as long as the service allows come back in an error', () => {
    const p = play()
    p.client({ type: 'nonsense', event_id: 'x'.repeat(512) })
    expect(p.lastTo('client')?.error).toMatchObject({ event_id: 'x'.repeat(512) })
  })
})

describe('a user who speaks', () => {
  const buffer = (name: string) => ({ type: `input_audio_buffer.${name}`, event_id: 'x', item_id: 'i', previous_item_id: null })
  it.each(['speech_stopped', 'committed', 'cleared'])('is silent again after %s', (name) => {
    const p = play()
    p.upstream(buffer('speech_started'))
    expect(p.state.responses.userSpeaks).toBe(true)
    p.upstream(buffer(name))
    expect(p.state.responses.userSpeaks).toBe(false)
  })
})

describe('a session in force', () => {
  it('is kept with the only setting that the client may make', () => {
    const p = play({ clientMaySet: new Set(['audio.output.voice']) })
    p.upstream({
      type: 'session.updated',
      event_id: 'x',
      session: { instructions: p.state.profile.instructions, tools: p.state.profile.tools.map((one) => one.definition), audio: { output: { voice: 'cedar' } } },
    })
    expect(p.state.inForce).toEqual({ audio: { output: { voice: 'cedar' } } })
  })

  it('says which part of an item a transcript is of', () => {
    const recorded = (content_index?: number) => {
      const event = {
        type: 'conversation.item.input_audio_transcription.completed',
        event_id: 'x',
        item_id: 'i',
        content_index,
        transcript: 'x',
        usage: { type: 'duration', seconds: 1 },
      }
      return play().input({ type: 'upstream.event', leg: 1, event: event as never, frame: undefined })
    }
    expect(recorded(2)).toContainEqual(expect.objectContaining({ type: 'record.transcription', itemId: 'i', contentIndex: 2 }))
    expect(recorded()).toContainEqual(expect.objectContaining({ type: 'record.transcription', itemId: 'i', contentIndex: 0 }))
  })
})

describe('after the client has left', () => {
  it('what the upstream says of limits is recorded still, and why the session ended when it said nothing of use', () => {
    const p = play({ tools: [] })
    p.upstream(ev.created('r1'))
    expect(p.feed({ type: 'client.closed', code: 1000 })).toEqual(['park client_left client_left', 'upstream response.cancel'])
    const limits = { type: 'rate_limits.updated', event_id: 'x', rate_limits: [{ name: 'tokens', limit: 10, remaining: 5, reset_seconds: 1 }] }
    expect(p.input({ type: 'upstream.event', leg: 1, event: limits as never, frame: undefined })).toContainEqual(expect.objectContaining({ type: 'record.limits' }))
    expect(p.tick(5000)).toEqual(['estimate 0+4096', 'close client_left not_settled'])
  })
})

describe('a call that never ran', () => {
  const ask = { relayEvents: true, tools: [{ ...working().state.profile.tools[0], approval: 'client' as const }] as never }
  const finished = (p: Play) => p.allTo('client').filter(({ type }) => type === 'relay.tool.finished')
  function asked(): Play {
    const p = play(ask)
    p.upstream(ev.created('r1'))
    p.upstream(ev.itemDone('r1', mine))
    return p
  }

  it.each<[string, (p: Play) => unknown]>([
    ['denied', (p) => p.client({ type: 'relay.tool.approval', id: String(p.lastTo('client')?.id), approve: false })],
    ['not answered in time', (p) => p.tick(30_000)],
    ['cancelled', (p) => [p.upstream(ev.done('r1', [mine])), p.client(cancel())]],
    ['of a response that failed', (p) => p.upstream(ev.done('r1', [mine], 'failed'))],
  ])('because it was %s has failed, in no time', (_, ends) => {
    const p = asked()
    ends(p)
    expect(finished(p)).toEqual([expect.objectContaining({ name: 'get_weather', ok: false, duration_ms: 0 })])
  })

  it('because there were too many in a minute has failed if the client was asked about it, in no time', () => {
    const p = play({ ...ask, limits: { toolCallsPerMinute: 1 } as never })
    p.upstream(ev.created('r1'))
    for (const id of ['a', 'b']) p.upstream(ev.itemDone('r1', ev.call(id, 'get_weather')))
    for (const { id } of p.allTo('client').filter(({ type }) => type === 'relay.tool.approval_request')) p.client({ type: 'relay.tool.approval', id, approve: true })
    expect(finished(p)).toEqual([expect.objectContaining({ ok: false, duration_ms: 0 })])
  })

  it('gives its place to the next when nobody answered for it', () => {
    const tools = [...(ask.tools as object[]), { owner: 'server', definition: { type: 'function', name: 'get_time', description: '', parameters: {} } }]
    const p = play({ relayEvents: true, tools: tools as never, limits: { toolMaxConcurrent: 1 } as never })
    p.upstream(ev.created('r1'))
    p.upstream(ev.itemDone('r1', mine))
    expect(p.upstream(ev.itemDone('r1', ev.call('c9', 'get_time')))).toEqual([])
    expect(p.tick(30_000)).toContain('start c9')
  })
})
