// Every bound of the client's rules at its edge: the last value that passes, and the first that does not.
import { describe, expect, it } from 'vitest'
import { judgeClientEvent } from '../../../src/core/policy/client-rules.js'
import { outputCap } from '../../../src/core/policy/profile.js'
import { isPublicText } from '../../../src/core/policy/public-text.js'
import { judgeServerEvent } from '../../../src/core/policy/server-rules.js'
import { serverPartInForce } from '../../../src/core/policy/session-update.js'
import { settableAt } from '../../../src/core/policy/settable.js'
import type { Json, RealtimeEvent } from '../../../src/core/protocol/events.js'
import { view } from '../../support/view.js'

const says = (event: object) => judgeClientEvent(event as RealtimeEvent, view()).type
const truncate = (change: object) => ({ type: 'conversation.item.truncate', item_id: 'm1', content_index: 0, audio_end_ms: 0, ...change })
const message = (change: object) => ({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [], ...change } })
const parts = (count: number) => Array.from({ length: count }, () => ({ type: 'input_text', text: '' }))
const metadata = (entries: readonly (readonly [string, string])[]) => ({ type: 'response.create', response: { metadata: Object.fromEntries(entries) } })
const pairs = (count: number) => Array.from({ length: count }, (_, n) => [`k${n}`, 'v'] as const)

describe('client events', () => {
  it.each<[string, object, object]>([
    ['audio_end_ms', truncate({ audio_end_ms: 1e9 }), truncate({ audio_end_ms: 1e9 + 1 })],
    ['audio_end_ms below', truncate({ audio_end_ms: 0 }), truncate({ audio_end_ms: -1 })],
    ['content_index', truncate({ content_index: 1e9 }), truncate({ content_index: 1e9 + 1 })],
    ['content_index whole', truncate({ content_index: 1 }), truncate({ content_index: 0.5 })],
    ['item_id', truncate({ item_id: 'x'.repeat(256) }), truncate({ item_id: 'x'.repeat(257) })],
    ['item_id not empty', truncate({ item_id: 'x' }), truncate({ item_id: '' })],
    ['response_id', { type: 'response.cancel', response_id: 'x'.repeat(256) }, { type: 'response.cancel', response_id: 'x'.repeat(257) }],
    ['previous_item_id', { ...message({}), previous_item_id: 'x'.repeat(256) }, { ...message({}), previous_item_id: 'x'.repeat(257) }],
    ['item.id', message({ id: 'x'.repeat(128) }), message({ id: 'x'.repeat(129) })],
    ['item.id not empty', message({ id: 'x' }), message({ id: '' })],
    ['item.id printable', message({ id: '!~' }), message({ id: 'a b' })],
    ['item.id from its start', message({ id: 'ab' }), message({ id: '\u0000ab' })],
    ['item.id to its end', message({ id: 'ab' }), message({ id: 'ab\n' })],
    ['content parts', message({ content: parts(64) }), message({ content: parts(65) })],
    ['metadata pairs', metadata(pairs(16)), metadata(pairs(17))],
    ['metadata key', metadata([['k'.repeat(64), 'v']]), metadata([['k'.repeat(65), 'v']])],
    ['metadata key not empty', metadata([['k', 'v']]), metadata([['', 'v']])],
    ['metadata value', metadata([['k', 'v'.repeat(512)]]), metadata([['k', 'v'.repeat(513)]])],
  ])('%s', (_, last, first) => {
    expect(says(last)).toBe('replace')
    expect(says(first)).toBe('reject')
  })
})

describe('settable values', () => {
  const vad = (change: object): Json => ({ type: 'server_vad', ...change })
  it.each<[string, Json, Json]>([
    ['audio.output.speed', 0.25, 0.249],
    ['audio.output.speed', 1.5, 1.501],
    ['max_output_tokens', 1, 0],
    ['max_output_tokens', 4096, 4097],
    ['max_output_tokens', 2, 2.5],
    ['max_output_tokens', 'inf', 'Inf'],
    ['audio.input.turn_detection', vad({ threshold: 0 }), vad({ threshold: -0.01 })],
    ['audio.input.turn_detection', vad({ threshold: 1 }), vad({ threshold: 1.01 })],
    ['audio.input.turn_detection', vad({ prefix_padding_ms: 10_000 }), vad({ prefix_padding_ms: 10_001 })],
    ['audio.input.turn_detection', vad({ prefix_padding_ms: 0 }), vad({ prefix_padding_ms: -1 })],
    ['audio.input.turn_detection', vad({ silence_duration_ms: 10_000 }), vad({ silence_duration_ms: 10_001 })],
    ['audio.input.turn_detection', vad({ silence_duration_ms: 0 }), vad({ silence_duration_ms: -1 })],
    ['audio.input.turn_detection', vad({ idle_timeout_ms: 5000 }), vad({ idle_timeout_ms: 4999 })],
    ['audio.input.turn_detection', vad({ idle_timeout_ms: 30_000 }), vad({ idle_timeout_ms: 30_001 })],
    ['audio.output.voice', 'v'.repeat(64), 'v'.repeat(65)],
    ['audio.output.voice', 'v', ''],
    ['audio.output.voice', 'a.b_c:d-e', '-a'],
    ['audio.output.voice', 'ab', 'ab\n'],
    ['audio.input.transcription', { language: 'deu-Latn-DE' }, { language: 'deu-Latn-DE-x1' }],
    ['audio.input.transcription', { language: 'de' }, { language: 'd' }],
    ['audio.input.transcription', { language: 'de' }, { language: ' de' }],
    ['output_modalities', ['audio', 'text'], ['audio', 'text', 'audio']],
    ['output_modalities', ['text'], []],
    ['audio.output.format', { type: 'audio/pcm', rate: 24_000 }, { type: 'audio/pcm', rate: 24_001 }],
    ['truncation', { type: 'retention_ratio', retention_ratio: 1 }, { type: 'retention_ratio', retention_ratio: 1.01 }],
    ['truncation', { type: 'retention_ratio', retention_ratio: 0 }, { type: 'retention_ratio', retention_ratio: -0.01 }],
    [
      'truncation',
      { type: 'retention_ratio', retention_ratio: 1, token_limits: { post_instructions: 1_000_000 } },
      { type: 'retention_ratio', retention_ratio: 1, token_limits: { post_instructions: 1_000_001 } },
    ],
    [
      'truncation',
      { type: 'retention_ratio', retention_ratio: 1, token_limits: { post_instructions: 1 } },
      { type: 'retention_ratio', retention_ratio: 1, token_limits: { post_instructions: 0 } },
    ],
  ])('%s: %j but not %j', (path, last, first) => {
    expect(settableAt(path)?.(last)).not.toBeUndefined()
    expect(settableAt(path)?.(first)).toBeUndefined()
  })
})

describe('words a client may choose among', () => {
  it.each<[string, Json]>([
    ...['minimal', 'low', 'medium', 'high', 'xhigh'].map((effort): [string, Json] => ['reasoning', { effort }]),
    ...['low', 'medium', 'high', 'auto'].map((eagerness): [string, Json] => [
      'audio.input.turn_detection',
      { type: 'semantic_vad', eagerness, create_response: true, interrupt_response: false },
    ]),
    ...['near_field', 'far_field'].map((type): [string, Json] => ['audio.input.noise_reduction', { type }]),
    ...['audio/pcmu', 'audio/pcma'].flatMap((type): [string, Json][] => ['audio.input.format', 'audio.output.format'].map((path) => [path, { type }])),
    ['audio.input.format', { type: 'audio/pcm', rate: 24_000 }],
    ...['auto', 'disabled'].map((value): [string, Json] => ['truncation', value]),
    ['include', ['item.input_audio_transcription.logprobs']],
    ['parallel_tool_calls', true],
    ['parallel_tool_calls', false],
    ['audio.output.voice', { id: 'v1' }],
    ['audio.input.transcription', { model: 'whisper-1', language: 'de' }],
    ['audio.input.transcription', null],
    ['audio.input.turn_detection', null],
    ['audio.input.noise_reduction', null],
    [
      'audio.input.turn_detection',
      { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 1, silence_duration_ms: 2, idle_timeout_ms: 6000, create_response: false, interrupt_response: true },
    ],
  ])('%s: %j passes unchanged', (path, value) => {
    expect(settableAt(path)?.(value)).toEqual(value)
  })

  it.each(['auto', 'low', 'high'])('detail of an image: %s', (detail) => {
    const image = { type: 'input_image', image_url: 'data:image/jpeg;base64,AAAA', detail }
    expect(judgeClientEvent(message({ content: [image] }) as RealtimeEvent, view())).toMatchObject({ type: 'replace', event: { item: { content: [image] } } })
  })

  it.each([
    'xdata:image/png;base64,AAAA',
    'data:image/png;base64,AAAA!',
    'data:image/png;base64,AAAA\n',
    'data:image/png;base64,',
    'data:image/png;base64,A===',
    'data:image/svg+xml;base64,AAAA',
  ])('an image must be inline data: not %j', (url) => {
    expect(says(message({ content: [{ type: 'input_image', image_url: url }] }))).toBe('reject')
  })

  it.each(['A A', 'AAAA\n', ' AAAA', 'A===', 'A=A'])('audio of an item or of an append must be base64: not %j', (audio) => {
    expect(says(message({ content: [{ type: 'input_audio', audio }] }))).toBe('reject')
    expect(says({ type: 'input_audio_buffer.append', audio })).toBe('reject')
  })

  it.each(['', 'AA==', 'AAA=', 'AAAA', 'A-_+/9'])('audio may use any base64 alphabet: %j', (audio) => {
    expect(says(message({ content: [{ type: 'input_audio', audio }] }))).toBe('replace')
    expect(says({ type: 'input_audio_buffer.append', audio })).toBe('replace')
  })

  it.each<[string, object]>([
    ['audio.output.voice', { audio: { output: { voice: 'cedar' } } }],
    ['audio.output.voice.id', { audio: { output: { voice: { id: 'voice_1' } } } }],
    ['audio.output.format', { audio: { output: { format: { type: 'audio/pcmu' } } } }],
    ['output_modalities', { output_modalities: ['text'] }],
    ['max_output_tokens', { max_output_tokens: 7 }],
  ])('%s of a response, if the profile allows it', (path, response) => {
    const event = { type: 'response.create', response } as unknown as RealtimeEvent
    expect(judgeClientEvent(event, view({ clientMaySet: new Set([path]) }))).toEqual({ type: 'replace', event })
    expect(judgeClientEvent(event, view({ clientMaySet: new Set() }))).toEqual({ type: 'replace', event: { type: 'response.create' } })
  })
})

describe('texts of the upstream', () => {
  const error = (message: string, more: object = {}) =>
    ({ type: 'error', event_id: 'e', error: { type: 'invalid_request_error', code: 'invalid_value', message, ...more } }) as RealtimeEvent
  const passes = (event: RealtimeEvent) => judgeServerEvent(event, view()).type === 'forward'
  const instructions = view().profile.instructions

  it('may be 400 characters long', () => {
    expect(passes(error('x'.repeat(400)))).toBe(true)
    expect(passes(error('x'.repeat(401)))).toBe(false)
  })

  it('may share fifteen consecutive characters with the instructions, at any place', () => {
    for (const at of [0, 5, instructions.length - 16]) {
      expect(passes(error(`ab ${instructions.slice(at, at + 15)}`))).toBe(true)
      expect(passes(error(`ab ${instructions.slice(at, at + 16)}`))).toBe(false)
      expect(passes(error(`${instructions.slice(at, at + 16)} ab`))).toBe(false)
    }
  })

  it.each([
    ['https://x.example'],
    ['http://x.example'],
    ['wss://x.example'],
    ['ws://x.example'],
    ['r.openai.azure.com'],
    ['sk-abc'],
    ['ek_abc'],
    ['your api key'],
    ['api-key'],
    ['Bearer x'],
    ['org-abc'],
    ['proj_abc'],
    ['asst-abc'],
    ['the deployment'],
    ['the instructions'],
    ['a tool'],
    ['the tools'],
    ['SECRET-deployment'],
    ['at CONTOSO.example'],
    ['GET_WEATHER failed'],
  ])('do not pass with "%s" in them', (text) => {
    expect(passes(error(`It says ${text}.`))).toBe(false)
    expect(passes(error('Harmless.', { param: text }))).toBe(false)
    expect(passes(error('Harmless.', { type: text }))).toBe(false)
  })

  it('keep a code of the known form only', () => {
    const code = (value: string) => {
      const verdict = judgeServerEvent(error('over https://x.example', { code: value }), view())
      return verdict.type === 'replace' ? (verdict.event.error as { code: unknown }).code : 'untouched'
    }
    expect(code('a')).toBe('a')
    expect(code(`a${'b'.repeat(63)}`)).toBe(`a${'b'.repeat(63)}`)
    for (const bad of [`a${'b'.repeat(64)}`, 'A', '1a', 'a-b', 'a\n', 'xa ', 'get_weather']) expect(code(bad), bad).toBeNull()
  })
})

describe('an event of the client’s', () => {
  const MESSAGE = { type: 'message', role: 'user', content: [] }
  it.each<object>([
    { type: 'session.update', session: {} },
    { type: 'response.create' },
    { type: 'response.create', response: { metadata: { a: 'b' } } },
    { type: 'response.cancel' },
    { type: 'response.cancel', response_id: 'r1' },
    { type: 'conversation.item.create', item: MESSAGE },
    { type: 'conversation.item.retrieve', item_id: 'm1' },
    { type: 'conversation.item.delete', item_id: 'm1' },
    truncate({}),
    { type: 'input_audio_buffer.append', audio: 'AAAA' },
    { type: 'input_audio_buffer.commit' },
    { type: 'input_audio_buffer.clear' },
  ])('keeps its id, by which an error names it: %j', (event) => {
    const judged = (one: object) => judgeClientEvent(one as RealtimeEvent, view())
    expect(judged({ ...event, event_id: 'c7' })).toMatchObject({ type: 'replace', event: { event_id: 'c7' } })
    expect(judged(event)).not.toHaveProperty('event.event_id')
  })

  it('may append fifteen MiB of audio and no more', () => {
    const most = (15 * 1024 * 1024 * 4) / 3
    expect(says({ type: 'input_audio_buffer.append', audio: 'A'.repeat(most) })).toBe('replace')
    expect(says({ type: 'input_audio_buffer.append', audio: 'A'.repeat(most + 4) })).toBe('reject')
  })

  it('puts no other kind of part into the words of the assistant', () => {
    const said = (part: object) => judgeClientEvent(message({ role: 'assistant', content: [part] }) as unknown as RealtimeEvent, view({ clientMaySeedHistory: true })).type
    expect([said({ type: 'output_text', text: 'x' }), said({ type: 'input_text', text: 'x' }), said({ type: 'output_text' })]).toEqual(['replace', 'reject', 'reject'])
  })
})

describe('tools that a client brings', () => {
  const named = (count: number, change: object = {}) => Array.from({ length: count }, (_, n) => ({ type: 'function', name: `tool_${n}`, ...change }))
  const brings = (tools: Json) => {
    const verdict = judgeClientEvent({ type: 'session.update', session: { tools } }, view({ clientTools: true }))
    return verdict.type === 'reject' ? verdict.error.param : verdict.type
  }
  it('are a list, or nothing', () => {
    expect([brings(null), brings([]), brings('tools'), brings({})]).toEqual(['replace', 'replace', 'session.tools', 'session.tools'])
  })

  it('are 128 at most, the server’s three included, with descriptions of 4096 characters', () => {
    expect([brings(named(125)), brings(named(126))]).toEqual(['replace', 'session.tools'])
    expect([brings(named(1, { description: 'x'.repeat(4096) })), brings(named(1, { description: 'x'.repeat(4097) }))]).toEqual(['replace', 'session.tools[0]'])
  })

  it('have a type, a name, and a schema that is an object', () => {
    expect([{ name: 'a' }, { type: 'function' }, { type: 'function', name: 'a', parameters: [] }, 'a'].map((one) => brings([one as Json]))).toEqual(
      Array.from({ length: 4 }, () => 'session.tools[0]'),
    )
  })
})

describe('a text of the upstream’s', () => {
  it('is public up to four hundred characters, and private words are at least a letter', () => {
    expect([isPublicText('x '.repeat(200), view()), isPublicText(`${'x '.repeat(200)}y`, view())]).toEqual([true, false])
    const manners = { greeting: 'Welcome to Contoso, dear guest.', silence: { afterMs: 1, question: 'Is anybody on the line?', times: 1, goodbye: 'So we part here, then.' } }
    for (const quote of ['Welcome to Contoso', 'is: anybody on the line', 'So we part here, th']) expect(isPublicText(quote, view({ manners }))).toBe(false)
    const guards = { guards: [], blockedLine: 'Say that Contoso forbids it.', tellsModel: false, maxBlocks: 5 }
    for (const own of [{ guards }, { toolFiller: 'Say that Contoso forbids it.' }]) expect(isPublicText('that Contoso forbids', view(own))).toBe(false)
    expect(isPublicText('Welcome to Contoso', view())).toBe(true)
    expect(isPublicText('a letter', { ...view(), privateWords: [''] })).toBe(true)
    expect(isPublicText('a letter', { ...view(), privateWords: ['l'] })).toBe(false)
  })
})

describe('the most that a response may say', () => {
  const cap = (asked: Json | undefined, own?: Json, open = false) =>
    outputCap(
      { ...view().profile, session: own === undefined ? {} : { max_output_tokens: own }, clientMaySet: new Set(open ? ['max_output_tokens'] : []) },
      asked === undefined ? undefined : { max_output_tokens: asked },
    )
  it('is a number of one to 4096, else 4096', () => {
    expect([1, 4096, 5000, 0, -1, 'inf', null].map((asked) => cap(asked as Json))).toEqual([1, 4096, 4096, 4096, 4096, 4096, 4096])
    expect([cap(undefined, 300), cap(undefined, 300, true), cap(50, 300), cap(undefined, 'inf')]).toEqual([300, 4096, 50, 4096])
  })
})

describe('what a client sets', () => {
  const taken = (path: string, value: Json) => settableAt(path)?.(value) !== undefined
  const languages = (count: number) => Array.from({ length: count }, () => 'en')
  it('of its transcription is a known delay, and one to sixteen languages', () => {
    for (const delay of ['minimal', 'low', 'medium', 'high', 'xhigh']) expect(taken('audio.input.transcription', { delay }), delay).toBe(true)
    expect(taken('audio.input.transcription', { delay: 'none' })).toBe(false)
    const lists: readonly Json[] = [languages(1), languages(16), languages(17), [], 'en', ['en', 7], ['en', 'no language']]
    expect(lists.map((list) => taken('audio.input.transcription', { languages: list }))).toEqual([true, true, false, false, false, false, false])
  })

  it('needs its type where kinds differ by it', () => {
    expect([taken('audio.input.noise_reduction', {}), taken('audio.input.noise_reduction', { type: 'near_field' })]).toEqual([false, true])
    expect([taken('audio.output.format', {}), taken('audio.output.format', { type: 'audio/pcma' })]).toEqual([false, true])
    expect([taken('audio.input.turn_detection', { threshold: 0.5 }), taken('audio.input.turn_detection', { type: 'server_vad' })]).toEqual([false, true])
    expect(['minimal', 'low', 'medium', 'high', 'xhigh', 'none'].map((effort) => taken('reasoning', { effort }))).toEqual([true, true, true, true, true, false])
  })
})

describe('a session as the upstream shows it', () => {
  const { profile } = view()
  const names = profile.tools.map((tool) => ({ ...tool.definition }) as Json)
  it('is in force with the server’s words and tools, and with nothing less', () => {
    expect(serverPartInForce({ instructions: profile.instructions, tools: names }, profile)).toBe(true)
    expect(serverPartInForce({ instructions: ` ${profile.instructions}\r\n`, tools: names }, profile)).toBe(true)
    for (const session of [
      undefined,
      {},
      { tools: names },
      { instructions: profile.instructions },
      { instructions: profile.instructions, tools: ['get_weather', {}, null] as Json },
    ])
      expect(serverPartInForce(session, profile)).toBe(false)
    const lines = { ...profile, instructions: 'One.\r\nTwo.' }
    expect(serverPartInForce({ instructions: 'One.\nTwo.', tools: names }, lines)).toBe(true)
    expect(serverPartInForce({ instructions: 'One. Two.', tools: names }, lines)).toBe(false)
  })
})

describe('an event of the upstream', () => {
  it('that ends a response without a list of items passes', () => {
    expect(judgeServerEvent({ type: 'response.done', event_id: 'e', response: { id: 'r', object: 'realtime.response', status: 'completed' } }, view()).type).toMatch(
      /forward|replace/,
    )
  })

  it('never makes a turn follow itself', () => {
    const circle = { ...view(), visibleItem: () => 'item_turn' }
    const verdict = judgeServerEvent({ type: 'input_audio_buffer.committed', event_id: 'e', previous_item_id: 'item_hidden', item_id: 'item_turn' }, circle)
    expect(verdict).toMatchObject({ type: 'replace', event: { previous_item_id: null } })
  })
})
