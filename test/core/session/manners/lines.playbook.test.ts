// Playbooks for what the relay has the model say by itself: the greeting, questions into silence, and the end of the longest time.
import { describe, expect, it } from 'vitest'
import { NO_AMOUNTS } from '../../../../src/core/policy/quota.js'
import { dueAt } from '../../../../src/core/session/budget.js'
import { ev, play, profile, updated } from '../../../support/playbook.js'
import { callPlay, inForce } from '../call/call-play.js'
import { answered, asked, ENDING, error, mannered, pass, SILENCE, speech, turn } from './manners-play.js'

const GREETING = { greeting: 'Welcome to Contoso.' }
const QUOTA = { quota: { rules: [{ of: 'responses' as const, per: 'minute' as const, max: 1 }], failOpen: false, currency: undefined } }
const GRANTED = { usage: {}, held: NO_AMOUNTS, granted: true }

describe('the greeting', () => {
  it('is asked for as soon as the session is live, in the conversation, without tools, after the instructions', () => {
    const p = play({ manners: GREETING }, 'connecting')
    p.upstream({ type: 'session.created', event_id: 'e', session: { type: 'realtime', id: 'sess_1' } })
    expect(p.upstream(updated(p.state.profile))).toEqual(['client session.created', 'upstream response.create'])
    const response = p.lastTo('upstream')?.response as { instructions: string }
    expect(response).toMatchObject({ tools: [], tool_choice: 'none' })
    expect(response).not.toHaveProperty('conversation')
    expect(response.instructions).toMatch(/^Speak like a lighthouse keeper of the north\.\n\n[\s\S]*\nWelcome to Contoso\.$/)
  })

  it('comes once, also for a profile without instructions', () => {
    const p = play({ manners: GREETING, instructions: '' })
    expect(answered(p, 'resp_1')).toContain('client response.done')
    turn(p, 'resp_2')
    expect(asked(p)).toEqual(['Welcome to Contoso.'])
    expect((p.lastTo('upstream')?.response as { instructions: string }).instructions).toMatch(/^The conversation begins\./)
  })

  it('is not said again if the user was first', () => {
    const p = mannered(GREETING)
    p.upstream(speech.started)
    p.upstream(speech.stopped)
    p.upstream(ev.created('resp_1'))
    expect(p.upstream(error(p, 'conversation_already_has_active_response'))).toEqual([])
    expect(p.upstream(ev.done('resp_1', [ev.message('m')]))).not.toContain('upstream response.create')
    expect(asked(p)).toHaveLength(1)
  })

  it('holds a request of the client back until it is over', () => {
    const p = mannered(GREETING)
    expect(p.client({ type: 'response.create' })).toEqual([])
    expect(answered(p, 'resp_1').at(-1)).toBe('upstream response.create')
    expect(asked(p)).toEqual(['Welcome to Contoso.', ''])
  })

  it('lets the client’s request go if it is refused', () => {
    const p = mannered(GREETING)
    p.client({ type: 'response.create' })
    expect(p.upstream(error(p, 'server_error'))).toEqual(['upstream response.create'])
    expect(asked(p)).toEqual(['Welcome to Contoso.', ''])
  })

  it('reserves its part of a quota first, and is left out if that is spent or the user speaks by then', () => {
    const allowed = mannered(GREETING, QUOTA)
    expect(asked(allowed)).toEqual([])
    expect(allowed.feed({ type: 'quota.reserved', answer: GRANTED })).toEqual(['upstream response.create'])
    const spoken = mannered(GREETING, QUOTA)
    spoken.upstream(speech.started)
    expect(spoken.feed({ type: 'quota.reserved', answer: GRANTED })).toEqual([])
    spoken.upstream(speech.stopped)
    expect(asked(spoken)).toEqual([])
    const unknown = mannered(GREETING, QUOTA)
    expect(unknown.feed({ type: 'quota.reserved', answer: undefined })).toEqual(['client error'])
    expect(asked(unknown)).toEqual([])
  })

  it('is said in a call when the lock is in force, and not by an instance that takes the call over', () => {
    const p = callPlay('media-only', { manners: GREETING }, 'connecting')
    expect(p.upstream(inForce(p))).toContain('upstream response.create')
    const adopted = callPlay('media-only', { manners: GREETING }, 'connecting', 1e12, true)
    expect(adopted.upstream(inForce(adopted))).not.toContain('upstream response.create')
  })
})

describe('silence', () => {
  it('is asked about so often, and then ends the session with a goodbye that is heard', () => {
    const p = mannered({ silence: SILENCE })
    expect(pass(p, 4999)).toEqual([])
    expect(pass(p, 5001)).toEqual(['upstream response.create'])
    answered(p, 'resp_1')
    expect(pass(p, 10_000)).toEqual([])
    expect(pass(p, 10_100)).toEqual(['upstream response.create'])
    answered(p, 'resp_2')
    expect(pass(p, 15_200)).toEqual(['upstream response.create'])
    expect(asked(p)).toEqual([SILENCE.question, SILENCE.question, SILENCE.goodbye])
    answered(p, 'resp_3')
    expect(pass(p, 17_000, (now) => Math.max(0, 17_000 - now))).toEqual([])
    expect(pass(p, 17_600)).toEqual(['close session_over silence'])
  })

  it('begins when the answer was heard, not when it was sent', () => {
    const p = mannered({ silence: SILENCE })
    p.now = 1000
    turn(p, 'resp_1')
    expect(pass(p, 13_999, (now) => Math.max(0, 9000 - now))).toEqual([])
    expect(pass(p, 14_100)).toEqual(['upstream response.create'])
  })

  it('begins when a telephone that came late has played the greeting', () => {
    const p = mannered({ greeting: 'Welcome.', silence: SILENCE })
    answered(p, 'resp_1')
    // Three seconds of it wait for a socket that comes after four.
    const unheard = (now: number) => Math.max(0, Math.min(3000, 7000 - now))
    expect(pass(p, 11_900, unheard)).toEqual([])
    expect(pass(p, 12_700, unheard)).toEqual(['upstream response.create'])
  })

  it('is over with any speech of the user, and questions count from there', () => {
    const p = mannered({ silence: SILENCE })
    for (let at = 1; at <= 4; at++) {
      p.now = at * 20_000
      turn(p, `resp_${at}`)
      expect(pass(p, at * 20_000 + 5100)).toEqual(['upstream response.create'])
      answered(p, `line_${at}`)
    }
    expect(new Set(asked(p))).toEqual(new Set([SILENCE.question]))
  })

  it('is none while the user speaks, a response is under way, a tool runs, or a client is active by text', () => {
    const speaks = mannered({ silence: SILENCE })
    speaks.upstream(speech.started)
    expect(pass(speaks, 20_000)).toEqual([])
    const answers = mannered({ silence: SILENCE })
    answers.upstream(ev.created('resp_1'))
    expect(pass(answers, 20_000)).toEqual([])
    const tools = mannered({ silence: SILENCE })
    const call = ev.call('call_1', 'get_weather')
    tools.upstream(ev.created('resp_1'))
    tools.upstream(ev.itemDone('resp_1', call))
    tools.upstream(ev.done('resp_1', [call]))
    expect(pass(tools, 20_000)).toEqual([])
    const typed = mannered({ silence: SILENCE })
    for (let at = 4000; at <= 20_000; at += 4000) {
      pass(typed, at)
      typed.client({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hm' }] } })
    }
    expect(asked(typed)).toEqual([])
  })

  it('is none while a client works on a call of its own, for half a minute', () => {
    const p = mannered({ silence: SILENCE }, { tools: profile().tools })
    const call = ev.call('call_1', 'show_on_screen')
    p.upstream(ev.created('resp_1'))
    p.upstream(ev.itemDone('resp_1', call))
    p.upstream(ev.done('resp_1', [call]))
    expect(pass(p, 34_900)).toEqual([])
    expect(pass(p, 35_100)).toEqual(['upstream response.create'])
  })

  it('without voice detection is also broken by audio', () => {
    const p = mannered({ silence: SILENCE })
    p.upstream({ ...updated(p.state.profile), session: { ...(updated(p.state.profile).session as object), audio: { input: { turn_detection: null } } } })
    expect(p.state.detectsTurns).toBe(false)
    pass(p, 4000)
    p.heard = { ...p.heard, totalMs: 3000 }
    expect(pass(p, 9900)).toEqual([])
    expect(pass(p, 10_100)).toEqual(['upstream response.create'])
  })

  it('whose goodbye the user breaks into goes on as a conversation', () => {
    const p = mannered({ silence: { ...SILENCE, times: 0 } })
    expect(pass(p, 5001)).toEqual(['upstream response.create'])
    p.upstream(ev.created('resp_1'))
    p.upstream(speech.started)
    p.upstream(ev.done('resp_1', [], 'cancelled'))
    p.upstream(speech.stopped)
    answered(p, 'resp_2')
    expect(pass(p, 9000)).toEqual([])
    expect(p.state.life).toBe('open')
    expect(pass(p, 10_500)).toEqual(['upstream response.create'])
  })

  it('costs an idle session nothing until it is due', () => {
    const p = mannered({ silence: SILENCE })
    p.tick(1)
    expect(dueAt(p.state)).toBe(5001)
  })

  it('in a call is counted from the end of what the upstream plays', () => {
    const p = callPlay('media-only', { manners: { silence: SILENCE } })
    p.upstream({ type: 'output_audio_buffer.started', event_id: 'e', response_id: 'resp_1' })
    expect(pass(p, 20_000)).toEqual([])
    p.upstream({ type: 'output_audio_buffer.stopped', event_id: 'e', response_id: 'resp_1' })
    expect(pass(p, 24_999)).toEqual([])
    expect(pass(p, 25_100)).toEqual(['upstream response.create'])
  })

  it('is not counted while the upstream is lost', () => {
    const p = mannered({ silence: SILENCE }, { limits: { ...profile().limits, reconnectMs: 20_000 } })
    pass(p, 4000)
    p.feed({ type: 'upstream.closed', leg: 1, code: 1006 })
    expect(p.state.manners?.quiet).toBeUndefined()
    expect(asked(p)).toEqual([])
  })
})

describe('the end of the longest time', () => {
  const SHORT = { limits: { ...profile().limits, maxSessionMs: 120_000 } }

  it('is warned of, and there is a goodbye before it', () => {
    const p = mannered({ ending: ENDING }, SHORT)
    expect(pass(p, 59_999)).toEqual([])
    expect(pass(p, 60_000)).toEqual(['upstream response.create'])
    answered(p, 'resp_1')
    expect(pass(p, 109_999)).toEqual([])
    expect(pass(p, 110_000)).toEqual(['upstream response.create'])
    answered(p, 'resp_2')
    expect(asked(p)).toEqual([ENDING.warning, ENDING.goodbye])
    expect(pass(p, 112_000, (now) => Math.max(0, 112_500 - now))).toEqual([])
    expect(pass(p, 119_000)).toEqual(['close session_over maximum_length'])
    expect(p.now).toBeLessThanOrEqual(119_000)
  })

  it('is warned of when the floor is free', () => {
    const p = mannered({ ending: ENDING }, SHORT)
    p.now = 59_000
    p.upstream(speech.started)
    expect(pass(p, 61_000)).toEqual([])
    p.upstream(speech.stopped)
    p.upstream(ev.created('resp_1'))
    expect(pass(p, 62_000)).toEqual([])
    expect(p.upstream(ev.done('resp_1', [ev.message('m')]))).toEqual(['client response.created', 'client response.done', 'upstream response.create'])
    expect(asked(p)).toEqual([ENDING.warning])
  })

  it('waits for an answer that may be about to begin, and not for one that does not come', () => {
    const p = mannered({ ending: ENDING }, SHORT)
    p.now = 59_500
    p.upstream(speech.started)
    p.upstream(speech.stopped)
    expect(pass(p, 61_400)).toEqual([])
    expect(pass(p, 61_500)).toEqual(['upstream response.create'])
  })

  it('cuts short what is being said in the last seconds', () => {
    const p = mannered({ ending: ENDING }, SHORT)
    pass(p, 60_000)
    answered(p, 'warning')
    p.upstream(ev.created('resp_1'))
    expect(pass(p, 113_999)).toEqual([])
    expect(pass(p, 114_000)).toEqual(['upstream response.cancel'])
    expect(p.upstream(ev.done('resp_1', [], 'cancelled')).at(-1)).toBe('upstream response.create')
    expect(asked(p).at(-1)).toBe(ENDING.goodbye)
    expect(pass(p, 119_999)).toEqual([])
    expect(pass(p, 120_000)[0]).toMatch(/^(park|close) session_over maximum_length/)
  })

  it('does not wait for tools, and nothing is asked for after the goodbye', () => {
    const p = mannered({ ending: ENDING }, SHORT)
    pass(p, 60_000)
    answered(p, 'warning')
    pass(p, 109_000)
    const call = ev.call('call_1', 'get_weather')
    p.upstream(ev.created('resp_1'))
    p.upstream(ev.itemDone('resp_1', call))
    p.upstream(ev.done('resp_1', [call]))
    expect(pass(p, 110_000)).toEqual(['upstream response.create'])
    answered(p, 'goodbye')
    expect(asked(p)).toEqual([ENDING.warning, ENDING.goodbye])
    expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create'])
  })

  it('tries its goodbye again if another response was faster', () => {
    const p = mannered({ ending: ENDING }, SHORT)
    pass(p, 60_000)
    answered(p, 'warning')
    pass(p, 110_000)
    p.upstream(ev.created('resp_1'))
    expect(p.upstream(error(p, 'conversation_already_has_active_response'))).toEqual([])
    expect(p.upstream(ev.done('resp_1', [ev.message('m')])).at(-1)).toBe('upstream response.create')
    expect(asked(p)).toEqual([ENDING.warning, ENDING.goodbye, ENDING.goodbye])
  })

  it('is the end whatever becomes of the goodbye', () => {
    const p = mannered({ ending: ENDING }, SHORT)
    pass(p, 110_000)
    p.upstream(speech.started)
    expect(pass(p, 130_000)[0]).toMatch(/^park session_over maximum_length/)
  })
})
