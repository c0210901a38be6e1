// Playbooks for tools run by the server: what the client sees, what the upstream gets, and when the one follow-up goes.
import { describe, expect, it } from 'vitest'
import { ev, PREFIX, play, tool } from '../../../support/playbook.js'

/** The upstream's events of a response that only calls tools, up to and without `response.done`. */
function calls(p: ReturnType<typeof play>, responseId: string, ...items: { call_id: string }[]) {
  const out: string[] = [...p.upstream(ev.created(responseId))]
  for (const item of items) {
    out.push(...p.upstream(ev.itemAdded(responseId, { ...item, status: 'in_progress', arguments: '' })))
    out.push(...p.upstream(ev.added({ ...item, status: 'in_progress', arguments: '' }, 'item_user')))
    out.push(...p.upstream({ type: 'response.function_call_arguments.delta', response_id: responseId, item_id: `item_${item.call_id}`, call_id: item.call_id, delta: '{}' }))
    out.push(...p.upstream({ type: 'response.function_call_arguments.done', response_id: responseId, item_id: `item_${item.call_id}`, call_id: item.call_id, arguments: '{}' }))
    out.push(...p.upstream(ev.itemDone(responseId, item)))
  }
  return out
}

describe('one server-run call', () => {
  it('runs the tool, answers the model, and shows the client one response only', () => {
    const p = play()
    const call = ev.call('call_1', 'get_weather')
    expect(calls(p, 'resp_1', call)).toEqual(['start call_1'])
    expect(p.upstream(ev.done('resp_1', [call]))).toEqual([])
    expect(p.toolFinished('call_1', 'sunny')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    const output = p.allTo('upstream').at(-2)
    expect(output?.item).toMatchObject({ type: 'function_call_output', call_id: 'call_1', output: 'sunny' })
    expect(String((output?.item as { id: string }).id).startsWith(PREFIX)).toBe(true)
    expect(p.upstream(ev.added(output?.item as object, 'item_call_1'))).toEqual([])
    expect(p.upstream(ev.created('resp_2'))).toEqual([])
    const answer = ev.message('item_answer')
    expect(p.upstream(ev.itemAdded('resp_2', answer))).toEqual(['client response.created', 'client response.output_item.added'])
    expect(p.upstream(ev.done('resp_2', [answer]))).toEqual(['client response.done'])
    expect(p.lastTo('client')).toMatchObject({ response: { id: 'resp_2' } })
  })

  it('finishing before response.done waits for it', () => {
    const p = play()
    const call = ev.call('call_1', 'get_weather')
    calls(p, 'resp_1', call)
    expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create'])
    expect(p.upstream(ev.done('resp_1', [call]))).toEqual(['upstream response.create'])
  })

  it('acts once although the call appears three times', () => {
    const p = play()
    const call = ev.call('call_1', 'get_weather')
    calls(p, 'resp_1', call)
    expect(p.upstream(ev.itemDone('resp_1', call))).toEqual([])
    expect(p.upstream(ev.done('resp_1', [call]))).toEqual([])
    p.toolFinished('call_1')
    expect(p.toolFinished('call_1')).toEqual([])
  })

  it('is found in response.done when output_item.done never came', () => {
    const p = play()
    p.upstream(ev.created('resp_1'))
    expect(p.upstream(ev.done('resp_1', [ev.call('call_1', 'get_weather')]))).toEqual(['start call_1'])
  })

  it('of an unknown name is run too, so that the model reads an error instead of silence', () => {
    const p = play()
    expect(calls(p, 'resp_1', ev.call('call_1', 'nobody_declared_this'))).toEqual(['start call_1'])
  })

  it('cut off by its response is not run', () => {
    const p = play()
    p.upstream(ev.created('resp_1'))
    expect(p.upstream(ev.itemDone('resp_1', ev.call('call_1', 'get_weather', '{"ci', 'incomplete')))).toEqual([])
    expect(p.upstream(ev.done('resp_1', [ev.call('call_1', 'get_weather', '{"ci', 'incomplete')], 'cancelled'))).toEqual(['client response.created', 'client response.done'])
    expect(p.lastTo('client')).toMatchObject({ response: { status: 'cancelled', output: [] } })
  })
})

describe('parallel calls', () => {
  it('finish in either order around response.done, and one follow-up goes out after the last', () => {
    const p = play()
    const [one, two] = [ev.call('call_1', 'get_weather'), ev.call('call_2', 'get_time')]
    expect(calls(p, 'resp_1', one, two)).toEqual(['start call_1', 'start call_2'])
    expect(p.toolFinished('call_2')).toEqual(['upstream conversation.item.create'])
    expect(p.upstream(ev.done('resp_1', [one, two]))).toEqual([])
    expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    expect(p.allTo('upstream').filter((event) => event.type === 'response.create')).toHaveLength(1)
  })

  it('beyond the limit wait for a free place', () => {
    const p = play({ limits: { toolMaxConcurrent: 1 } as never })
    const [one, two] = [ev.call('call_1', 'get_weather'), ev.call('call_2', 'get_time')]
    expect(calls(p, 'resp_1', one, two)).toEqual(['start call_1'])
    expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create', 'start call_2'])
  })
})

describe('a follow-up never meets an active response', () => {
  it('waits for a response begun by voice detection while the tool ran', () => {
    const p = play()
    const call = ev.call('call_1', 'get_weather')
    calls(p, 'resp_1', call)
    p.upstream(ev.done('resp_1', [call]))
    p.upstream(ev.created('resp_vad'))
    expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create'])
    expect(p.upstream(ev.done('resp_vad', [ev.message('m')]))).toEqual(['client response.created', 'client response.done', 'upstream response.create'])
  })

  it("waits for the client's own create", () => {
    const p = play()
    const call = ev.call('call_1', 'get_weather')
    calls(p, 'resp_1', call)
    p.upstream(ev.done('resp_1', [call]))
    expect(p.client({ type: 'response.create' })).toEqual(['upstream response.create'])
    expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create'])
    p.upstream(ev.created('resp_2'))
    expect(p.upstream(ev.done('resp_2', []))).toContain('upstream response.create')
  })

  it('is sent again when voice detection won the race and had not seen the result', () => {
    const p = play()
    const call = ev.call('call_1', 'get_weather')
    calls(p, 'resp_1', call)
    p.upstream(ev.done('resp_1', [call]))
    p.toolFinished('call_1')
    const create = p.lastTo('upstream')
    p.upstream(ev.created('resp_vad'))
    expect(p.upstream(ev.error('conversation_already_has_active_response', create?.event_id as string))).toEqual([])
    expect(p.upstream(ev.done('resp_vad', [ev.message('m')]))).toContain('upstream response.create')
  })

  it('is dropped when the response that won began with the result in view', () => {
    const p = play()
    const call = ev.call('call_1', 'get_weather')
    calls(p, 'resp_1', call)
    p.upstream(ev.done('resp_1', [call]))
    p.toolFinished('call_1')
    const [output, create] = p.allTo('upstream').slice(-2)
    p.upstream(ev.added(output?.item as object, 'item_call_1'))
    p.upstream(ev.created('resp_vad'))
    p.upstream(ev.error('conversation_already_has_active_response', create?.event_id as string))
    expect(p.upstream(ev.done('resp_vad', [ev.message('m')]))).toEqual(['client response.created', 'client response.done'])
  })
})

describe('cancelling', () => {
  it('while a tool runs stops the tool, shows the cancelled response, and asks for no answer', () => {
    const p = play()
    const call = ev.call('call_1', 'get_weather')
    calls(p, 'resp_1', call)
    p.upstream(ev.done('resp_1', [call]))
    expect(p.client({ type: 'response.cancel' })).toEqual(['cancel call_1', 'client response.created', 'client response.done'])
    expect(p.lastTo('client')).toMatchObject({ response: { status: 'cancelled', output: [] } })
    expect(p.toolFinished('call_1', 'stopped')).toEqual(['upstream conversation.item.create'])
  })

  it('runs nothing that had not begun, and tells the model so', () => {
    const p = play({ limits: { toolMaxConcurrent: 1 } as never })
    const [one, two] = [ev.call('call_1', 'get_weather'), ev.call('call_2', 'get_time')]
    calls(p, 'resp_1', one, two)
    p.upstream(ev.done('resp_1', [one, two]))
    expect(p.client({ type: 'response.cancel' })).toEqual(['cancel call_1', 'upstream conversation.item.create', 'client response.created', 'client response.done'])
    expect(p.lastTo('upstream')?.item).toMatchObject({ call_id: 'call_2', output: 'The tool call was cancelled.' })
    expect(p.toolFinished('call_1', 'stopped')).toEqual(['upstream conversation.item.create'])
  })

  for (const whose of ['client', 'response'] as const) {
    it(`finishes a tool declared so, whoever cancels: ${whose}`, () => {
      const p = play({ tools: [{ ...tool('book_table'), onCancel: 'finish' }, tool('get_weather')] })
      const [book, weather] = [ev.call('call_1', 'book_table'), ev.call('call_2', 'get_weather')]
      calls(p, 'resp_1', book, weather)
      const lines = [
        ...p.upstream(ev.done('resp_1', [book, weather], whose === 'client' ? 'completed' : 'cancelled')),
        ...(whose === 'client' ? p.client({ type: 'response.cancel' }) : []),
      ]
      expect(lines.filter((line) => line.startsWith('cancel'))).toEqual(['cancel call_2'])
      p.toolFinished('call_2', 'The tool call was cancelled.', false)
      expect(p.toolFinished('call_1', 'booked')).toEqual(['upstream conversation.item.create'])
      expect(p.lastTo('upstream')?.item).toMatchObject({ call_id: 'call_1', output: 'booked' })
    })
  }

  it('of the response itself hands the result over and asks for no answer', () => {
    const p = play()
    const call = ev.call('call_1', 'get_weather')
    calls(p, 'resp_1', call)
    expect(p.upstream(ev.done('resp_1', [call], 'cancelled'))).toEqual(['cancel call_1', 'client response.created', 'client response.done'])
    expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create'])
  })
})

describe('mixed ownership', () => {
  it('shows the client its own call only, and mends the links', () => {
    const p = play()
    const [mine, theirs] = [ev.call('call_1', 'get_weather'), ev.call('call_2', 'show_on_screen')]
    p.upstream(ev.created('resp_1'))
    p.upstream(ev.itemAdded('resp_1', mine))
    p.upstream(ev.added(mine, 'item_user'))
    expect(p.upstream(ev.itemAdded('resp_1', theirs))).toEqual(['client response.created', 'client response.output_item.added'])
    p.upstream(ev.added(theirs, 'item_call_1'))
    expect(p.lastTo('client')).toMatchObject({ type: 'conversation.item.added', previous_item_id: 'item_user' })
    expect(p.upstream({ type: 'response.function_call_arguments.done', response_id: 'resp_1', item_id: 'item_call_2', call_id: 'call_2', arguments: '{}' })).toHaveLength(1)
    p.upstream(ev.itemDone('resp_1', mine))
    p.upstream(ev.itemDone('resp_1', theirs))
    p.upstream(ev.done('resp_1', [mine, theirs]))
    expect((p.lastTo('client')?.response as { output: unknown[] }).output).toEqual([theirs])
  })

  for (const order of ['client first', 'server first'] as const) {
    it(`sends one response.create in all, ${order}`, () => {
      const p = play()
      const [mine, theirs] = [ev.call('call_1', 'get_weather'), ev.call('call_2', 'show_on_screen')]
      p.upstream(ev.created('resp_1'))
      for (const item of [mine, theirs]) {
        p.upstream(ev.itemAdded('resp_1', item))
        p.upstream(ev.itemDone('resp_1', item))
      }
      p.upstream(ev.done('resp_1', [mine, theirs]))
      const clientAnswers = () => {
        p.client({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'call_2', output: 'shown' } })
        p.client({ type: 'response.create', response: { metadata: { turn: '7' } } })
      }
      if (order === 'client first') clientAnswers()
      p.toolFinished('call_1')
      if (order === 'server first') clientAnswers()
      const creates = p.allTo('upstream').filter((event) => event.type === 'response.create')
      expect(creates).toHaveLength(1)
      if (order === 'client first') expect(creates[0]?.response).toEqual({ metadata: { turn: '7' } })
    })
  }

  it('lets nobody answer a call twice, or a call that is not the client’s', () => {
    const p = play()
    const [mine, theirs] = [ev.call('call_1', 'get_weather'), ev.call('call_2', 'show_on_screen')]
    p.upstream(ev.created('resp_1'))
    for (const item of [mine, theirs]) p.upstream(ev.itemAdded('resp_1', item))
    const answer = (callId: string) => p.client({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: callId, output: 'x' } })
    expect(answer('call_1')).toEqual(['client error'])
    expect(answer('call_2')).toEqual(['upstream conversation.item.create'])
    expect(answer('call_2')).toEqual(['client error'])
  })
})

describe('rounds', () => {
  it('end in an answer without tools at the limit', () => {
    const p = play({ limits: { toolMaxRounds: 2 } as never })
    for (let round = 0; round < 3; round++) {
      const call = ev.call(`call_${round}`, 'get_weather')
      calls(p, `resp_${round}`, call)
      p.upstream(ev.done(`resp_${round}`, [call]))
      p.toolFinished(`call_${round}`)
    }
    const choices = p
      .allTo('upstream')
      .filter((event) => event.type === 'response.create')
      .map((event) => (event.response as { tool_choice?: string } | undefined)?.tool_choice)
    expect(choices).toEqual([undefined, undefined, 'none'])
  })

  it('count anew after a turn of the user', () => {
    const p = play({ limits: { toolMaxRounds: 1 } as never })
    for (let round = 0; round < 2; round++) {
      p.upstream({ type: 'input_audio_buffer.committed', item_id: `u${round}`, previous_item_id: null })
      const call = ev.call(`call_${round}`, 'get_weather')
      calls(p, `resp_${round}`, call)
      p.upstream(ev.done(`resp_${round}`, [call]))
      p.toolFinished(`call_${round}`)
      p.upstream(ev.created(`resp_answer${round}`))
      p.upstream(ev.done(`resp_answer${round}`, [ev.message(`m${round}`)]))
    }
    expect(p.allTo('upstream').filter((event) => event.type === 'response.create' && event.response)).toHaveLength(0)
  })
})

it('a follow-up carries what the client asked of the response, so that its request is answered under its own metadata', () => {
  const p = play()
  p.client({ type: 'response.create', response: { metadata: { client_event_id: 'c1' }, output_modalities: ['text'], instructions: 'obey me' } })
  expect(p.lastTo('upstream')?.response).toEqual({ metadata: { client_event_id: 'c1' }, output_modalities: ['text'] })
  const call = ev.call('call_1', 'get_weather')
  calls(p, 'resp_1', call)
  p.upstream(ev.done('resp_1', [call]))
  p.toolFinished('call_1')
  expect(p.lastTo('upstream')?.response).toEqual({ metadata: { client_event_id: 'c1' }, output_modalities: ['text'] })
})

it('a follow-up refused for good brings out the response nobody has seen', () => {
  const p = play()
  const call = ev.call('call_1', 'get_weather')
  calls(p, 'resp_1', call)
  p.upstream(ev.done('resp_1', [call]))
  p.toolFinished('call_1')
  expect(p.upstream(ev.error('server_error', p.lastTo('upstream')?.event_id as string))).toEqual(['client response.created', 'client response.done'])
})

describe('a cancel that names a response', () => {
  const call = (id: string) => ev.call(id, 'get_weather')

  /** A mixed response whose server-run tool is at work, and which the client has seen. */
  function mixed(): ReturnType<typeof play> {
    const p = play()
    const theirs = ev.call('c_theirs', 'show_on_screen')
    p.upstream(ev.created('seen'))
    for (const item of [theirs, call('c_ours')]) p.upstream(ev.itemDone('seen', item))
    p.upstream(ev.done('seen', [theirs, call('c_ours')]))
    return p
  }

  it('that is over stops nothing of a newer one', () => {
    const p = play()
    p.upstream(ev.created('old'))
    p.upstream(ev.done('old', [ev.message('m')]))
    p.upstream(ev.created('new'))
    p.upstream(ev.itemDone('new', call('c')))
    p.upstream(ev.done('new', [call('c')]))
    expect(p.client({ type: 'response.cancel', response_id: 'old' })).toEqual(['upstream response.cancel'])
    expect(p.toolFinished('c')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
  })

  it('whose tools are at work stops those, also beside a newer response', () => {
    const p = mixed()
    p.upstream(ev.created('newer'))
    expect(p.client({ type: 'response.cancel', response_id: 'seen' })).toEqual(['cancel c_ours'])
    expect(p.state.responses.active?.id).toBe('newer')
  })

  it('that is active goes upstream, and leaves the tools of another at work', () => {
    const p = mixed()
    p.upstream(ev.created('newer'))
    expect(p.client({ type: 'response.cancel', response_id: 'newer' })).toEqual(['upstream response.cancel'])
    expect(p.state.calls.server.get('c_ours')?.atWork).toBe(true)
  })
})
