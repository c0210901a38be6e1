// Every note becomes a number. Values that a peer chooses never create time series without bound.
import { fastify } from 'fastify'
import { describe, expect, it, vi } from 'vitest'
import { createBoundedLabel } from '../../src/ops/labels.js'
import { createLogger } from '../../src/ops/log.js'
import { createMetrics, registerMetrics } from '../../src/ops/metrics.js'
import { createLogRecorder, joinRecorders } from '../../src/ops/session-log.js'
import type { Note } from '../../src/ports/notes.js'

const notes: readonly (readonly [note: Note, ...lines: string[]])[] = [
  [{ type: 'session_opened', dialect: 'ga', enforcement: 'prevents', profile: 'default' }, 'relay_sessions_opened_total{dialect="ga",profile="default"} 1'],
  [
    { type: 'session_closed', code: 'idle', why: 'idle', durationMs: 2000, upMessages: 3, downMessages: 4, upBytes: 5, downBytes: 6 },
    'relay_sessions_closed_total{code="idle"} 1',
    'relay_session_seconds_sum 2',
    'relay_messages_total{direction="up"} 3',
    'relay_bytes_total{direction="down"} 6',
  ],
  [{ type: 'event_refused', eventType: 'session.update', code: 'event_not_allowed' }, 'relay_events_refused_total{type="session.update",code="event_not_allowed"} 1'],
  [{ type: 'event_dropped', side: 'upstream', why: 'hidden item' }, 'relay_events_dropped_total{side="upstream",why="hidden_item"} 1'],
  [
    { type: 'tool_finished', callId: 'call_1', tool: 'get_weather', outcome: 'timeout', durationMs: 500, cut: true },
    'relay_tool_calls_total{tool="get_weather",outcome="timeout"} 1',
    'relay_tool_seconds_sum{tool="get_weather"} 0.5',
    'relay_tool_outputs_cut_total{tool="get_weather"} 1',
  ],
  [
    { type: 'tool_finished', callId: 'call_1', tool: 'made_up', outcome: 'unknown_tool', durationMs: 0, cut: false },
    'relay_tool_calls_total{tool="unknown",outcome="unknown_tool"} 1',
  ],
  [{ type: 'upstream_error', code: 'server_error' }, 'relay_upstream_errors_total{code="server_error"} 1'],
  [{ type: 'configured', durationMs: 300 }, 'relay_configured_seconds_sum 0.3'],
  [{ type: 'response_done', responseId: 'resp_1', model: 'gpt-realtime', status: 'completed', usage: undefined }, 'relay_responses_total{status="completed"} 1'],
  [{ type: 'response_done', responseId: 'resp_1', model: undefined, status: 'incomplete', reason: 'content_filter', usage: undefined }, 'relay_content_filtered_total 1'],
  [
    { type: 'answer_begun', with: 'audio', ms: 700, turn: 'spoken', tools: false, profile: 'default', upstream: 'east' },
    'relay_first_audio_seconds_bucket{le="0.65",turn="spoken",tools="no",profile="default",upstream="east"} 0',
    'relay_first_audio_seconds_bucket{le="0.8",turn="spoken",tools="no",profile="default",upstream="east"} 1',
  ],
  [
    { type: 'answer_begun', with: 'text', ms: 400, turn: 'typed', tools: true, profile: 'default', upstream: 'east' },
    'relay_first_token_seconds_sum{turn="typed",tools="yes",profile="default",upstream="east"} 0.4',
  ],
  [{ type: 'transcribed', ms: 250 }, 'relay_transcription_seconds_sum 0.25'],
  [{ type: 'barge_in', step: 'truncated', ms: 90 }, 'relay_barge_in_seconds_bucket{le="0.1",step="truncated"} 1'],
  [{ type: 'audio_ahead', ms: 3000 }, 'relay_audio_ahead_seconds_bucket{le="4"} 1'],
  [{ type: 'audio_starved' }, 'relay_audio_starved_total 1'],
  [{ type: 'audio_jitter', ms: 15 }, 'relay_audio_jitter_seconds_bucket{le="0.01"} 0', 'relay_audio_jitter_seconds_bucket{le="0.02"} 1'],
  [{ type: 'turn_ended', end: 'filtered', turn: 'spoken', toolMs: undefined }, 'relay_turns_total{end="filtered"} 1', 'relay_turn_tool_seconds_count 0'],
  [{ type: 'turn_ended', end: 'completed', turn: 'spoken', toolMs: 1200 }, 'relay_turns_total{end="completed"} 1', 'relay_turn_tool_seconds_sum 1.2'],
  [{ type: 'overhead', direction: 'down', ms: 0.03 }, 'relay_overhead_seconds_bucket{le="0.00005",direction="down"} 1'],
  [
    { type: 'guard_checked', guard: 'safety', side: 'input', outcome: 'block', durationMs: 60 },
    'relay_guard_seconds_bucket{le="0.1",guard="safety",side="input",outcome="block"} 1',
  ],
  [{ type: 'response_started', responseId: 'resp_1' }],
  [{ type: 'first_audio', responseId: 'resp_1', afterMs: 120 }],
  [{ type: 'tool_started', callId: 'call_1', tool: 'get_weather' }],
  [{ type: 'backpressure', side: 'client' }, 'relay_backpressure_total{side="client"} 1'],
  [{ type: 'lane', side: 'client', hits: 10, misses: 2 }, 'relay_lane_frames_total{side="client",result="hit"} 10', 'relay_lane_frames_total{side="client",result="miss"} 2'],
]

describe('metrics', () => {
  it.each(notes.map(([note, ...lines]) => ({ name: note.type, note, lines })))('count $name', async ({ note, lines }) => {
    const metrics = createMetrics({ processMetrics: false })
    metrics.recorder.note(note)
    const text = (await metrics.text()).split('\n')
    for (const line of lines) expect(text).toContain(line)
  })

  it('never throw for any number', async () => {
    const metrics = createMetrics({ processMetrics: false })
    metrics.recorder.note({ type: 'lane', side: 'client', hits: -1, misses: Number.NaN })
    metrics.recorder.note({ type: 'configured', durationMs: 300 })
    expect(await metrics.text()).toContain('relay_configured_seconds_count 1')
  })

  it('have few time series even with made-up names', async () => {
    const metrics = createMetrics({ processMetrics: false })
    for (let index = 0; index < 1000; index++) metrics.recorder.note({ type: 'event_refused', eventType: `made.up.${index}`, code: 'event_not_allowed' })
    metrics.recorder.note({ type: 'event_refused', eventType: '"}\n# evil 😀', code: 'event_not_allowed' })
    const series = (await metrics.text()).split('\n').filter((line) => line.startsWith('relay_events_refused_total{'))
    expect(series).toHaveLength(201)
    expect(series).toContain('relay_events_refused_total{type="other",code="event_not_allowed"} 801')
  })

  it('count refusals before the upgrade, and read numbers on demand', async () => {
    const metrics = createMetrics({ processMetrics: false })
    metrics.recorder.note({ type: 'upgrade_refused', code: 'unauthenticated' })
    let length = 1
    metrics.gauge('relay_queue', 'x', () => length)
    length = 7
    const text = await metrics.text()
    expect(text).toContain('relay_refusals_total{code="unauthenticated"} 1')
    expect(text).toContain('relay_queue 7')
  })

  it('are served together with numbers of the process', async () => {
    const app = fastify()
    registerMetrics(app, { metrics: createMetrics(), sessionCount: () => 3 })
    const reply = await app.inject({ url: '/metrics' })
    await app.close()
    expect(reply.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(reply.body).toContain('relay_sessions 3')
    expect(reply.body).toContain('nodejs_eventloop_lag_seconds')
  })

  it('have the event loop looked at twenty times a second, not more often', async () => {
    const metrics = createMetrics()
    // Each scrape begins anew, with no number at first.
    const mean = async () => Number(/^nodejs_eventloop_lag_mean_seconds (\S+)$/m.exec(await metrics.text())?.[1])
    expect(await vi.waitUntil(mean, { interval: 300, timeout: 5000 })).toBeGreaterThan(0.03)
  })
})

describe('a label', () => {
  it('is plain, and the number of its values is bounded', () => {
    const label = createBoundedLabel()
    expect(['a.b', 'a b', '', 'ü', 'x'.repeat(65)].map(label)).toEqual(['a.b', 'other', 'other', 'other', 'other'])
  })
})

describe('the log of a session', () => {
  it('has one line for every note, with plain names only', () => {
    const lines: Record<string, unknown>[] = []
    const logger = createLogger({ logLevel: 'debug' }, { write: (line) => lines.push(JSON.parse(line)), dropped: 0, flush: async () => undefined })
    const counted: string[] = []
    const recorder = joinRecorders({ note: ({ type }) => void counted.push(type) }, createLogRecorder(logger, 'session_1'))
    for (const [note] of notes) recorder.note(note)
    recorder.note({ type: 'event_refused', eventType: 'I said\nsomething', code: 'bad_event' })
    expect(counted).toEqual([...notes.map(([{ type }]) => type), 'event_refused'])
    expect(lines.map((line) => line.sessionId)).toEqual(counted.map(() => 'session_1'))
    expect(lines[0]).toMatchObject({ level: 'info', msg: 'session_opened', dialect: 'ga', profile: 'default' })
    expect(lines.at(-1)).toMatchObject({ msg: 'event_refused', type: 'other' })
    expect(lines.filter((line) => line.msg === 'tool_finished').map((line) => line.level)).toEqual(['warn', 'warn'])
  })

  it('quotes no id or usage of a peer that is not a plain name or number', () => {
    const lines: string[] = []
    const logger = createLogger({ logLevel: 'debug' }, { write: (line) => lines.push(line), dropped: 0, flush: async () => undefined })
    const recorder = createLogRecorder(logger, 'session_1')
    const said = 'I said something'
    for (const one of [
      { type: 'response_started', responseId: said },
      { type: 'first_audio', responseId: said, afterMs: 1 },
      { type: 'response_done', responseId: said, model: said, status: 'completed', usage: { words: said } },
      { type: 'tool_started', callId: said, tool: said },
      { type: 'tool_finished', callId: said, tool: said, outcome: 'ok', durationMs: 1, cut: false },
    ] as const)
      recorder.note(one)
    expect(lines).toHaveLength(5)
    expect(lines.join()).not.toContain(said)
  })

  it('writes the notes of single turns at debug alone', () => {
    const written = (logLevel: 'debug' | 'info') => {
      const lines: string[] = []
      const recorder = createLogRecorder(createLogger({ logLevel }, { write: (line) => lines.push(line), dropped: 0, flush: async () => undefined }), 's')
      for (const note of [{ type: 'first_audio', responseId: 'resp_1', afterMs: 1 }, { type: 'audio_starved' }, { type: 'barge_in', step: 'cancelled', ms: 1 }] as const)
        recorder.note(note)
      return lines.length
    }
    expect([written('debug'), written('info')]).toEqual([3, 0])
  })
})
