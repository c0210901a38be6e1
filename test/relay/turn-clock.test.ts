// Times of turns, to the millisecond: from the end of speech or a request to the first of the answer, through tools, interruptions and every end.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Note } from '../../src/ports/notes.js'
import { Playback } from '../../src/relay/playback.js'
import { Timetable } from '../../src/relay/timetable.js'
import { settle } from '../support/memory-link.js'
import { ev, profile, tool, updated } from '../support/playbook.js'
import { type Lab, type LabOptions, openLab } from '../support/relay-lab.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] }))
afterEach(() => vi.useRealTimers())

const TURN_NOTES = ['answer_begun', 'transcribed', 'barge_in', 'audio_ahead', 'audio_starved', 'turn_ended']
const notes = (lab: Lab) => lab.notes.filter(({ type }) => TURN_NOTES.includes(type))
const begun = (what: 'audio' | 'text', ms: number, more: object = {}): object => ({
  ...{ type: 'answer_begun', with: what, ms, turn: 'spoken', tools: false, profile: 'default', upstream: 'east' },
  ...more,
})
const ended = (end: string, more: object = {}): object => ({ type: 'turn_ended', end, turn: 'spoken', toolMs: undefined, ...more })
const place = (responseId: string) => ({ event_id: 'e', response_id: responseId, item_id: `m_${responseId}`, output_index: 0, content_index: 0 })
const MS_BYTES = 48

interface Call extends Lab {
  heard(type: string, itemId?: string): void
  /** A response begins with a message of the assistant's. */
  begins(id: string): void
  /** So much audio of it. */
  audio(id: string, ms: number): void
  words(id: string): void
}

async function call(options: LabOptions = {}, answers = true): Promise<Call> {
  const lab = openLab({ upstreamName: 'east', ...options })
  await lab.live()
  const { session } = updated(lab.owned) as unknown as { session: object }
  lab.upstream.say({ type: 'session.updated', event_id: 'e', session: { ...session, audio: { input: { turn_detection: { type: 'server_vad', create_response: answers } } } } })
  await settle()
  return Object.assign(lab, {
    heard: (type: string, itemId = 'u1') => void lab.upstream.say({ type: `input_audio_buffer.${type}`, event_id: 'e', item_id: itemId }),
    begins(id: string) {
      lab.upstream.say(ev.created(id))
      lab.upstream.say(ev.itemAdded(id, { ...ev.message(`m_${id}`), status: 'in_progress', content: [] }))
    },
    audio: (id: string, ms: number) => void lab.upstream.say({ type: 'response.output_audio.delta', ...place(id), delta: Buffer.alloc(ms * MS_BYTES).toString('base64') }),
    words: (id: string) => void lab.upstream.say({ type: 'response.output_audio_transcript.delta', ...place(id), delta: 'hi' }),
  })
}

/** The user has spoken, and the first 500 ms of the answer came after 420 ms. */
async function answering(): Promise<Call> {
  const lab = await call()
  lab.heard('speech_started')
  lab.heard('speech_stopped')
  await lab.pass(420)
  lab.begins('r1')
  lab.audio('r1', 500)
  await settle()
  expect(notes(lab)).toEqual([begun('audio', 420)])
  lab.forget()
  return lab
}

describe('a spoken turn', () => {
  it('is timed from the end of speech to words, audio and the user’s own words', async () => {
    const lab = await call()
    lab.heard('speech_started')
    await lab.pass(900)
    lab.heard('speech_stopped')
    await lab.pass(10)
    lab.heard('committed')
    await lab.pass(290)
    lab.begins('r1')
    lab.words('r1')
    await lab.pass(50)
    for (const ms of [200, 200]) lab.audio('r1', ms)
    await lab.pass(250)
    lab.upstream.say({ type: 'conversation.item.input_audio_transcription.completed', event_id: 'e', item_id: 'u1', content_index: 0, transcript: 'Hello' })
    lab.upstream.say(ev.done('r1'))
    await settle()
    expect(notes(lab)).toEqual([begun('text', 300), begun('audio', 350), { type: 'transcribed', ms: 600 }, ended('completed')])
    expect(lab.noted('first_audio')).toEqual([{ type: 'first_audio', responseId: 'r1', afterMs: 50 }])
  })

  it('has its first words also if they pass unread', async () => {
    const lab = await call({ profile: { limits: { ...profile().limits, reconnectMs: 10_000 } } })
    for (const id of ['r1', 'r2']) {
      lab.heard('speech_stopped', id)
      await lab.pass(300)
      lab.begins(id)
      for (let n = 0; n < 3; n++) lab.words(id)
      await lab.pass(100)
      lab.upstream.say(ev.done(id))
      await settle()
    }
    expect(notes(lab)).toEqual([begun('text', 300), ended('completed'), begun('text', 300), ended('completed')])
  })

  it('of a client of another dialect, whose audio is written anew, is timed as well', async () => {
    const lab = await call({ clientDialect: 'preview' })
    lab.heard('speech_stopped')
    await lab.pass(333)
    lab.begins('r1')
    lab.audio('r1', 100)
    await settle()
    expect(notes(lab)).toEqual([begun('audio', 333)])
  })

  it('begins anew when the user goes on before an answer has begun', async () => {
    const lab = await call()
    lab.heard('speech_stopped')
    await lab.pass(400)
    lab.heard('speech_started', 'u2')
    await lab.pass(1000)
    lab.heard('speech_stopped', 'u2')
    await lab.pass(200)
    lab.begins('r1')
    lab.audio('r1', 100)
    lab.upstream.say(ev.done('r1'))
    await settle()
    expect(notes(lab)).toEqual([begun('audio', 200), ended('completed')])
  })

  it('by hand is timed from the commit, unless the client asks much later', async () => {
    const lab = await call({}, false)
    lab.client.say({ type: 'input_audio_buffer.commit' })
    await lab.pass(70)
    lab.heard('committed', 'u1')
    lab.client.say({ type: 'response.create' })
    await lab.pass(130)
    lab.begins('r1')
    lab.audio('r1', 100)
    lab.upstream.say(ev.done('r1'))
    await settle()
    lab.client.say({ type: 'input_audio_buffer.commit' })
    await lab.pass(31_000)
    lab.client.say({ type: 'response.create' })
    await lab.pass(100)
    lab.begins('r2')
    lab.audio('r2', 100)
    await settle()
    expect(notes(lab)).toEqual([begun('audio', 200), ended('completed'), begun('audio', 100, { turn: 'typed' })])
  })
})

describe('a typed turn', () => {
  it('is timed from the request', async () => {
    const lab = await call()
    await lab.pass(5000)
    lab.client.say({ type: 'response.create' })
    await lab.pass(250)
    lab.begins('r1')
    lab.words('r1')
    lab.upstream.say(ev.done('r1'))
    await settle()
    expect(notes(lab)).toEqual([begun('text', 250, { turn: 'typed' }), ended('completed', { turn: 'typed' })])
  })

  it('that is refused has failed', async () => {
    const lab = await call()
    lab.client.say({ type: 'response.create', event_id: 'mine' })
    await lab.pass(20)
    lab.upstream.say(ev.error('rate_limit_exceeded', 'mine'))
    await settle()
    expect(notes(lab)).toEqual([ended('failed', { turn: 'typed' })])
  })

  it('that is refused beside an answer leaves that one alone', async () => {
    const lab = await answering()
    lab.client.say({ type: 'response.create', event_id: 'mine' })
    lab.upstream.say(ev.error('conversation_already_has_active_response', 'mine'))
    lab.upstream.say(ev.done('r1'))
    await settle()
    lab.client.close()
    await settle()
    expect(notes(lab)).toEqual([ended('completed')])
  })
})

describe('a turn with tools', () => {
  const weather = ev.call('c1', 'get_weather')

  it('ends with the response that answers their results, and its tools are timed', async () => {
    const lab = await call()
    lab.heard('speech_stopped')
    await lab.pass(300)
    lab.upstream.say(ev.created('r1'))
    lab.upstream.say(ev.itemDone('r1', weather))
    await lab.pass(100)
    lab.upstream.say(ev.done('r1', [weather]))
    await lab.pass(700)
    lab.tools[0]?.finish()
    await lab.pass(400)
    lab.begins('r2')
    lab.audio('r2', 100)
    lab.upstream.say(ev.done('r2'))
    await settle()
    expect(notes(lab)).toEqual([begun('audio', 1500, { tools: true }), ended('completed', { toolMs: 800 })])
  })

  it('counts the time of two at once only once, and words before them as the answer’s beginning', async () => {
    const lab = await call()
    const both = [weather, ev.call('c2', 'get_time')]
    lab.heard('speech_stopped')
    await lab.pass(200)
    lab.begins('r1')
    lab.audio('r1', 100)
    for (const one of both) lab.upstream.say(ev.itemDone('r1', one))
    lab.upstream.say(ev.done('r1', both))
    await lab.pass(300)
    lab.tools[0]?.finish()
    await lab.pass(200)
    lab.tools[1]?.finish()
    await lab.pass(50)
    lab.begins('r2')
    lab.audio('r2', 100)
    lab.upstream.say(ev.done('r2'))
    await settle()
    expect(notes(lab)).toEqual([begun('audio', 200), ended('completed', { toolMs: 500 })])
  })

  it('of the client goes on when the client asks', async () => {
    const lab = await call()
    const show = ev.call('c2', 'show_on_screen')
    lab.heard('speech_stopped')
    await lab.pass(100)
    lab.upstream.say(ev.created('r1'))
    lab.upstream.say(ev.itemDone('r1', show))
    lab.upstream.say(ev.done('r1', [show]))
    await lab.pass(250)
    lab.client.say({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'c2', output: 'shown' } })
    lab.client.say({ type: 'response.create' })
    await lab.pass(150)
    lab.begins('r2')
    lab.audio('r2', 100)
    lab.upstream.say(ev.done('r2'))
    await settle()
    expect(notes(lab)).toEqual([begun('audio', 500, { tools: true }), ended('completed', { toolMs: 250 })])
  })

  it('is not begun by the line that is said while a tool takes long', async () => {
    const lab = await call({ profile: { toolNoticeMs: 500, toolFiller: 'Say that you are looking.' } })
    lab.heard('speech_stopped')
    lab.upstream.say(ev.created('r1'))
    lab.upstream.say(ev.itemDone('r1', weather))
    lab.upstream.say(ev.done('r1', [weather]))
    await lab.upstream.rest()
    await lab.pass(750)
    const asked = JSON.parse((await lab.upstream.rest())[0] ?? '') as { response: { metadata: object } }
    const { metadata } = asked.response
    lab.upstream.say(ev.created('f1', { metadata }))
    lab.upstream.say(ev.itemAdded('f1', ev.message('m_f1')))
    lab.audio('f1', 500)
    lab.words('f1')
    lab.upstream.say({ ...ev.done('f1'), response: { ...ev.done('f1').response, metadata } })
    await lab.pass(250)
    lab.tools[0]?.finish()
    await settle()
    lab.begins('r2')
    lab.audio('r2', 100)
    await settle()
    expect(notes(lab)).toEqual([begun('audio', 1000, { tools: true })])
  })

  it('is overtaken by a user who speaks again before the answer', async () => {
    const lab = await call({ profile: { tools: [tool('get_weather')] } })
    lab.heard('speech_stopped')
    lab.upstream.say(ev.created('r1'))
    lab.upstream.say(ev.itemDone('r1', weather))
    lab.upstream.say(ev.done('r1', [weather]))
    await lab.pass(600)
    lab.heard('speech_stopped', 'u2')
    await settle()
    expect(notes(lab)).toEqual([ended('interrupted', { toolMs: 600 })])
  })
})

describe('a user who breaks in', () => {
  it('is timed until the answer is over and until the client has truncated it, with what was not played', async () => {
    const lab = await answering()
    lab.audio('r1', 2000)
    await lab.pass(1000)
    lab.heard('speech_started', 'u2')
    await lab.pass(30)
    lab.upstream.say({ ...ev.done('r1', [], 'cancelled') })
    await lab.pass(50)
    lab.client.say({ type: 'conversation.item.truncate', item_id: 'm_r1', content_index: 0, audio_end_ms: 1000 })
    await settle()
    expect(notes(lab)).toEqual([
      { type: 'audio_ahead', ms: 1500 },
      { type: 'barge_in', step: 'cancelled', ms: 30 },
      ended('interrupted'),
      { type: 'barge_in', step: 'truncated', ms: 80 },
    ])
  })

  it('while an answer that is over is still being played is timed until the client’s word', async () => {
    const lab = await answering()
    lab.audio('r1', 4500)
    lab.upstream.say(ev.done('r1'))
    await lab.pass(2000)
    lab.heard('speech_started', 'u2')
    await lab.pass(120)
    lab.client.say({ type: 'conversation.item.truncate', item_id: 'm_r1', content_index: 0, audio_end_ms: 2000 })
    await settle()
    expect(notes(lab)).toEqual([ended('completed'), { type: 'audio_ahead', ms: 3000 }, { type: 'barge_in', step: 'truncated', ms: 120 }])
  })

  it('into an answer behind one that is still being played hears both less', async () => {
    const lab = await answering()
    lab.audio('r1', 1500)
    lab.upstream.say(ev.done('r1'))
    await lab.pass(300)
    lab.begins('r2')
    lab.audio('r2', 500)
    await lab.pass(200)
    lab.heard('speech_started', 'u2')
    await settle()
    expect(lab.noted('audio_ahead')).toEqual([{ type: 'audio_ahead', ms: 2000 }])
  })

  it('after everything was played does not break in', async () => {
    const lab = await answering()
    lab.upstream.say(ev.done('r1'))
    await lab.pass(600)
    lab.heard('speech_started', 'u2')
    lab.client.say({ type: 'conversation.item.truncate', item_id: 'm_r1', content_index: 0, audio_end_ms: 500 })
    await settle()
    expect(notes(lab)).toEqual([ended('completed')])
  })

  it('but is not heeded: the answer ends by itself, and the next turn is timed from the end of speech', async () => {
    const lab = await answering()
    lab.audio('r1', 3000)
    lab.heard('speech_started', 'u2')
    lab.heard('speech_stopped', 'u2')
    await lab.pass(200)
    lab.upstream.say(ev.done('r1'))
    await lab.pass(100)
    lab.begins('r2')
    lab.audio('r2', 100)
    await settle()
    expect(notes(lab)).toEqual([{ type: 'audio_ahead', ms: 3500 }, ended('completed'), begun('audio', 300)])
  })
})

describe('audio that comes later than it is played', () => {
  const starved = (lab: Lab) => lab.noted('audio_starved').length

  it('is counted once a pause, when it comes', async () => {
    const lab = await answering()
    await lab.pass(1500)
    expect(starved(lab)).toBe(0)
    lab.audio('r1', 500)
    await lab.pass(250)
    expect(starved(lab)).toBe(1)
    await lab.pass(2000)
    lab.audio('r1', 500)
    lab.upstream.say(ev.done('r1'))
    await settle()
    expect(starved(lab)).toBe(2)
  })

  it('is not what ends an answer, nor what comes in time', async () => {
    const lab = await answering()
    for (let n = 0; n < 8; n++) {
      await lab.pass(250)
      lab.audio('r1', 250)
    }
    await lab.pass(3000)
    lab.upstream.say(ev.done('r1'))
    await lab.pass(1000)
    expect(starved(lab)).toBe(0)
  })

  it('is not the next answer', async () => {
    const lab = await answering()
    lab.upstream.say(ev.done('r1'))
    await lab.pass(3000)
    lab.begins('r2')
    lab.audio('r2', 500)
    await lab.pass(250)
    expect(starved(lab)).toBe(0)
  })
})

describe('how late the latest audio of an answer was', () => {
  const latest = (lab: Lab) => lab.noted('audio_jitter').map((note) => (note as Extract<Note, { type: 'audio_jitter' }>).ms)

  it('is told once a response, against the pace of its own playback, whatever the pauses before', async () => {
    const lab = await answering()
    await lab.pass(530)
    lab.audio('r1', 100)
    await lab.pass(190)
    lab.audio('r1', 300)
    await lab.pass(290)
    lab.audio('r1', 100)
    expect(latest(lab)).toEqual([])
    lab.upstream.say(ev.done('r1'))
    await settle()
    // 30 after 500 ms, 120 after 600, 110 after 900.
    expect(latest(lab)).toEqual([120])
    lab.begins('r2')
    lab.audio('r2', 100)
    await lab.pass(104)
    lab.audio('r2', 100)
    lab.upstream.say(ev.done('r2'))
    await settle()
    expect(latest(lab)).toEqual([120, 4])
  })

  it('is nothing if all came before it was played, and of what was interrupted what was heard by then', async () => {
    const lab = await answering()
    for (let n = 0; n < 20; n++) {
      await lab.pass(40)
      lab.audio('r1', 60)
    }
    lab.upstream.say(ev.done('r1'))
    await settle()
    expect(latest(lab)).toEqual([0])
    await lab.pass(3000)
    lab.begins('r2')
    lab.audio('r2', 100)
    await lab.pass(700)
    lab.audio('r2', 100)
    lab.heard('speech_started', 'u2')
    lab.upstream.say(ev.done('r2', [], 'cancelled'))
    await settle()
    expect(latest(lab)).toEqual([0, 600])
  })

  it('is seen in a client of another dialect, and where there was no sound at all nothing is told', async () => {
    const lab = await call({ clientDialect: 'preview' })
    lab.begins('r1')
    lab.words('r1')
    lab.upstream.say(ev.done('r1'))
    await settle()
    expect(latest(lab)).toEqual([])
    lab.begins('r2')
    for (const ms of [0, 170]) {
      await lab.pass(ms)
      lab.audio('r2', 100)
    }
    lab.upstream.say(ev.done('r2'))
    await settle()
    expect(latest(lab)).toEqual([70])
  })

  it('costs no look at the clock for what comes far ahead of its time', () => {
    const timetable = new Timetable(0)
    const clock = vi.fn(() => 10)
    const meters = { serverAudioBytes: 0 }
    const said: unknown[] = []
    const session = { opened: { recorder: { note: (note: Note) => void said.push(note) } }, meters, ledger: { media: { outputBytesPerSecond: 48_000 } }, clock }
    const playback = new Playback(session, timetable)
    const comes = (ms: number) => {
      meters.serverAudioBytes += ms * MS_BYTES
      return ms * MS_BYTES
    }
    playback.begin(comes(100), 10)
    for (let n = 0; n < 100; n++) playback.goOn(comes(100))
    // Those within half a second, which is two ticks.
    expect(clock).toHaveBeenCalledTimes(4)
    timetable.tick(10_250)
    clock.mockReturnValue(10_300)
    playback.goOn(comes(100))
    expect(clock).toHaveBeenCalledTimes(5)
    playback.end()
    expect(said).toContainEqual({ type: 'audio_jitter', ms: 190 })
  })
})

describe('a turn that the session does not outlive', () => {
  it.each([
    ['nothing had come', 'abandoned', 0],
    ['something had come', 'interrupted', 100],
  ])('is what the user left when %s', async (_, end, ms) => {
    const lab = await call()
    lab.heard('speech_stopped')
    lab.begins('r1')
    if (ms > 0) lab.audio('r1', ms)
    await settle()
    lab.client.close()
    await settle()
    expect(notes(lab).at(-1)).toEqual(ended(end))
  })

  it('has failed if the user did not leave', async () => {
    const lab = await answering()
    lab.revoke({ subject: 'alice' })
    await settle()
    expect(notes(lab)).toEqual([ended('failed')])
  })

  it('leaves nothing behind that ticks', () => {
    const timetable = new Timetable(0)
    const opened = { recorder: { note: () => undefined } }
    const session = { opened, meters: { serverAudioBytes: 4800 }, ledger: { media: { outputBytesPerSecond: 48_000 } }, clock: () => 0 }
    const playback = new Playback(session, timetable)
    const ticks = vi.spyOn(playback, 'tick')
    playback.begin(4800, 0)
    timetable.tick(250)
    playback.stop()
    const before = ticks.mock.calls.length
    timetable.tick(500)
    expect([before > 0, ticks.mock.calls.length]).toEqual([true, before])
  })
})

it('one frame in 128 is timed each way', async () => {
  const lab = await call()
  lab.begins('r1')
  for (let n = 0; n < 300; n++) lab.audio('r1', 1)
  for (let n = 0; n < 260; n++) lab.client.say({ type: 'input_audio_buffer.append', audio: 'AAAA' })
  await settle()
  const timed = lab.notes.filter((note): note is Extract<Note, { type: 'overhead' }> => note.type === 'overhead')
  expect(timed.map(({ direction }) => direction).sort()).toEqual(['down', 'down', 'up', 'up'])
})
