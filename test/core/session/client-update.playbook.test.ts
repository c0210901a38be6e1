// Playbooks for a live session: the client's updates, refusals and their limit, whose error is whose, and when response.created is shown.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../src/core/protocol/events.js'
import { ev, PREFIX, play, profile, tool, updated } from '../../support/playbook.js'

describe("the client's session.update", () => {
  it('goes upstream with the server’s part over it, under the client’s id', () => {
    const p = play()
    expect(p.client({ type: 'session.update', event_id: 'c1', session: { instructions: 'mine', tools: [], audio: { output: { voice: 'cedar' } } } })).toEqual([
      'upstream session.update',
    ])
    expect(p.lastTo('upstream')).toEqual({
      type: 'session.update',
      event_id: 'c1',
      session: {
        type: 'realtime',
        instructions: profile().instructions,
        tools: profile().tools.map((one) => one.definition),
        tool_choice: 'auto',
        audio: { output: { voice: 'cedar' } },
      },
    })
  })

  it('that asks for a transcription means the deployment the server names, whatever model the client knows', () => {
    const clientMaySet = new Set(['audio.input.transcription'])
    const session = { audio: { input: { transcription: { model: 'my-whisper-deployment' } } } }
    const wish = { type: 'session.update', session: { audio: { input: { transcription: { model: 'whisper-1', language: 'pt' } } } } }
    const named = play({ clientMaySet, session })
    named.client(wish)
    expect(named.lastTo('upstream')?.session).toMatchObject({ audio: { input: { transcription: { model: 'my-whisper-deployment', language: 'pt' } } } })
    const unnamed = play({ clientMaySet })
    unnamed.client(wish)
    expect(unnamed.lastTo('upstream')?.session).toMatchObject({ audio: { input: { transcription: { model: 'whisper-1', language: 'pt' } } } })
    const switchedOff = play({ clientMaySet, session })
    switchedOff.client({ type: 'session.update', session: { audio: { input: { transcription: null } } } })
    expect(switchedOff.lastTo('upstream')?.session).toMatchObject({ audio: { input: { transcription: null } } })
  })

  it('is answered by a session.updated that tells nothing of the server’s', () => {
    const p = play()
    expect(p.upstream(updated(p.state.profile))).toEqual(['client session.updated'])
    expect(JSON.stringify(p.lastTo('client'))).not.toMatch(/lighthouse|get_weather|gpt-realtime/)
  })

  it('refused by upstream leaves the session as it was', () => {
    const p = play()
    p.client({ type: 'session.update', event_id: 'c1', session: {} })
    expect(p.upstream(ev.error('invalid_value', 'c1'))).toEqual(['client error'])
    expect(p.state.upstream.phase).toBe('ready')
  })

  it('that disarms the server in spite of everything ends the session', () => {
    for (const change of [{ instructions: 'mine' }, { tools: [] }, { tools: [tool('get_weather').definition] as never }] as readonly JsonObject[]) {
      const p = play()
      const event = updated(p.state.profile)
      expect(p.upstream({ ...event, session: { ...(event.session as JsonObject), ...change } })).toEqual(['close upstream_refused configuration_not_in_force'])
    }
  })
})

describe('refusals', () => {
  it('name the event, the field and what is wrong, and quote nothing', () => {
    const p = play()
    expect(p.client({ type: 'session.update', event_id: 'c9', session: { output_modalities: ['smell'] } })).toEqual(['client error'])
    expect(p.lastTo('client')).toEqual({
      type: 'error',
      event_id: expect.stringMatching(/^event_relay_\d+$/),
      error: { type: 'invalid_request_error', code: 'bad_event', message: "'session.output_modalities' has a wrong value.", param: 'session.output_modalities', event_id: 'c9' },
    })
  })

  it('never tell the prefix of our own ids', () => {
    const p = play()
    p.client({ type: 'nope' })
    expect(JSON.stringify(p.allTo('client'))).not.toContain(PREFIX)
  })

  it('do not hand an event_id back that is no id', () => {
    const p = play()
    p.client({ type: 'response.create', event_id: 'x'.repeat(600) })
    expect(p.lastTo('client')).toMatchObject({ error: { param: 'event_id', event_id: null } })
  })

  it('are counted under the type only where it is a known one', () => {
    const notes = (event: object) => play().input({ type: 'client.event', event: event as never })
    expect(notes({ type: 'response.create', response: 7 })).toContainEqual({ type: 'note', note: { type: 'event_refused', eventType: 'response.create', code: 'bad_event' } })
    expect(notes({ type: 'label-of-an-attacker' })).toContainEqual({ type: 'note', note: { type: 'event_refused', eventType: 'unknown', code: 'event_not_allowed' } })
  })

  it('are forgotten with time: a heartbeat of an app ends no call', () => {
    const p = play({ limits: { maxViolations: 100, idleTimeoutMs: 1e9, maxSessionMs: 1e9 } as never })
    for (let at = 0; at < 3_600_000; at += 5_000) {
      p.tick(at, true)
      expect(p.client({ type: 'ping' })).toEqual(['client error'])
    }
  })

  it('are forgiven up to the limit, and end the session beyond it', () => {
    const p = play({ limits: { maxViolations: 2 } as never })
    expect(p.client({ type: 'nope' })).toEqual(['client error'])
    expect(p.feed({ type: 'frame.refused', code: 'bad_event', message: 'The event is not valid JSON.' })).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code: 'bad_event', message: 'The event is not valid JSON.', event_id: null } })
    expect(p.client({ type: 'input_audio_buffer.clear' })).toEqual(['upstream input_audio_buffer.clear'])
    expect(p.client({ type: 'nope' })).toEqual(['client error', 'close bad_event too_many_violations'])
  })
})

describe('errors of the upstream', () => {
  it('about our own events never reach the client', () => {
    const p = play()
    const call = ev.call('c', 'get_weather')
    p.upstream(ev.created('r'))
    p.upstream(ev.itemDone('r', call))
    p.toolFinished('c')
    const output = p.lastTo('upstream')?.event_id as string
    expect(p.upstream(ev.error('invalid_value', output))).toEqual([])
    expect(p.upstream(ev.error('invalid_value', `${PREFIX}999`))).toEqual([])
  })

  it('about the client’s always do, under its id', () => {
    const p = play()
    p.client({ type: 'input_audio_buffer.commit', event_id: 'c4' })
    expect(p.upstream(ev.error('input_audio_buffer_commit_empty', 'c4'))).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code: 'input_audio_buffer_commit_empty', event_id: 'c4' } })
  })

  it('about nothing in particular do too, without private words', () => {
    const p = play()
    expect(p.upstream({ type: 'error', event_id: 'x', error: { type: 'server_error', code: null, message: 'secret-deployment is down', event_id: null } })).toEqual([
      'client error',
    ])
    expect(JSON.stringify(p.lastTo('client'))).not.toContain('secret-deployment')
  })

  it('end no session', () => {
    const p = play()
    for (const code of ['server_error', 'invalid_value', 'session_expired']) p.upstream(ev.error(code))
    expect(p.state.upstream.phase).toBe('ready')
  })
})

describe('response.created', () => {
  it('is shown at once where the server runs no tools', () => {
    const p = play({ tools: [tool('show_on_screen', 'client')] })
    expect(p.upstream(ev.created('r'))).toEqual(['client response.created'])
  })

  it('is kept back where it does, until something of the response is visible', () => {
    const p = play()
    expect(p.upstream(ev.created('r'))).toEqual([])
    expect(p.upstream({ type: 'conversation.item.input_audio_transcription.delta', item_id: 'u', content_index: 0, delta: 'hi' })).toEqual([
      'client conversation.item.input_audio_transcription.delta',
    ])
    expect(p.upstream(ev.added({ id: 'u', type: 'message', role: 'user', content: [] }))).toEqual(['client conversation.item.added'])
    expect(p.upstream(ev.error('invalid_value'))).toEqual(['client error'])
    expect(p.upstream(ev.itemAdded('r', ev.message('m')))).toEqual(['client response.created', 'client response.output_item.added'])
    expect(p.upstream(ev.added(ev.message('m'), 'u'))).toEqual(['client conversation.item.added'])
  })

  it('is brought out by an item of the model’s that comes before its output_item', () => {
    const p = play()
    p.upstream(ev.created('r'))
    expect(p.upstream(ev.added(ev.message('m'), 'u'))).toEqual(['client response.created', 'client conversation.item.added'])
  })

  it('is not brought out by a server-run call', () => {
    const p = play()
    p.upstream(ev.created('r'))
    expect(p.upstream(ev.itemAdded('r', ev.call('c', 'get_weather', '', 'in_progress')))).toEqual([])
    expect(p.upstream({ type: 'response.function_call_arguments.delta', response_id: 'r', item_id: 'item_c', call_id: 'c', delta: '{}' })).toEqual([])
  })

  for (const status of ['cancelled', 'failed', 'incomplete']) {
    it(`comes with response.done where nothing was visible and the response ended ${status}`, () => {
      const p = play()
      p.upstream(ev.created('r'))
      expect(p.upstream(ev.done('r', [], status))).toEqual(['client response.created', 'client response.done'])
    })
  }

  it('is shown with the message beside a server-run call, and response.done without the call', () => {
    const p = play()
    const call = ev.call('c', 'get_weather')
    p.upstream(ev.created('r'))
    expect(p.upstream(ev.itemAdded('r', ev.message('m')))).toEqual(['client response.created', 'client response.output_item.added'])
    expect(p.upstream(ev.itemDone('r', call))).toEqual(['start c'])
    expect(p.upstream(ev.done('r', [ev.message('m'), call]))).toEqual(['client response.done'])
    expect((p.lastTo('client')?.response as { output: unknown[] }).output).toEqual([ev.message('m')])
    expect(p.toolFinished('c')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
  })

  it('carries the upstream’s own bytes on, also after being kept back', () => {
    const p = play()
    const frame = Buffer.from(JSON.stringify(ev.created('r')))
    p.input({ type: 'upstream.event', leg: 1, event: ev.created('r') as never, frame })
    const actions = p.input({ type: 'upstream.event', leg: 1, event: ev.itemAdded('r', ev.message('m')) as never, frame: undefined })
    expect(actions[0]).toMatchObject({ type: 'send', to: 'client', frame })
  })
})

describe('recording', () => {
  it('takes the usage of every response, shown or not, under its id', () => {
    const p = play()
    const usage = { total_tokens: 5, input_tokens: 3, output_tokens: 2 }
    const call = ev.call('c', 'get_weather')
    const done = ev.done('r', [call])
    expect(p.input({ type: 'upstream.event', leg: 1, event: { ...done, response: { ...done.response, usage } } as never, frame: undefined })).toContainEqual({
      type: 'record.usage',
      responseId: 'r',
      usage,
    })
  })

  it('takes rate limits and shows them only where the operator wants it', () => {
    const event = { type: 'rate_limits.updated', event_id: 'e', rate_limits: [{ name: 'tokens', remaining: 5 }] } as never
    const kinds = (forwardRateLimits: boolean) => play({ forwardRateLimits }).input({ type: 'upstream.event', leg: 1, event, frame: undefined })
    expect(kinds(false).filter((action) => action.type !== 'note')).toEqual([{ type: 'record.limits', source: 'event', limits: [{ name: 'tokens', remaining: 5 }] }])
    expect(kinds(true).map((action) => action.type)).toEqual(['record.limits', 'send'])
  })
})

it('null means “not set” at every depth, but for fields of which the API knows a null', () => {
  const p = play({ clientMaySet: new Set(['audio.output.voice', 'audio.input.turn_detection', 'audio.input.transcription', 'output_modalities', 'max_output_tokens']) })
  const sent = (session: object) => {
    expect(p.client({ type: 'session.update', session })).toEqual(['upstream session.update'])
    const { instructions: _i, tools: _t, tool_choice: _c, type: _y, ...rest } = p.lastTo('upstream')?.session as Record<string, unknown>
    return rest
  }
  for (const unset of [{ audio: null }, { audio: { input: null, output: null } }, { audio: { output: { voice: null } } }, { output_modalities: null, max_output_tokens: null }])
    expect(sent(unset)).toEqual({})
  expect(sent({ audio: { input: { turn_detection: null, transcription: null } } })).toEqual({ audio: { input: { turn_detection: null, transcription: null } } })
  expect(p.client({ type: 'response.create', response: { max_output_tokens: null, output_modalities: null, metadata: null } })).toEqual(['upstream response.create'])
})

it('shows back what the client set, and never a model that the server names', () => {
  const paths = ['max_output_tokens', 'truncation', 'audio.input.transcription', 'parallel_tool_calls']
  const inForce = {
    max_output_tokens: 500,
    truncation: 'disabled',
    parallel_tool_calls: false,
    reasoning: { effort: 'low' },
    audio: { input: { transcription: { model: 'secret-deployment', language: 'en', languages: ['en', 'de'], delay: 'low', prompt: 'secret' } } },
  }
  const shown = (clientMaySet: readonly string[], session: object = {}) => {
    const p = play({ clientMaySet: new Set(clientMaySet), session: session as never })
    const now = updated(p.state.profile)
    p.upstream({ ...now, session: { ...(now.session as object), ...inForce } })
    return p.lastTo('client')?.session
  }
  expect(shown(paths)).toMatchObject({
    max_output_tokens: 500,
    truncation: 'disabled',
    parallel_tool_calls: false,
    audio: { input: { transcription: { language: 'en', languages: ['en', 'de'], delay: 'low' } } },
  })
  expect(shown(paths)).not.toHaveProperty('reasoning')
  expect(shown(paths)).not.toHaveProperty('audio.input.transcription.prompt')
  expect(shown(paths, { audio: { input: { transcription: { model: 'secret-deployment' } } } })).not.toHaveProperty('audio.input.transcription.model')
  expect(shown([])).not.toHaveProperty('max_output_tokens')
  expect(shown([])).toMatchObject({ audio: { input: { transcription: { language: 'en' } } } })
})
