// What of the words of a session stands on which span, and that no attribute outgrows its bound, whatever is said.
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { describe, expect, it } from 'vitest'
import { boundedText, contentAttributes, MOST_CONTENT } from '../../../src/ops/tracing/messages.js'
import { createSessionSaid } from '../../../src/ops/tracing/said.js'
import { createSessionSpans } from '../../../src/ops/tracing/session-spans.js'
import type { Content } from '../../../src/ports/content.js'
import type { Note } from '../../../src/ports/notes.js'
import { anyCharacter } from '../../support/any-character.js'
import { fc } from '../../support/property.js'

const user = (itemId: string, text: string): Content => ({ type: 'input', itemId, from: 'user', callId: undefined, text })
const result = (itemId: string, callId: string, text: string): Content => ({ type: 'input', itemId, from: 'tool', callId, text })
const says = (responseId: string, text: string): Content => ({ type: 'output', responseId, parts: [{ type: 'text', text }] })
const started = (responseId: string): Note => ({ type: 'response_started', responseId })
const done = (responseId: string, calls?: number): Note => ({ type: 'response_done', responseId, model: 'm', status: 'completed', calls, usage: undefined })

const isContent = (one: Note | Content): one is Content => ['input', 'output', 'tool_arguments', 'tool_result'].includes(one.type)

function follow(content = true) {
  const exporter = new InMemorySpanExporter()
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer('test')
  const about = { sessionId: 's', profile: 'p', dialect: 'ga', arrivedAt: 0, trace: undefined, isMoved: false }
  let now = 0
  const spans = createSessionSpans(about, {
    tracer,
    layout: 'turn',
    trustsClient: false,
    content,
    clock: () => ++now,
    onThrown: (error) => {
      throw error
    },
  })
  return {
    spans,
    hears(...all: readonly (Note | Content)[]) {
      for (const one of all) {
        if (isContent(one)) spans.content?.(one)
        else spans.note(one)
      }
      return this
    },
    read: (name: string, attribute: string) =>
      exporter
        .getFinishedSpans()
        .filter((span) => span.name === name)
        .map((span) => span.attributes[attribute])
        .map((value) => (typeof value === 'string' ? JSON.parse(value) : value)),
  }
}

const INPUT = 'gen_ai.input.messages'
const OUTPUT = 'gen_ai.output.messages'
const said = (content: string) => ({ role: 'user', parts: [{ type: 'text', content }] })
const answered = (content: string, finish_reason = 'stop') => ({ role: 'assistant', parts: [{ type: 'text', content }], finish_reason })

describe('words', () => {
  it('stand on the response that read or said them, and on its turn', () => {
    const p = follow().hears(user('a', 'Hello'), started('r'), says('r', 'Good day'), done('r'))
    for (const name of ['realtime_inference', 'realtime turn']) expect([p.read(name, INPUT), p.read(name, OUTPUT)]).toEqual([[[said('Hello')]], [[answered('Good day')]]])
  })

  it('of a spoken turn come while it is answered; what comes later is news for the next answer', () => {
    const p = follow().hears(user('a', ''), started('r1'), user('a', 'One'), says('r1', 'Yes'), done('r1'))
    p.hears(user('b', ''), started('r2'), says('r2', 'Well'), done('r2'), user('b', 'Two'), user('c', 'Three'), started('r3'), says('r3', 'So'), done('r3'))
    expect(p.read('realtime_inference', INPUT)).toEqual([[said('One')], undefined, [said('Two'), said('Three')]])
  })

  it('of a turn with tools: the call, its result, and the last answer for the turn', () => {
    const call = { type: 'tool_call', callId: 'c', name: 'look', arguments: '{"city":"Bergen"}' } as const
    const p = follow().hears(user('a', 'Weather?'), started('r1'), { type: 'output', responseId: 'r1', parts: [call] }, { type: 'tool_started', callId: 'c', tool: 'look' })
    p.hears({ type: 'tool_arguments', callId: 'c', text: '{"city":"Bergen"}' }, done('r1', 1), { type: 'tool_result', callId: 'c', text: '"rain"' })
    p.hears({ type: 'tool_finished', callId: 'c', tool: 'look', outcome: 'ok', durationMs: 1, cut: false })
    p.hears(result('o', 'c', '"rain"'), started('r2'), says('r2', 'It rains'), done('r2'))
    const toolCall = { type: 'tool_call', id: 'c', name: 'look', arguments: { city: 'Bergen' } }
    expect(p.read('realtime_inference', OUTPUT)).toEqual([[{ role: 'assistant', parts: [toolCall], finish_reason: 'tool_call' }], [answered('It rains')]])
    expect(p.read('realtime_inference', INPUT)).toEqual([[said('Weather?')], [{ role: 'tool', parts: [{ type: 'tool_call_response', id: 'c', response: '"rain"' }] }]])
    expect([p.read('execute_tool look', 'gen_ai.tool.call.arguments'), p.read('execute_tool look', 'gen_ai.tool.call.result')]).toEqual([[{ city: 'Bergen' }], ['rain']])
    expect([p.read('realtime turn', INPUT), p.read('realtime turn', OUTPUT)]).toEqual([[[said('Weather?')]], [[answered('It rains')]]])
  })

  it('of a response that a lost upstream cut stay: what it was told', () => {
    const p = follow().hears(user('a', 'Hello'), started('r'), { type: 'upstream_lost', cause: 'closed', during: 'answer' })
    expect([p.read('realtime_inference', INPUT), p.read('realtime_inference', OUTPUT)]).toEqual([[[said('Hello')]], [undefined]])
  })

  it('have no way to a span that was not asked to hold them', () => {
    expect(follow(false).spans).not.toHaveProperty('content')
  })
})

it('numbers of arguments that JavaScript would change stay text', () => {
  const [message] = JSON.parse(
    String(
      contentAttributes({ input: [], output: { finishReason: 'stop', parts: [{ type: 'tool_call', callId: 'c', name: 'n', arguments: '{"id":2512292042121000001}' }] } })[OUTPUT],
    ),
  )
  expect(message.parts[0].arguments).toBe('{"id":2512292042121000001}')
})

const words = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 30 }),
  fc.tuple(fc.constantFrom('a', '\u0000', '"', 'é', '😀', '{'), fc.integer({ min: 1, max: 20_000 })).map(([one, times]) => one.repeat(times)),
)

it('whatever is said, an attribute has 8 KiB at most, is JSON, and ends with the latest words', () => {
  const part = fc.oneof(
    words.map((text) => ({ type: 'text' as const, text })),
    fc.record({ type: fc.constant('tool_call' as const), callId: words, name: words, arguments: words }),
  )
  const message = fc.record({ from: fc.constantFrom('user' as const, 'tool' as const), callId: fc.option(words, { nil: undefined }), text: words })
  fc.assert(
    fc.property(fc.array(message, { maxLength: 40 }), fc.array(part, { maxLength: 200 }), (input, parts) => {
      const attributes = contentAttributes({ input, output: { parts, finishReason: 'stop' } })
      for (const value of Object.values(attributes)) {
        expect(Buffer.byteLength(String(value))).toBeLessThanOrEqual(MOST_CONTENT)
        expect(JSON.parse(String(value)).length).toBeGreaterThan(0)
      }
      const last = JSON.parse(String(attributes[INPUT] ?? '[]')).at(-1)
      const text = last?.parts[0].content ?? last?.parts[0].response ?? ''
      expect((input.at(-1)?.text ?? '').startsWith(text.replace(/…$/, ''))).toBe(true)
    }),
  )
})

it('a text of its own is cut at the bound, not before it is needed', () => {
  expect(boundedText('x'.repeat(MOST_CONTENT))).toBe('x'.repeat(MOST_CONTENT))
  const cut = boundedText('😀'.repeat(MOST_CONTENT))
  expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(MOST_CONTENT)
  expect(cut).toMatch(/^(😀)+…$/u)
})

it('a peer that begins and never ends keeps a bounded number of responses and items', () => {
  const all = createSessionSaid()
  for (let n = 0; n < 200; n++) {
    all.heard({ type: 'input', itemId: `i${n}`, from: 'user', callId: undefined, text: `${n}` })
    if (n % 40 === 39) all.responseStarted(`r${n}`)
  }
  expect(all.responseOver('r199', 'stop')?.input.map(({ text }) => Number(text))).toEqual(Array.from({ length: 32 }, (_, n) => 168 + n))
  for (let n = 0; n < 20; n++) all.responseStarted(`s${n}`)
  expect([all.responseOver('s11', 'stop'), all.responseOver('s12', 'stop')]).toEqual([undefined, { input: [], output: { parts: [], finishReason: 'stop' } }])
})
