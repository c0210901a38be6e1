// Deltas that pass unread do what they would do if each were read: the same events to the client, the same notes, in every pair of dialects.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { DialectName } from '../../src/core/protocol/dialect.js'
import { createMeters } from '../../src/relay/meters.js'
import { PartLane } from '../../src/relay/part-lane.js'
import { SaidSoFar } from '../../src/relay/said.js'
import { bareLane } from '../support/bare-lane.js'
import { ev, play, profile } from '../support/playbook.js'
import { fc } from '../support/property.js'
import { type Lab, openLab } from '../support/relay-lab.js'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

type Event = Record<string, unknown>

/** White space keeps a frame from matching, so that this session reads every event. */
const read = (event: object) => JSON.stringify(event, null, 1)
const compact = (event: object) => JSON.stringify(event)

async function outcomeOf(clientDialect: DialectName, upstreamDialect: DialectName, events: readonly object[], write: (event: object) => string): Promise<object> {
  const lab: Lab = openLab({ clientDialect, upstreamDialect, profile: { limits: { ...profile().limits, reconnectMs: 10_000 } } })
  await lab.live()
  for (const event of events) lab.upstream.send(write(event))
  const sent = (await lab.client.rest()).map((text) => JSON.parse(text) as Event)
  const upstream = (await lab.upstream.rest()).map((text) => (JSON.parse(text) as Event).type)
  return { sent, upstream, dropped: lab.noted('event_dropped') }
}

async function expectTheSame(client: DialectName, upstream: DialectName, events: readonly object[]): Promise<void> {
  expect(await outcomeOf(client, upstream, events, compact)).toEqual(await outcomeOf(client, upstream, events, read))
}

const NAMES = {
  ga: { transcript: 'response.output_audio_transcript.delta', text: 'response.output_text.delta' },
  preview: { transcript: 'response.audio_transcript.delta', text: 'response.text.delta' },
}

let ids = 0
const place = (responseId: string, itemId: string) => ({ response_id: responseId, item_id: itemId, output_index: 0, content_index: 0 })
const delta = (type: string, itemId: string, text: string, more: object = {}) => ({ type, event_id: `event_${++ids}`, ...place('r', itemId), delta: text, ...more })

const partOf = (transcript: string) => ({ type: 'audio', transcript })
const partEvents = (response: number | string, item: number | string, words: string, more: object = {}): Event[] => {
  const at = { response_id: `resp_${response}`, item_id: `item_${item}`, output_index: 0, content_index: 0, ...more }
  return [
    { type: 'response.content_part.added', event_id: `event_${++ids}`, ...at, part: partOf('') },
    { type: NAMES.ga.transcript, event_id: `event_${++ids}`, ...at, delta: words },
    { type: 'response.output_audio.done', event_id: `event_${++ids}`, ...at },
    { type: 'response.output_audio_transcript.done', event_id: `event_${++ids}`, ...at, transcript: words },
    { type: 'response.content_part.done', event_id: `event_${++ids}`, ...at, part: partOf(words) },
  ]
}
const answer = (n: number | string, words: string, more: object = {}): object[] => {
  const item = { ...ev.message('m'), id: `item_${n}` }
  return [
    ev.created(`resp_${n}`),
    ev.itemAdded(`resp_${n}`, { ...item, status: 'in_progress', content: [] }),
    ...partEvents(n, n, words, more),
    ev.itemDone(`resp_${n}`, item),
    ev.done(`resp_${n}`, [item]),
  ]
}

describe.each([
  ['ga', 'ga'],
  ['preview', 'ga'],
  ['ga', 'preview'],
  ['preview', 'preview'],
] as const)('a %s client of a %s upstream', (client, upstream) => {
  const { transcript, text } = NAMES[upstream]

  it('hears an answer delta by delta', async () => {
    const words = [' Hello', ' there', '', ' schön', ' "quoted"', ' line\nbreak', ' 😀', ' \ud83d', '\ude00 half', ' {"a":1}', ' \\']
    const events = [
      ev.created('r'),
      ev.itemAdded('r', { ...ev.message('m'), content: [] }),
      ...words.flatMap((word) => [delta(transcript, 'm', word, { obfuscation: 'xY1' }), delta(text, 'm', word)]),
      ev.done('r', [ev.message('m')]),
    ]
    await expectTheSame(client, upstream, events)
  })

  it('hears deltas whose item’s id comes before their type, and is not of one byte a character', async () => {
    const of = (said: string) => ({ item_id: 'é😀', type: text, event_id: `event_${++ids}`, response_id: 'r', output_index: 0, content_index: 0, delta: said })
    await expectTheSame(client, upstream, [ev.created('r'), ...['a', 'b', 'c'].map(of)])
  })

  it('hears nothing of a hidden call, however its arguments come', async () => {
    const call = ev.call('c', 'get_weather', '', 'in_progress')
    const parts = ['{"ci', 'ty":', '"Ber', 'gen"}'].map((part) => delta('response.function_call_arguments.delta', call.id, part, { call_id: 'c' }))
    await expectTheSame(client, upstream, [ev.created('r'), ev.itemAdded('r', call), ...parts, ...parts])
  })

  it('hears the arguments of its own call', async () => {
    const call = ev.call('c', 'show_on_screen', '', 'in_progress')
    const parts = ['{"a', '":1', '}'].map((part) => delta('response.function_call_arguments.delta', call.id, part, { call_id: 'c' }))
    await expectTheSame(client, upstream, [ev.created('r'), ev.itemAdded('r', call), ...parts])
  })

  it('hears the words of answers and of its own calls, one after another', async () => {
    const read = vi.spyOn(SaidSoFar.prototype, 'heard')
    const said = (n: number, words: readonly string[]): object[] => {
      const item = { ...ev.message('m'), id: `item_${n}` }
      const at = place(`resp_${n}`, item.id)
      const deltas = words.flatMap((word) => [transcript, text].map((type) => ({ type, event_id: `event_${++ids}`, ...at, delta: word, obfuscation: 'x' })))
      return [
        ev.created(`resp_${n}`),
        ev.itemAdded(`resp_${n}`, { ...item, status: 'in_progress', content: [] }),
        ...deltas,
        ev.itemDone(`resp_${n}`, item),
        ev.done(`resp_${n}`, [item]),
      ]
    }
    const called = (n: number, name: string): object[] => {
      const call = { ...ev.call(`c${n}`, name, '{"a":1}'), id: `item_${n}` }
      const at = { event_id: `event_${++ids}`, ...place(`resp_${n}`, call.id), call_id: `c${n}` }
      const deltas = ['{', 'a', ':1', '}'].map((word) => ({ type: 'response.function_call_arguments.delta', ...at, delta: word }))
      const begun = { ...call, status: 'in_progress', arguments: '' }
      return [ev.created(`resp_${n}`), ev.itemAdded(`resp_${n}`, begun), ...deltas, ev.itemDone(`resp_${n}`, call), ev.done(`resp_${n}`, [call])]
    }
    const events = [
      ...said(1, ['a', ' schön', '😀']),
      ...called(2, 'show_on_screen'),
      ...said(3, ['resp_3', 'item_3', '']),
      ...called(4, 'show_on_screen'),
      ...said(5, ['b', ' "q"']),
    ]
    await expectTheSame(client, upstream, events)
    // Twice as many are heard if all are read, as by the session beside it.
    const heard = read.mock.calls.filter(([{ type }]) => type.endsWith('.delta')).length
    const deltas = events.filter((event) => 'delta' in event).length
    expect(heard).toBeLessThan(upstream === 'ga' ? deltas + 8 : 2 * deltas)
  })

  it('sees parts open and close, answer after answer', async () => {
    const kept = vi.spyOn(PartLane.prototype, 'keep')
    await expectTheSame(client, upstream, [...answer(1, 'Hello'), ...answer(2, 'schön "so" 😀'), ...answer(3, 'again'), ...answer(4, 'item_3'), ...answer(5, '')])
    // Other upstreams spell them otherwise, and each is read.
    expect(kept.mock.calls.length).toBeGreaterThanOrEqual(upstream === 'ga' ? 8 : 0)
    if (upstream !== 'ga') expect(kept).not.toHaveBeenCalled()
  })

  it.each([
    ['text', 'Hello'],
    ['text', 'audio'],
    ['call_id', 'item_1'],
    ['call_id', 'Hello'],
    ['transcript', 'Hello'],
    ['obfuscation', 'resp_1'],
  ])('sees no %s that is not for it, though at first it was %j, as something else is', async (name, first) => {
    await expectTheSame(client, upstream, [...answer(1, 'Hello', { [name]: first }), ...answer(2, 'again', { [name]: 'secret' }), ...answer(3, 'more', { [name]: '' })])
  })

  it('and parts of whatever item, in any order', async () => {
    const id = fc.constantFrom('1', '2', 'c', 'gone')
    const words = fc.constantFrom('', 'a', 'é"', 'item_1', 'resp_1')
    const more = fc.oneof(fc.constant({}), fc.dictionary(fc.constantFrom('text', 'transcript', 'call_id', 'obfuscation'), words, { maxKeys: 2 }))
    const part = fc.tuple(fc.integer({ min: 0, max: 4 }), id, id, words, more).map(([which, ...of]) => partEvents(...of)[which] as Event)
    const rest = fc.tuple(fc.integer({ min: 0, max: 20 }), id, words).map(([which, n, said]) => (answer(n, said)[which % answer(n, said).length] ?? {}) as Event)
    const hidden = fc.constantFrom(ev.itemAdded('resp_1', { ...ev.call('c', 'get_weather', '', 'in_progress'), id: 'item_c' }))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof({ weight: 6, arbitrary: part }, { weight: 3, arbitrary: rest }, { weight: 1, arbitrary: hidden }), { maxLength: 30 }), (events) =>
        expectTheSame(client, upstream, [...answer(0, 'learned'), ...answer(1, 'open').slice(0, 4), ...events]),
      ),
      { numRuns: 40 },
    )
  })

  it('and one item after another, hidden ones among them, in any order', async () => {
    const hidden = ev.call('c', 'get_weather', '', 'in_progress')
    const word = fc.string({ unit: fc.constantFrom('a', ' ', 'é', '"', '\\', '\n', '😀', '{', '"item_id":"x"', '\u007f'), maxLength: 6 })
    const one = fc.oneof(
      { weight: 8, arbitrary: fc.tuple(fc.constantFrom(transcript, text), fc.constantFrom('m', 'n', hidden.id), word).map(([type, item, said]) => delta(type, item, said)) },
      { weight: 3, arbitrary: word.map((said) => delta('response.function_call_arguments.delta', hidden.id, said, { call_id: 'c' })) },
      {
        weight: 2,
        arbitrary: word.map((said) => ({ type: 'conversation.item.input_audio_transcription.delta', event_id: `event_${++ids}`, item_id: 'u', content_index: 0, delta: said })),
      },
      { weight: 1, arbitrary: fc.constantFrom(ev.itemAdded('r', hidden), ev.itemAdded('r', ev.message('n')), ev.created('r2'), ev.done('r', [])) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 4, maxLength: 24 }), (events) =>
        expectTheSame(client, upstream, [ev.created('r'), ev.itemAdded('r', ev.message('m')), ...events]),
      ),
      { numRuns: 40 },
    )
  })
})

it('a change in between is seen by the very next delta', async () => {
  const lab = openLab()
  await lab.live()
  const say = (event: object) => lab.upstream.send(compact(event))
  say(ev.created('r'))
  for (let n = 0; n < 3; n++) say(delta(NAMES.ga.transcript, 'm', ` ${n}`))
  // The item turns out to be a hidden call's: its deltas are nothing for the client any more.
  say(ev.itemAdded('r', { ...ev.call('c', 'get_weather'), id: 'm' }))
  say(delta(NAMES.ga.transcript, 'm', ' hidden'))
  const said = (await lab.client.rest()).map((text) => JSON.parse(text) as Event).filter((event) => event.type === NAMES.ga.transcript)
  expect(said.map((event) => event.delta)).toEqual([' 0', ' 1', ' 2'])
})

describe('a frame that was read', () => {
  const event = { type: 'response.output_item.added', event_id: 'e', response_id: 'r', output_index: 0, item: { id: 'm', type: 'message', role: 'assistant' } }
  function sentBy(clientDialect: 'ga' | 'preview') {
    const all = bareLane({ clientDialect })
    const sent: unknown[] = []
    all.client.send = (data) => void sent.push(data)
    const frame = Buffer.from(compact(event))
    const copy = () => {
      all.upstream.wire.read(frame, false)
      return all.lane.copyOf(all.upstream, frame)
    }
    return { ...all, sent, frame, copy }
  }

  it('is sent as it lies while it is handled, and as a copy later', () => {
    const { lane: one, upstream, sent, frame, copy } = sentBy('ga')
    const copied = copy()
    expect(copied).not.toBe(frame)
    expect(copied).toEqual(frame)
    one.deliver(event, copied)
    one.learn(upstream, frame, false, [event], play().state, play().state, [])
    one.deliver(event, copied)
    expect(sent[0]).toBe(frame)
    expect(sent[1]).toBe(copied)
  })

  it('is never sent as it lies to a client of another dialect', () => {
    const { lane: one, sent, copy } = sentBy('preview')
    // Of a type with many shapes, one of 32 frames is learned from.
    const spelled = Array.from({ length: 33 }, copy).at(-1)
    one.deliver(event, spelled)
    expect(sent).toEqual([spelled])
    expect(JSON.parse(String(spelled))).toEqual({ ...event, item: { ...event.item, object: 'realtime.item' } })
  })
})

describe('what was learned', () => {
  const frame = (text: string) => Buffer.from(compact(delta(NAMES.ga.transcript, 'm', text)))

  it('holds for the state it was learned in, and is forgotten with it', async () => {
    const { lane: one, upstream, peer } = bareLane()
    const [state, other] = [play().state, play().state]
    const first = frame(' a')
    expect(one.passes(upstream, first, state)).toBe(false)
    one.learn(upstream, first, true, [JSON.parse(String(first))], state, state, [{ type: 'send', to: 'client', event: JSON.parse(String(first)), frame: first }])
    const second = frame(' b')
    expect(one.passes(upstream, second, state)).toBe(true)
    expect((await peer.next()).text).toBe(String(second))
    expect(one.passes(upstream, second, other)).toBe(false)
    expect(one.passes(upstream, second, state), 'the other state has cleared it').toBe(false)
  })

  it('lets words pass that are said all the same', () => {
    const { lane: one, upstream } = bareLane()
    const { state } = play()
    one.said.heard({ type: 'response.output_item.added', item: { id: 'm' } }, 0)
    const first = frame(' a')
    one.learn(upstream, first, true, [JSON.parse(String(first))], state, state, [{ type: 'send', to: 'client', event: JSON.parse(String(first)), frame: first }])
    for (const text of [' b', ' schön', '']) expect(one.passes(upstream, frame(text), state)).toBe(true)
    expect(one.said.soFar(48_000, 48_000)).toMatchObject([{ itemId: 'm', text: ' b schön', audioMs: 1000 }])
  })

  it('tells of audio once the client has it', () => {
    const heard: number[] = []
    const turns = { audio: (bytes: number) => void heard.push(bytes, client.sentMessages) }
    const { lane: one, upstream, client } = bareLane({ turns })
    const { state } = play()
    const audio = Buffer.from(compact({ type: 'response.output_audio.delta', event_id: 'e', ...place('r', 'm'), delta: 'AAAA' }))
    for (let n = 0; n < 3; n++) expect(one.passes(upstream, audio, state)).toBe(true)
    expect(heard).toEqual([3, 1, 3, 2, 3, 3])
  })

  it('counts the audio of the model, and lets a delta without any pass', () => {
    const meters = createMeters()
    const { lane: one, upstream } = bareLane({ meters })
    const { state } = play()
    const audio = (base64: string) => Buffer.from(compact({ type: 'response.output_audio.delta', event_id: 'e', ...place('r', 'm'), delta: base64 }))
    for (const base64 of ['AAAA', '', 'AAAAAAAA']) expect(one.passes(upstream, audio(base64), state)).toBe(true)
    expect(meters.serverAudioBytes).toBe(9)
  })

  it('is of the last three kinds', () => {
    const { lane: one, upstream } = bareLane()
    const { state } = play()
    const of = (item: string) => Buffer.from(compact(delta(NAMES.ga.transcript, item, 'x')))
    for (const item of ['a', 'b', 'c', 'd']) {
      const first = of(item)
      one.learn(upstream, first, true, [JSON.parse(String(first))], state, state, [{ type: 'send', to: 'client', event: JSON.parse(String(first)), frame: first }])
    }
    expect(['a', 'b', 'c', 'd'].map((item) => one.passes(upstream, of(item), state))).toEqual([false, true, true, true])
  })

  it('is nothing of two events, of two actions, nor of none, and nothing of a state that changed', () => {
    const { state } = play()
    const other = play().state
    const first = frame(' a')
    const event = JSON.parse(String(first))
    const send = { type: 'send', to: 'client', event, frame: first } as const
    for (const [events, actions, after] of [
      [[event, event], [send], state],
      [[event], [send, send], state],
      [[], [send], state],
      [[event], [], state],
      [[event], [{ ...send, to: 'upstream' }], state],
      [[event], [send], other],
    ] as const) {
      const { lane: one, upstream } = bareLane()
      one.learn(upstream, first, true, events, state, after, actions)
      expect(one.passes(upstream, frame(' b'), state)).toBe(false)
    }
  })

  it('in one state is not known in another that learns as well', () => {
    const { lane: one, upstream } = bareLane()
    const [state, other] = [play().state, play().state]
    const learns = (item: string, at: typeof state) => {
      const first = Buffer.from(compact(delta(NAMES.ga.transcript, item, 'x')))
      one.learn(upstream, first, true, [JSON.parse(String(first))], at, at, [{ type: 'send', to: 'client', event: JSON.parse(String(first)), frame: first }])
    }
    learns('a', state)
    learns('b', other)
    const passes = (item: string) => one.passes(upstream, Buffer.from(compact(delta(NAMES.ga.transcript, item, 'y'))), other)
    expect([passes('a'), passes('b')]).toEqual([false, true])
  })

  it('of a frame that is dropped with a note is that note', () => {
    const noted: unknown[] = []
    const { lane: one, upstream } = bareLane({ recorder: { note: (note) => void noted.push(note) } })
    const { state } = play()
    const first = frame(' a')
    const note = { type: 'event_dropped', side: 'upstream', why: 'hidden_item' } as const
    one.learn(upstream, first, true, [JSON.parse(String(first))], state, state, [{ type: 'note', note }])
    expect(one.passes(upstream, frame(' b'), state)).toBe(true)
    expect(noted).toEqual([note])
  })

  it('is dropped as well, if the client’s wire has no such event, until the client speaks: it may know the event then', async () => {
    const noted: unknown[] = []
    const { lane: one, upstream, client, peer } = bareLane({ clientDialect: 'preview', recorder: { note: (note) => void noted.push(note) } })
    const { state } = play()
    const said = (delta: string) => ({ type: 'conversation.item.input_audio_transcription.delta', event_id: 'e', item_id: 'u', content_index: 0, delta })
    const [first, second] = [said(' a'), said(' b')]
    const learn = () => one.learn(upstream, Buffer.from(compact(first)), true, [first], state, state, [{ type: 'send', to: 'client', event: first, frame: undefined }])
    const passes = () => one.passes(upstream, Buffer.from(compact(second)), state)
    learn()
    expect(passes()).toBe(true)
    expect(noted).toEqual([{ type: 'event_dropped', side: 'client', why: 'no_counterpart' }])
    client.wire.read(Buffer.from(compact({ type: 'session.update', session: { input_audio_transcription: { model: 'gpt-4o-transcribe' } } })), false)
    one.clientSpeaks()
    expect(passes()).toBe(false)
    learn()
    expect(passes()).toBe(true)
    expect(JSON.parse((await peer.next()).text)).toEqual(second)
    expect(noted).toHaveLength(1)
  })

  it('says why a frame is no event', () => {
    const noted: unknown[] = []
    const { lane: one } = bareLane({ recorder: { note: (note) => void noted.push(note) } })
    one.unread('no_counterpart')
    one.unread('syntax' as never)
    expect(noted).toEqual(['no_counterpart', 'not_an_event'].map((why) => ({ type: 'event_dropped', side: 'upstream', why })))
  })

  it('is nothing of an event that may change the session, nor of an action that is no plain answer', () => {
    const { lane: one, upstream } = bareLane()
    const { state } = play()
    const done = Buffer.from(compact({ type: 'response.output_text.done', event_id: 'e', ...place('r', 'm'), text: 'x' }))
    one.learn(upstream, done, true, [JSON.parse(String(done))], state, state, [{ type: 'send', to: 'client', event: JSON.parse(String(done)), frame: done }])
    expect(one.passes(upstream, done, state)).toBe(false)
    one.learn(upstream, frame(' a'), true, [JSON.parse(String(frame(' a')))], state, state, [{ type: 'quota.release' }])
    expect(one.passes(upstream, frame(' b'), state)).toBe(false)
  })
})
