// Playbooks of interruptions: who may interrupt when, what of the answer counts as heard, and what the model, the client and a next upstream are told of it.
import { describe, expect, it } from 'vitest'
import { itemsOf } from '../../../../src/core/session/kept-items.js'
import { ev, tool } from '../../../support/playbook.js'
import { playingPlay, RELAY } from './playing-play.js'

const cut = (item: string, ms: number) => [`truncate ${item} ${ms}`, `told ${item} ${ms}`]
const delta = (responseId: string, itemId = `m_${responseId}`, type = 'response.output_audio_transcript.delta') => ({
  ...{ type, event_id: 'e', response_id: responseId, item_id: itemId, output_index: 0, content_index: 0, delta: 'AAAA' },
})

/** An answer of a second is being said, for `forMs` by now. */
function saying(forMs: number, interruption = RELAY, change: Parameters<typeof playingPlay>[1] = {}) {
  const p = playingPlay(interruption, change)
  p.now = 1000
  p.begins('r1')
  p.says('r1', 1000)
  p.now += forMs
  return p
}

describe('speech into an answer, with truncate: relay', () => {
  it.each([0, 20, 777, 999])('after %i ms truncates it there, and the upstream cancels it', (ms) => {
    const p = saying(ms)
    expect(p.speech('speech_started')).toContain('client input_audio_buffer.speech_started')
    expect(p.did).toEqual(['clear', ...cut('m_r1', ms)])
    expect(p.lastTo('upstream')).toMatchObject({ content_index: 0, event_id: expect.stringMatching(/^relay_/) })
    expect(p.lastTo('client')).toEqual({ type: 'relay.interrupted', event_id: expect.any(String), item_id: 'm_r1', heard_ms: ms })
    p.ends('r1', 'cancelled', 'turn_detected')
    expect(p.did).toEqual([])
  })

  it('after its end truncates nothing', () => {
    const p = saying(1000)
    p.ends('r1')
    p.speech('speech_started')
    expect(p.did).toEqual([])
  })

  it('after all that has come so far: what comes too late is cut off behind it', () => {
    const p = saying(1000)
    p.speech('speech_started')
    expect(p.did).toEqual(['clear'])
    const dropped = p.input({ type: 'upstream.event', leg: 1, event: delta('r1', 'm_r1', 'response.output_audio.delta') as never, frame: undefined })
    expect(dropped.map(({ type }) => type)).toEqual(['note', 'playback.drop'])
  })

  it('between two items: the first where it was heard, the second not at all', () => {
    const p = saying(400)
    p.upstream(ev.added({ ...ev.message('m2'), status: 'in_progress', content: [] }, 'm_r1'))
    p.says('r1', 500, 'm2')
    p.speech('speech_started')
    expect(p.did).toEqual(['clear', ...cut('m_r1', 400), ...cut('m2', 0)])
  })

  it('once the upstream is done with it, what was not heard is truncated all the same', () => {
    const p = saying(300)
    p.ends('r1')
    p.speech('speech_started')
    expect(p.did).toEqual(['clear', ...cut('m_r1', 300)])
    expect(p.state.playing.discarded).toBeUndefined()
  })

  it('twice in 200 ms truncates once', () => {
    const p = saying(300)
    p.speech('speech_started')
    p.now += 100
    p.speech('speech_stopped')
    p.now += 100
    p.speech('speech_started', 'u2')
    expect(p.did.filter((line) => line !== 'clear')).toEqual([])
  })

  it('during a tool call leaves the tool at work', () => {
    const p = saying(500)
    p.upstream(ev.itemDone('r1', ev.call('c1', 'get_weather')))
    p.upstream(ev.done('r1', [ev.call('c1', 'get_weather')]))
    const lines = p.speech('speech_started')
    expect(lines).not.toContain('cancel c1')
    expect(p.did).toEqual(['clear', ...cut('m_r1', 500)])
    expect(p.toolFinished('c1')).toContain('upstream response.create')
  })

  it('drops what still comes of it until its end, and nothing of the next', () => {
    const p = saying(300)
    expect(p.upstream(delta('r1'))).toEqual(['client response.output_audio_transcript.delta'])
    p.speech('speech_started')
    expect(p.upstream(delta('r1'))).toEqual([])
    expect(p.upstream(delta('r2'))).toEqual(['client response.output_audio_transcript.delta'])
    p.ends('r1', 'cancelled', 'turn_detected')
    expect(p.upstream(delta('r1'))).toEqual(['client response.output_audio_transcript.delta'])
  })

  it('is remembered for a next upstream at once, and stays so when the item is done', () => {
    const p = saying(300)
    p.speech('speech_started')
    const heard = () => itemsOf(p.state.conversation).find(({ id }) => id === 'm_r1')?.heardMs
    expect(heard()).toBe(300)
    p.upstream({ type: 'conversation.item.done', event_id: 'x', previous_item_id: null, item: ev.message('m_r1') })
    expect(heard()).toBe(300)
  })

  it('is told to no client that has no relay events', () => {
    const p = saying(300, RELAY, { relayEvents: false })
    p.speech('speech_started')
    expect(p.did).toEqual(['clear', 'truncate m_r1 300'])
  })

  it('a line beside the conversation is cleared, and not truncated', () => {
    const p = saying(1000)
    p.ends('r1')
    p.says('aside', 500, 'line')
    p.speech('speech_started')
    expect(p.did).toEqual(['clear'])
  })

  it('does nothing if speech is not to interrupt upstream', () => {
    const p = playingPlay(RELAY, {}, { type: 'semantic_vad', interrupt_response: false })
    p.begins('r1')
    p.says('r1', 1000)
    p.speech('speech_started')
    expect(p.did).toEqual([])
  })

  it('is believed of the service also without a beginning of speech', () => {
    const p = saying(250)
    p.ends('r1', 'cancelled', 'turn_detected')
    expect(p.did).toEqual(['clear', ...cut('m_r1', 250)])
  })

  it('an error about a truncation is not the client’s', () => {
    const p = saying(300)
    p.speech('speech_started')
    const cause = p.allTo('upstream').findLast(({ type }) => type === 'conversation.item.truncate')?.event_id
    expect(p.upstream(ev.error('invalid_value', String(cause)))).toEqual([])
  })
})

describe('a client', () => {
  const truncate = (ms: number, item = 'm_r1') => ({ type: 'conversation.item.truncate', event_id: 'mine', item_id: item, content_index: 0, audio_end_ms: ms })

  it('that cancels interrupts as speech does, and may name the response', () => {
    for (const named of [{}, { response_id: 'r1' }]) {
      const p = saying(300)
      p.client({ type: 'response.cancel', ...named })
      expect(p.did).toEqual([`cancel ${'response_id' in named ? 'r1' : 'undefined'}`, 'clear', ...cut('m_r1', 300)])
    }
  })

  it('that cancels another response interrupts nothing', () => {
    const p = saying(300)
    p.client({ type: 'response.cancel', response_id: 'r0' })
    expect(p.did).toEqual(['cancel r0'])
  })

  it('that cancels what is only played on by now stops that', () => {
    const p = saying(300)
    p.ends('r1')
    p.client({ type: 'response.cancel', response_id: 'r0' })
    expect(p.did).toEqual(['cancel r0'])
    p.client({ type: 'response.cancel', response_id: 'r1' })
    expect(p.did).toEqual(['clear', ...cut('m_r1', 300)])
    p.client({ type: 'response.cancel' })
    expect(p.did).toEqual(['cancel undefined'])
  })

  it('that clears the audio stops the answer, which goes on for nobody', () => {
    const p = saying(300)
    p.client({ type: 'output_audio_buffer.clear' })
    expect(p.did).toEqual(['cancel r1', 'clear', ...cut('m_r1', 300)])
    expect(p.lastTo('client')).toEqual({ type: 'output_audio_buffer.cleared', event_id: expect.any(String), response_id: 'r1' })
    p.ends('r1', 'cancelled', 'client_cancelled')
    p.client({ type: 'output_audio_buffer.clear' })
    expect(p.did).toEqual([])
  })

  it('that truncates first is believed, and what was behind is not heard', () => {
    const p = saying(300)
    p.upstream(ev.added({ ...ev.message('m2'), status: 'in_progress', content: [] }, 'm_r1'))
    p.says('r1', 500, 'm2')
    p.client(truncate(280))
    expect(p.did).toEqual(['truncate m_r1 280', 'clear', ...cut('m2', 0)])
    p.speech('speech_started')
    expect(p.did.filter((line) => line.startsWith('truncate'))).toEqual([])
  })

  it('that truncates what goes on being said is not followed by the relay, and is held to what was sent', () => {
    const p = saying(300)
    p.client(truncate(1200))
    expect(p.did).toEqual(['truncate m_r1 1000', 'clear'])
    p.says('r1', 400)
    p.speech('speech_started')
    expect(p.did).toEqual(['clear'])
  })

  it('that truncates later, where the relay has, hears that it is done', () => {
    const p = saying(300)
    p.speech('speech_started')
    p.client(truncate(350))
    expect(p.did).toEqual(['truncated m_r1 300'])
    p.client(truncate(300))
    expect(p.did).toEqual(['truncated m_r1 300'])
    p.client(truncate(120))
    expect(p.did).toEqual(['truncate m_r1 120'])
  })

  it('of its own truncates is left alone otherwise', () => {
    const p = saying(300, { bargeIn: 'allow', truncate: 'client' })
    p.speech('speech_started')
    expect(p.did).toEqual([])
    p.client(truncate(290))
    expect(p.did).toEqual(['truncate m_r1 290', 'clear'])
    p.client(truncate(300))
    expect(p.did).toEqual(['truncate m_r1 300'])
  })
})

describe('bargeIn: protect', () => {
  const protect = { bargeIn: 'protect', truncate: 'relay' } as const

  it('has the answer finished, and the turn answered after it', () => {
    const p = saying(500, protect)
    p.speech('speech_started')
    p.now += 5000
    p.speech('speech_stopped')
    expect(p.did).toEqual([])
    p.speech('committed')
    expect(p.did).toEqual([])
    p.ends('r1')
    expect(p.did).toEqual(['create'])
  })

  it('asks for the answer at once if none is under way', () => {
    const p = playingPlay(protect)
    p.speech('speech_started')
    p.speech('speech_stopped')
    p.speech('committed')
    expect(p.did).toEqual(['create'])
  })

  it('is not seen by the client: its wish is what it reads', () => {
    const p = playingPlay(protect)
    const turns = (event: unknown) => (event as { session: { audio: { input: { turn_detection: object } } } }).session.audio.input.turn_detection
    expect(turns(p.allTo('upstream')[0])).toEqual({ type: 'server_vad', create_response: false, interrupt_response: false })
    p.client({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: { type: 'semantic_vad', interrupt_response: false } } } } })
    expect(turns(p.lastTo('upstream'))).toEqual({ type: 'semantic_vad', create_response: false, interrupt_response: false })
    p.client({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: { type: 'server_vad' } } } } })
    expect(turns(p.lastTo('upstream'))).toEqual({ type: 'server_vad', create_response: false, interrupt_response: false })
    p.upstream({ ...p.lastTo('upstream'), type: 'session.updated' })
    expect(turns(p.lastTo('client'))).toEqual({ type: 'server_vad', create_response: true, interrupt_response: true })
  })

  it('the client may still cancel', () => {
    const p = saying(500, protect)
    p.client({ type: 'response.cancel' })
    expect(p.did).toEqual(['cancel undefined', 'clear', ...cut('m_r1', 500)])
  })

  it('push-to-talk has no turns that the relay would answer', () => {
    const p = playingPlay(protect)
    p.client({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: null } } } })
    expect(p.lastTo('upstream')).toMatchObject({ session: { audio: { input: { turn_detection: null } } } })
    p.client({ type: 'input_audio_buffer.commit' })
    p.speech('committed')
    expect(p.did).toEqual([])
  })
})

describe('minSpeechMs and protectMs', () => {
  const late = { bargeIn: 'allow', minSpeechMs: 300, truncate: 'relay' } as const
  const shielded = { bargeIn: 'allow', protectMs: 800, truncate: 'relay' } as const

  it('speech that is shorter does not interrupt, and is answered afterwards', () => {
    const p = saying(100, late)
    p.speech('speech_started')
    expect(p.did).toEqual([])
    p.now += 299
    p.speech('speech_stopped')
    expect(p.did).toEqual([])
    p.speech('committed')
    p.tick(5000)
    expect(p.did).toEqual([])
    p.ends('r1')
    expect(p.did).toEqual(['create'])
  })

  it('speech that lasts interrupts when it has lasted, by the relay’s own cancel', () => {
    const p = saying(100, late)
    p.speech('speech_started')
    p.tick(1399)
    expect(p.did).toEqual([])
    p.tick(1400)
    expect(p.did).toEqual(['cancel r1', 'clear', ...cut('m_r1', 400)])
    p.ends('r1', 'cancelled', 'client_cancelled')
    p.speech('speech_stopped')
    p.speech('committed')
    expect(p.did).toEqual(['create'])
  })

  it('speech that goes on after all was heard leaves no time behind at which anything is due', () => {
    const p = saying(900, late)
    p.speech('speech_started')
    p.ends('r1')
    p.tick(2200)
    expect(p.did).toEqual([])
    expect(p.state.playing).toMatchObject({ speechAt: 1900, dueAt: undefined })
  })

  it('speech of which the upstream knows the end only after a silence may have been shorter by that', () => {
    const p = playingPlay(late, {}, { type: 'server_vad', silence_duration_ms: 200 })
    p.now = 1000
    p.begins('r1')
    p.says('r1', 2000)
    p.speech('speech_started')
    p.tick(1499)
    expect(p.did).toEqual([])
    p.tick(1500)
    expect(p.did).toEqual(['cancel r1', 'clear', ...cut('m_r1', 500)])
  })

  it('any event after that time is late enough', () => {
    const p = saying(100, late)
    p.speech('speech_started')
    p.now = 1450
    p.upstream(delta('r1'))
    expect(p.did).toEqual(['cancel r1', 'clear', ...cut('m_r1', 450)])
  })

  it('an answer is protected while its playback is young, and speech that goes on interrupts it then', () => {
    const p = saying(100, shielded)
    p.speech('speech_started')
    p.tick(1799)
    expect(p.did).toEqual([])
    p.tick(1800)
    expect(p.did).toEqual(['cancel r1', 'clear', ...cut('m_r1', 800)])
  })

  it('speech that ends within the protection does not interrupt', () => {
    const p = saying(100, shielded)
    p.speech('speech_started')
    p.now += 600
    p.speech('speech_stopped')
    p.tick(5000)
    expect(p.did).toEqual([])
  })

  it('an older answer is interrupted at once', () => {
    const p = saying(850, shielded)
    p.speech('speech_started')
    expect(p.did).toEqual(['cancel r1', 'clear', ...cut('m_r1', 850)])
  })

  it('an answer that nobody has begun to hear is not protected, and one that begins meanwhile is', () => {
    const p = playingPlay({ ...shielded, minSpeechMs: 200 })
    p.now = 1000
    p.upstream(ev.created('r1'))
    p.speech('speech_started')
    p.tick(1200)
    expect(p.did).toEqual(['cancel r1', 'clear'])
    const q = playingPlay({ ...shielded, minSpeechMs: 200 })
    q.now = 1000
    q.begins('r1')
    q.speech('speech_started')
    q.now = 1100
    q.says('r1', 2000)
    q.tick(1200)
    expect(q.did).toEqual([])
    q.tick(1900)
    expect(q.did).toEqual(['cancel r1', 'clear', ...cut('m_r1', 800)])
  })

  it('an answer that is asked for and has not begun is cancelled as it begins', () => {
    const p = playingPlay(late)
    p.now = 1000
    p.speech('committed')
    expect(p.did).toEqual(['create'])
    p.speech('speech_started', 'u2')
    p.tick(1500)
    expect(p.did).toEqual([])
    p.upstream(ev.created('r1'))
    expect(p.did).toEqual(['cancel r1', 'clear'])
  })

  it('speech while nothing is said interrupts nothing that comes later', () => {
    const p = playingPlay(late)
    p.now = 1000
    p.speech('speech_started')
    p.now = 2000
    p.begins('r1')
    p.says('r1', 1000)
    p.tick(2500)
    expect(p.did).toEqual([])
  })

  it('a client that wants no interruption has none', () => {
    const p = playingPlay(late)
    p.client({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: { type: 'server_vad', interrupt_response: false } } } } })
    p.begins('r1')
    p.says('r1', 1000)
    p.speech('speech_started')
    p.tick(p.now + 900)
    expect(p.did).toEqual([])
  })

  it('with truncate: client the answer is cancelled, and the rest is the client’s', () => {
    const p = saying(100, { ...late, truncate: 'client' })
    p.speech('speech_started')
    p.tick(1400)
    expect(p.did).toEqual(['cancel r1'])
  })

  it('a lost upstream forgets the speech', () => {
    const p = saying(100, late, { limits: { ...playingPlay(undefined).state.profile.limits, reconnectMs: 10_000 } })
    p.speech('speech_started')
    expect(p.state.playing.speechAt).toBe(1100)
    p.feed({ type: 'upstream.closed', leg: 1, code: 1006, said: [] })
    expect(p.state.playing).toMatchObject({ speechAt: undefined, dueAt: undefined, discarded: undefined })
  })
})

describe('a session without interruption', () => {
  it('keeps no state of it, and does as before', () => {
    const p = playingPlay(undefined, { tools: [tool('get_weather')] })
    const { playing } = p.state
    p.begins('r1')
    p.says('r1', 1000)
    p.speech('speech_started')
    p.client({ type: 'response.cancel' })
    p.client({ type: 'conversation.item.truncate', item_id: 'm_r1', content_index: 0, audio_end_ms: 10 })
    expect(p.did).toEqual(['truncate m_r1 10'])
    expect(p.state.playing).toBe(playing)
  })
})
