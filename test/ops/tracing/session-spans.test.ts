// What notes of a session become: which turn a response or a tool belongs to, when a turn is over, and how each span ends.
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { describe, expect, it } from 'vitest'
import { createSessionSpans, type SessionSpansOptions, type TracedSession } from '../../../src/ops/tracing/session-spans.js'
import type { Note } from '../../../src/ports/notes.js'
import { fc } from '../../support/property.js'

const AT = 1_800_000_000_000

function follow(session: Partial<TracedSession> = {}, options: Partial<SessionSpansOptions> = {}) {
  const thrown: unknown[] = []
  const exporter = new InMemorySpanExporter()
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer('test')
  let now = AT
  const about = { sessionId: 's-1', profile: 'default', dialect: 'ga', arrivedAt: AT, trace: undefined, isMoved: false, ...session }
  const recorder = createSessionSpans(about, {
    tracer,
    layout: 'turn',
    trustsClient: false,
    content: false,
    clock: () => now,
    onThrown: (error) => void thrown.push(error),
    ...options,
  })
  const ms = ([seconds, nanos]: readonly [number, number]) => Math.round(seconds * 1000 + nanos / 1e6 - AT)
  const line = (span: ReadableSpan): string => {
    const { 'relay.turn.end': end, 'error.type': error } = span.attributes
    return [`${span.name} ${ms(span.startTime)}-${ms(span.endTime)}`, end, error && `!${error}`].filter((part) => part !== undefined).join(' ')
  }
  const self = {
    recorder,
    thrown,
    /** Notes at a time after the session's begin. */
    at(ms: number, ...notes: readonly Note[]) {
      now = AT + ms
      for (const note of notes) recorder.note(note)
      return self
    },
    spans: () => exporter.getFinishedSpans(),
    /** What has ended so far: name, times, how a turn ended, errors. */
    ended: () => exporter.getFinishedSpans().map(line),
    parentOf: (name: string) => {
      const child = exporter.getFinishedSpans().find((span) => span.name === name)
      return exporter.getFinishedSpans().find((span) => span.spanContext().spanId === child?.parentSpanContext?.spanId)?.name
    },
  }
  return self
}

const started = (responseId: string): Note => ({ type: 'response_started', responseId })
const done = (responseId: string, more: Partial<Extract<Note, { type: 'response_done' }>> = {}): Note => ({
  type: 'response_done',
  responseId,
  model: 'gpt-realtime',
  status: 'completed',
  usage: undefined,
  ...more,
})
const speaks: Note = { type: 'speech_started' }
const stops: Note = { type: 'speech_stopped' }
const tool = (callId: string): Note => ({ type: 'tool_started', callId, tool: 'look' })
const result = (callId: string, outcome: Extract<Note, { type: 'tool_finished' }>['outcome'] = 'ok'): Note => ({
  type: 'tool_finished',
  callId,
  tool: 'look',
  outcome,
  durationMs: 1,
  cut: false,
})
const closed = (code: Extract<Note, { type: 'session_closed' }>['code']): Note => ({
  type: 'session_closed',
  code,
  why: code,
  durationMs: 1,
  upMessages: 0,
  downMessages: 0,
  upBytes: 0,
  downBytes: 0,
})

describe('a turn', () => {
  it('begins with speech and ends with the response that answers it', () => {
    const p = follow().at(100, speaks).at(900, stops).at(1000, started('r')).at(1300, { type: 'first_audio', responseId: 'r', afterMs: 300 }).at(2000, done('r'))
    expect(p.ended()).toEqual(['user_speech 100-900', 'realtime_inference 1000-2000', 'realtime turn 100-2000 completed'])
    expect(p.spans().at(-1)?.attributes['relay.turn.first_audio_ms']).toBe(400)
    expect(p.parentOf('user_speech')).toBe('realtime turn')
  })

  it('goes on over tools of the relay, and a line said meanwhile does not end it', () => {
    const p = follow()
      .at(0, started('r1'))
      .at(100, tool('c'))
      .at(110, done('r1', { calls: 1 }))
    p.at(200, started('filler')).at(400, done('filler')).at(500, result('c'))
    expect(p.ended()).toEqual(['realtime_inference 0-110', 'realtime_inference 200-400', 'execute_tool look 100-500'])
    p.at(510, started('r2')).at(900, done('r2'))
    expect(p.ended().slice(3)).toEqual(['realtime_inference 510-900', 'realtime turn 0-900 completed'])
  })

  it('goes on over tools of the client, but not for ever', () => {
    const p = follow()
      .at(0, started('r1'))
      .at(100, done('r1', { calls: 1 }))
      .at(20_000, started('r2'))
      .at(20_100, done('r2'))
    expect(p.ended().at(-1)).toBe('realtime turn 0-20100 completed')
    const late = follow()
      .at(0, started('r1'))
      .at(100, done('r1', { calls: 1 }))
      .at(31_000, started('r2'))
    expect(late.ended()).toEqual(['realtime_inference 0-100', 'realtime turn 0-100 completed'])
  })

  it('is one, as long as nothing has begun to answer what was said', () => {
    const p = follow().at(0, speaks).at(100, stops).at(200, speaks).at(300, stops).at(400, started('r')).at(500, done('r'))
    expect(p.ended()).toEqual(['user_speech 0-100', 'user_speech 200-300', 'realtime_inference 400-500', 'realtime turn 0-500 completed'])
  })

  it('that the user breaks into ends with its response, while the next has begun', () => {
    const p = follow()
      .at(0, started('r1'))
      .at(100, speaks)
      .at(150, done('r1', { status: 'cancelled', reason: 'turn_detected' }))
    expect(p.ended()).toEqual(['realtime_inference 0-150', 'realtime turn 0-150 interrupted'])
    p.at(200, stops).at(300, started('r2')).at(400, done('r2'))
    expect(p.ended().at(-1)).toBe('realtime turn 100-400 completed')
  })

  it('that the user breaks into during a tool ends with the tool; the answer is the next one’s', () => {
    const p = follow()
      .at(0, started('r1'))
      .at(10, tool('c'))
      .at(20, done('r1', { calls: 1 }))
      .at(100, speaks)
      .at(200, stops)
      .at(300, result('c'))
      .at(310, started('r2'))
      .at(400, done('r2'))
    expect(p.ended().filter((line) => line.startsWith('realtime turn'))).toEqual(['realtime turn 0-300 completed', 'realtime turn 100-400 completed'])
  })

  it.each<[string, Note, string, string | undefined]>([
    ['that fails', done('r', { status: 'failed' }), 'realtime turn 0-10 failed !response_failed', '!response_failed'],
    ['that the service filters', done('r', { status: 'incomplete', reason: 'content_filter' }), 'realtime turn 0-10 filtered', '!content_filter'],
    ['that is cut short', done('r', { status: 'incomplete', reason: 'max_output_tokens' }), 'realtime turn 0-10 completed', undefined],
    ['that the client cancels', done('r', { status: 'cancelled', reason: 'client_cancelled', calls: 1 }), 'realtime turn 0-10 interrupted', undefined],
  ])('with a response %s says so', (_what, note, turn, error) => {
    const p = follow().at(0, started('r')).at(10, note)
    expect(p.ended()).toEqual([['realtime_inference 0-10', error].filter((part) => part !== undefined).join(' '), turn])
  })

  it('is what stands for the session’s last turn, also when it is over; before the first, the connection does', () => {
    const p = follow().at(0, { type: 'configured', durationMs: 0 })
    const traceOf = (name: string) =>
      p
        .spans()
        .find((span) => span.name === name)
        ?.spanContext().traceId
    const told = () => p.recorder.traceparent?.({ type: 'turn' })?.split('-')[1]
    expect(told()).toBe(traceOf('realtime connect'))
    p.at(10, started('r'))
    const during = told()
    p.at(20, done('r'))
    expect([during, told()]).toEqual([traceOf('realtime turn'), traceOf('realtime turn')])
    p.at(30, speaks)
    expect(told()).not.toBe(during)
  })

  it('that is under way when the session ends is abandoned, and its parts say why', () => {
    const p = follow().at(0, { type: 'configured', durationMs: 0 }, started('r'), tool('c')).at(10, closed('upstream_lost'))
    expect(p.ended()).toEqual(['realtime connect 0-0', 'realtime_inference 0-10 !upstream_lost', 'execute_tool look 0-10 !upstream_lost', 'realtime turn 0-10 abandoned'])
    const left = follow().at(0, { type: 'configured', durationMs: 0 }, started('r')).at(10, closed('client_left'))
    expect(left.ended()).toEqual(['realtime connect 0-0', 'realtime_inference 0-10', 'realtime turn 0-10 abandoned'])
  })

  it('that waited for the client’s tool when the session ended ended with its last response', () => {
    const p = follow()
      .at(0, started('r'))
      .at(10, done('r', { calls: 1 }))
      .at(500, closed('client_left'))
    expect(p.ended()).toContain('realtime turn 0-10 completed')
  })
})

describe('a tool', () => {
  it('that fails has its outcome as error', () => {
    expect(follow().at(0, started('r'), tool('c')).at(10, result('c', 'timeout')).ended()).toEqual(['execute_tool look 0-10 !timeout'])
  })

  it('that never started has no span', () => {
    expect(follow().at(0, result('c', 'aborted')).ended()).toEqual([])
  })
})

describe('a lost upstream', () => {
  const lost: Note = { type: 'upstream_lost', cause: 'closed', during: 'answer' }
  const dial = (leg: number, reason: Extract<Note, { type: 'dial_started' }>['reason']): Note => ({ type: 'dial_started', leg, reason })
  const dialled = (leg: number, outcome: Extract<Note, { type: 'dial_finished' }>['outcome']): Note => ({ type: 'dial_finished', leg, outcome, service: undefined })

  it('ends the answer, and the turn goes on with the one that is asked for again', () => {
    const p = follow()
      .at(0, { type: 'configured', durationMs: 0 }, started('r1'))
      .at(100, lost, dial(2, 'lost'))
      .at(150, dialled(2, 'upstream_timeout'))
      .at(160, dial(3, 'again'))
      .at(200, dialled(3, 'ok'))
    p.at(300, { type: 'restored', cause: 'closed', durationMs: 200, attempts: 2, cut: 'broken' }).at(310, started('r2')).at(500, done('r2'))
    expect(p.ended().slice(1)).toEqual([
      'realtime_inference 0-100 !upstream_lost',
      'realtime dial 100-150 !upstream_timeout',
      'realtime dial 160-200',
      'realtime restore 100-300',
      'realtime_inference 310-500',
      'realtime turn 0-500 completed',
    ])
    expect([p.parentOf('realtime dial'), p.parentOf('realtime restore')]).toEqual(['realtime restore', 'realtime turn'])
  })

  it('that is not made good ends turn and session', () => {
    const p = follow().at(0, { type: 'configured', durationMs: 0 }, started('r1')).at(100, lost, dial(2, 'lost'))
    p.at(200, dialled(2, 'upstream_refused'), { type: 'restore_failed', cause: 'closed', why: 'refused', attempts: 1, durationMs: 100 }, closed('upstream_lost'))
    expect(p.ended().slice(1)).toEqual([
      'realtime_inference 0-100 !upstream_lost',
      'realtime dial 100-200 !upstream_refused',
      'realtime restore 100-200 !refused',
      'realtime turn 0-100 failed !response_failed',
    ])
  })

  it('between turns has a trace of its own, linked to the connection', () => {
    const p = follow()
      .at(0, { type: 'configured', durationMs: 0 })
      .at(100, { ...lost, during: 'idle' })
      .at(200, { type: 'restored', cause: 'closed', durationMs: 100, attempts: 1, cut: 'none' })
    const [connect, restore] = p.spans()
    expect([restore?.name, restore?.parentSpanContext, restore?.links[0]?.context.spanId]).toEqual(['realtime restore', undefined, connect?.spanContext().spanId])
  })

  it('is none if the session moves to a fresh one by plan', () => {
    const p = follow().at(0, { type: 'configured', durationMs: 0 }).at(100, dial(2, 'rollover')).at(200, dialled(2, 'ok'))
    p.at(300, { type: 'restored', cause: 'rollover', durationMs: 200, attempts: 1, cut: 'none' })
    expect(p.ended().slice(1)).toEqual(['realtime dial 100-200', 'realtime rollover 100-300'])
    const failed = follow().at(100, dial(2, 'rollover')).at(200, dialled(2, 'rate_limited'), { type: 'rollover_failed', why: 'rate_limited' })
    expect(failed.ended()).toEqual(['realtime dial 100-200 !rate_limited', 'realtime rollover 100-200 !rate_limited'])
  })
})

it('a session that ends before it is live has a connection that failed', () => {
  expect(follow().at(50, closed('upstream_timeout')).ended()).toEqual(['realtime connect 0-50 !upstream_timeout'])
  expect(follow().at(50, closed('client_left')).ended()).toEqual(['realtime connect 0-50'])
})

it('a session that comes from elsewhere is connected when it is told to its upstream', () => {
  const p = follow({ isMoved: true }).at(70, { type: 'restored', cause: 'moved', durationMs: 70, attempts: 1, cut: 'none' })
  expect(p.ended()).toEqual(['realtime connect 0-70'])
  expect(p.spans()[0]?.attributes['relay.session.resumed']).toBe(true)
})

it('says for each dial and each running tool what to send, and for anything else the connection', () => {
  const { recorder, at, spans } = follow()
  at(0, { type: 'dial_started', leg: 1, reason: 'first' }, started('r'), tool('c'))
  const said = [recorder.traceparent?.({ type: 'dial', leg: 1 }), recorder.traceparent?.({ type: 'tool', callId: 'c' }), recorder.traceparent?.({ type: 'tool', callId: 'other' })]
  at(1, { type: 'dial_finished', leg: 1, outcome: 'ok', service: undefined }, result('c'), { type: 'configured', durationMs: 1 })
  expect(said).toEqual(spans().map((span) => `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`))
})

it('nothing is made of more than sixty-four responses at once, of a response twice, or after the end', () => {
  const p = follow().at(0, ...Array.from({ length: 100 }, (_, n) => started(`r${n}`)), started('r1'))
  p.at(10, closed('client_left')).at(20, started('late'), done('late'), closed('client_left'))
  expect(p.ended().filter((line) => line.startsWith('realtime_inference')).length).toBe(64)
  expect(p.ended().length).toBe(66)
})

it('a note that cannot be understood ends nothing', () => {
  const p = follow().at(0, started('r'))
  expect(() => p.recorder.note({ ...done('r'), usage: 'none' } as never)).not.toThrow()
  expect(p.thrown).toEqual([])
  expect(() => p.recorder.note(null as never)).not.toThrow()
  expect(p.thrown.length).toBe(1)
})

it('ids and names of an upstream that look like none are not shown, nor numbers that are none', () => {
  const said = 'I said something'
  const usage = { input_tokens: 'many', output_tokens: Number.NaN, input_token_details: { audio_tokens: 3, cached_tokens_details: { text_tokens: 2 } } }
  const p = follow()
    .at(0, { type: 'upstream_session', sessionId: said, model: said }, started(said), tool(said))
    .at(1, result(said), done(said, { model: said, usage: usage as never }))
  const response = p.spans().find(({ name }) => name.startsWith('realtime_inference'))
  expect(response?.name).toBe('realtime_inference other')
  expect(response?.attributes).toMatchObject({ 'gen_ai.realtime_session.id': 'other', 'gen_ai.response.id': 'other' })
  expect(Object.keys(response?.attributes ?? {}).filter((name) => name.includes('usage'))).toEqual(['gen_ai.usage.audio.input_tokens', 'gen_ai.usage.text.cache_read.input_tokens'])
  expect(JSON.stringify(p.spans().map(({ name, attributes }) => [name, attributes]))).not.toContain(said)
})

it('whatever is noted in whatever order: nothing throws, every span ends, none before it began or outside its session, and each lies in one that exists', () => {
  const id = fc.constantFrom('a', 'b', 'c')
  const leg = fc.integer({ min: 1, max: 3 })
  const cause = fc.constantFrom('closed', 'rollover', 'forced', 'moved', 'silent' as const)
  const anyNote = fc.oneof(
    fc.constantFrom<Note>(speaks, stops, { type: 'configured', durationMs: 1 }, { type: 'rollover_failed', why: 'x' }, { type: 'session_moved', why: 'drain' }),
    id.map(started),
    fc
      .tuple(id, fc.constantFrom('completed', 'cancelled', 'failed', 'incomplete', 'unknown'), fc.constantFrom(undefined, 1))
      .map(([one, status, calls]) => done(one, { status, calls })),
    id.map((responseId): Note => ({ type: 'first_audio', responseId, afterMs: 1 })),
    id.map(tool),
    id.map((one) => result(one)),
    fc.tuple(leg, fc.constantFrom('first', 'lost', 'again', 'rollover' as const)).map(([of, reason]): Note => ({ type: 'dial_started', leg: of, reason })),
    fc.tuple(leg, fc.constantFrom('ok', 'given_up', 'upstream_refused' as const)).map(([of, outcome]): Note => ({ type: 'dial_finished', leg: of, outcome, service: undefined })),
    cause.map((one): Note => ({ type: 'upstream_lost', cause: one, during: 'answer' })),
    fc.tuple(cause, fc.constantFrom('none', 'broken', 'again' as const)).map(([one, cut]): Note => ({ type: 'restored', cause: one, durationMs: 1, attempts: 1, cut })),
    cause.map((one): Note => ({ type: 'restore_failed', cause: one, why: 'x', attempts: 1, durationMs: 1 })),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(anyNote, fc.integer({ min: 0, max: 20_000 })), { maxLength: 60 }), fc.constantFrom('turn', 'session' as const), (notes, layout) => {
      const begun: ReadableSpan[] = []
      const exporter = new InMemorySpanExporter()
      const watch = { onStart: (span: ReadableSpan) => void begun.push(span), onEnd: () => undefined, forceFlush: async () => undefined, shutdown: async () => undefined }
      const tracer = new BasicTracerProvider({ spanProcessors: [watch, new SimpleSpanProcessor(exporter)] }).getTracer('test')
      let now = AT
      const about = { sessionId: 's', profile: 'p', dialect: 'ga', arrivedAt: AT, trace: undefined, isMoved: false }
      const failures: unknown[] = []
      const spans = createSessionSpans(about, { onThrown: (error) => void failures.push(error), tracer, layout, trustsClient: false, content: false, clock: () => now })
      for (const [note, passed] of notes) {
        now += passed
        spans.note(note)
      }
      spans.note(closed('client_left'))
      const at = ([seconds, nanos]: readonly [number, number]) => seconds * 1000 + nanos / 1e6
      const ids = new Set(begun.map((span) => span.spanContext().spanId))
      expect(failures).toEqual([])
      expect(exporter.getFinishedSpans().length).toBe(begun.length)
      for (const span of begun) {
        expect([span.name, at(span.endTime) >= at(span.startTime), at(span.startTime) >= AT, at(span.endTime) <= now + 1]).toEqual([span.name, true, true, true])
        if (span.parentSpanContext) expect(ids).toContain(span.parentSpanContext.spanId)
      }
    }),
  )
})

describe('guards', () => {
  it('have a span for each check, in the turn that it is about', () => {
    const checked = (outcome: 'pass' | 'none', durationMs: number): Note => ({ type: 'guard_checked', guard: 'safety', side: 'output', outcome, durationMs })
    const p = follow().at(100, speaks).at(900, stops).at(1000, started('r')).at(1150, checked('pass', 40)).at(1400, checked('none', 200)).at(2000, done('r'))
    p.at(3000, { type: 'session_closed', code: 'client_left', why: 'client_left', durationMs: 1, upMessages: 0, downMessages: 0, upBytes: 0, downBytes: 0 })
    expect(p.ended().filter((span) => span.startsWith('guard'))).toEqual(['guard safety 1110-1150', 'guard safety 1200-1400 !no_answer'])
    const checks = p.spans().filter(({ name }) => name === 'guard safety')
    expect(checks.map(({ attributes }) => [attributes['relay.guard.side'], attributes['relay.guard.outcome']])).toEqual([
      ['output', 'pass'],
      ['output', 'none'],
    ])
    const turn = p.spans().find(({ name }) => name === 'realtime turn')
    expect(checks.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([turn?.spanContext().spanId, turn?.spanContext().spanId])
  })

  it('are events of the turn, in fixed words', () => {
    const trips: Note = { type: 'guard_tripped', guard: 'safety', side: 'output', category: 'not one word', mode: 'hold' }
    const p = follow().at(100, speaks).at(900, stops).at(1000, started('r'), trips, { type: 'guard_failed', guard: 'safety', why: 'timeout' }).at(2000, done('r'))
    p.at(3000, { type: 'session_closed', code: 'client_left', why: 'client_left', durationMs: 1, upMessages: 0, downMessages: 0, upBytes: 0, downBytes: 0 })
    expect(p.spans().flatMap(({ events }) => events.map(({ name, attributes }) => [name, attributes]))).toEqual([
      ['guard_tripped', { 'relay.guard.name': 'safety', 'relay.guard.side': 'output', 'relay.guard.category': 'other' }],
      ['guard_failed', { 'relay.guard.name': 'safety', 'relay.guard.why': 'timeout' }],
    ])
  })
})
