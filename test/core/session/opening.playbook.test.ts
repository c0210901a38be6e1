// Playbooks for the opening: our configuration goes first, nothing is live before it is seen in force, and a refusal is told from a timeout.
import { describe, expect, it } from 'vitest'
import type { SessionProfile } from '../../../src/core/policy/profile.js'
import type { JsonObject, RealtimeEvent } from '../../../src/core/protocol/events.js'
import { lanesOf } from '../../../src/core/session/state.js'
import { ev, type Play, PREFIX, play, profile, tool, updated } from '../../support/playbook.js'

const created = {
  type: 'session.created',
  event_id: 'event_0',
  session: { type: 'realtime', object: 'realtime.session', id: 'sess_1', model: 'gpt', instructions: 'Default.', tools: [] },
}

function inForce(owned: SessionProfile, change: JsonObject = {}): RealtimeEvent {
  const event = updated(owned)
  return { ...event, session: { ...(event.session as JsonObject), ...change } }
}

/** Connected, our update sent, its answer still to come. */
function configuring(change: Partial<SessionProfile> = {}): Play {
  const p = play(change, 'connecting')
  expect(p.upstream(created)).toEqual(['upstream session.update'])
  return p
}

describe('our session.update', () => {
  it('is the first event upstream gets, with nothing done by the client, and carries all that the server sets', () => {
    const p = play({ session: { output_modalities: ['audio'], max_output_tokens: 500, audio: { output: { voice: 'marin' } } } }, 'connecting')
    expect(p.upstream(created)).toEqual(['upstream session.update'])
    const { event_id: eventId, ...update } = p.lastTo('upstream') as RealtimeEvent
    expect(String(eventId).startsWith(PREFIX)).toBe(true)
    expect(update).toEqual({
      type: 'session.update',
      session: {
        type: 'realtime',
        instructions: profile().instructions,
        tools: profile().tools.map((one) => one.definition),
        tool_choice: 'auto',
        output_modalities: ['audio'],
        max_output_tokens: 500,
        audio: { output: { voice: 'marin' } },
      },
    })
  })

  it("cannot be weakened by the profile's own session fields", () => {
    const p = play({ session: { instructions: 'other', tools: [], type: 'transcription', tool_choice: 'required' } }, 'connecting')
    p.upstream(created)
    expect(p.lastTo('upstream')?.session).toMatchObject({ type: 'realtime', instructions: profile().instructions, tool_choice: 'required' })
    expect((p.lastTo('upstream')?.session as { tools: unknown[] }).tools).toHaveLength(3)
  })

  it('shares no object with the profile', () => {
    const session = { audio: { output: { voice: 'marin' } } }
    const p = play({ session }, 'connecting')
    p.upstream(created)
    expect((p.lastTo('upstream')?.session as JsonObject).audio).not.toBe(session.audio)
  })
})

describe('going live', () => {
  it('waits for session.updated, then shows one session.created that tells nothing of the server’s', () => {
    const p = configuring()
    expect(p.state.upstream.phase).toBe('configuring')
    expect(p.allTo('client')).toEqual([])
    expect(p.upstream(inForce(p.state.profile, { audio: { output: { voice: 'marin' } } }))).toEqual(['client session.created'])
    expect(p.state.upstream.phase).toBe('ready')
    expect(p.lastTo('client')).toEqual({
      type: 'session.created',
      event_id: 'event_0',
      session: {
        type: 'realtime',
        id: 'sess_1',
        model: 'realtime',
        instructions: '',
        tools: [tool('show_on_screen', 'client').definition],
        tool_choice: 'auto',
        audio: { output: { voice: 'marin' }, input: { transcription: null } },
      },
    })
  })

  it('opens the lanes then and not before', () => {
    const p = play({}, 'connecting')
    expect(lanesOf(p.state)).toEqual({ client: 'hold', upstream: 'parse' })
    p.upstream(created)
    expect(lanesOf(p.state)).toEqual({ client: 'hold', upstream: 'parse' })
    p.upstream(updated(p.state.profile))
    expect(lanesOf(p.state)).toEqual({ client: 'pass', upstream: 'pass' })
    p.feed({ type: 'upstream.closed', leg: 1, code: 1006 })
    expect(lanesOf(p.state)).toEqual({ client: 'drop', upstream: 'drop' })
  })

  it('sends nothing of the client’s before, whatever it is', () => {
    const p = play({}, 'connecting')
    expect(p.client({ type: 'session.update', session: { instructions: 'mine' } })).toEqual([])
    p.upstream(created)
    expect(p.client({ type: 'response.create' })).toEqual([])
    expect(p.allTo('upstream')).toHaveLength(1)
  })

  it('shows what came in between after session.created, in order', () => {
    const p = configuring()
    expect(p.upstream({ type: 'conversation.created', event_id: 'e', conversation: { id: 'conv_1' } })).toEqual([])
    expect(p.upstream({ type: 'input_audio_buffer.cleared', event_id: 'e' })).toEqual([])
    expect(p.upstream(updated(p.state.profile))).toEqual(['client session.created', 'client conversation.created', 'client input_audio_buffer.cleared'])
  })

  it('keeps a bounded number of those', () => {
    const p = configuring()
    for (let n = 0; n < 40; n++) p.upstream({ type: 'input_audio_buffer.cleared', event_id: `e${n}` })
    const lines = p.upstream(updated(p.state.profile))
    expect(lines).toHaveLength(17)
    expect(p.lastTo('client')?.event_id).toBe('e15')
  })

  it('happens once: a later session.created is not shown', () => {
    const p = play()
    expect(p.upstream(created)).toEqual([])
    expect(p.state.upstream.phase).toBe('ready')
  })

  it('takes instructions for ours that the upstream trimmed, as a file ends in a line break', () => {
    const p = configuring({ instructions: 'Line one.\r\nLine two.\n' })
    expect(p.upstream(inForce(p.state.profile, { instructions: 'Line one.\nLine two.' }))).toEqual(['client session.created'])
  })

  it('leaves a default in force where the server sets no instructions, since upstream takes empty ones for none', () => {
    const p = configuring({ instructions: '' })
    expect(p.upstream(inForce(p.state.profile, { instructions: 'Your knowledge cutoff is 2023-10.' }))).toEqual(['client session.created'])
    expect(p.lastTo('client')?.session).toMatchObject({ instructions: '' })
  })
})

describe('a session that is not what the server wants', () => {
  const mismatches: readonly (readonly [string, JsonObject])[] = [
    ['default instructions', { instructions: 'You are a helpful assistant.' }],
    ['no instructions', { instructions: null }],
    ['no tools', { tools: [] }],
    ['one tool less', { tools: [tool('get_weather').definition, tool('get_time').definition] as never }],
    ['one tool more', { tools: [...profile().tools.map((one) => one.definition), tool('delete_all').definition] as never }],
    ['another tool in the place of one', { tools: ['get_weather', 'get_time', 'delete_all'].map((name) => tool(name).definition) as never }],
    ['one tool twice', { tools: ['get_weather', 'get_weather', 'get_time', 'show_on_screen'].map((name) => tool(name).definition) as never }],
    ['tools that are no list', { tools: 'auto' }],
  ]
  for (const [name, change] of mismatches) {
    it(`never goes live: ${name}`, () => {
      const p = configuring()
      expect(p.upstream(inForce(p.state.profile, change))).toEqual(['close upstream_refused configuration_not_in_force'])
      expect(p.allTo('client')).toEqual([])
    })
  }

  it('nor without a session in session.updated', () => {
    const p = configuring()
    expect(p.upstream({ type: 'session.updated', event_id: 'e' })).toEqual(['close upstream_refused configuration_not_in_force'])
  })

  it('nor after an error, which leaves the defaults in force', () => {
    const p = configuring()
    const ours = p.lastTo('upstream')?.event_id as string
    expect(p.upstream(ev.error('unknown_parameter', ours))).toEqual(['close upstream_refused configuration_refused'])
    expect(p.upstream(updated(p.state.profile))).toEqual([])
    expect(p.allTo('client')).toEqual([])
  })
})

describe('an upstream that refuses after 101', () => {
  it('is told by its error; the close that follows says nothing more', () => {
    const p = play({}, 'connecting')
    expect(p.upstream(ev.error('invalid_api_key'))).toEqual(['close upstream_refused refused_after_101'])
    expect(p.feed({ type: 'upstream.closed', leg: 1, code: 3000 })).toEqual([])
    expect(p.allTo('client')).toEqual([])
  })

  it('for overload asks the client to come back later', () => {
    expect(play({}, 'connecting').upstream(ev.error('rate_limit_exceeded'))).toEqual(['close rate_limited refused_after_101'])
    expect(configuring().upstream(ev.error('inference_rate_limit_exceeded'))).toEqual(['close rate_limited configuration_refused'])
  })

  it('or only closes', () => {
    expect(play({}, 'connecting').feed({ type: 'upstream.closed', leg: 1, code: 4004 })).toEqual(['close upstream_refused closed_before_live'])
    expect(configuring().feed({ type: 'upstream.closed', leg: 1, code: 1001 })).toEqual(['close upstream_refused closed_before_live'])
  })

  it('counts its code under a fixed label', () => {
    const notes = (code: string) =>
      play({}, 'connecting')
        .input({ type: 'upstream.event', leg: 1, event: ev.error(code) as RealtimeEvent, frame: undefined })
        .filter((action) => action.type === 'note')
    expect(notes('invalid_api_key')).toEqual([{ type: 'note', note: { type: 'upstream_error', code: 'invalid_api_key' } }])
    expect(notes('user-chosen label 4711')).toEqual([{ type: 'note', note: { type: 'upstream_error', code: 'other' } }])
  })
})

describe('time to configure', () => {
  it('ends by tick while connecting', () => {
    const p = play({}, 'connecting')
    expect(p.tick(9_999)).toEqual([])
    expect(p.tick(10_000)).toEqual(['close upstream_timeout still_connecting'])
  })

  it('ends by tick while configuring, however much comes in meanwhile', () => {
    const p = configuring()
    p.upstream({ type: 'input_audio_buffer.cleared', event_id: 'e' })
    expect(p.tick(9_999, true)).toEqual([])
    expect(p.tick(10_000, true)).toEqual(['close upstream_timeout still_configuring'])
  })

  it('is noted when it was enough', () => {
    const p = play({}, 'connecting')
    p.upstream(created)
    p.tick(750)
    const actions = p.input({ type: 'upstream.event', leg: 1, event: updated(p.state.profile), frame: undefined })
    expect(actions).toContainEqual({ type: 'note', note: { type: 'configured', durationMs: 750 } })
  })
})
