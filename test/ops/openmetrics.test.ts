// Both formats of `/metrics`, of one process and of several: the same numbers, and in OpenMetrics the trace of an example beside each bucket.
import { describe, expect, it } from 'vitest'
import { createMetrics, type Metrics, type MetricsFormat, mergedText } from '../../src/ops/metrics.js'
import type { Note, Traced } from '../../src/ports/notes.js'

const begun = (ms: number) => ({ type: 'answer_begun', with: 'audio', ms, turn: 'spoken', tools: false, profile: 'default', upstream: 'east' }) as const
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const traceparent = (traceId: string, flags = '01') => `00-${traceId}-b7ad6b7169203331-${flags}`
const bucket = (le: string) => `relay_first_audio_seconds_bucket{le="${le}",turn="spoken",tools="no",profile="default",upstream="east"}`

type Begun = readonly [note: ReturnType<typeof begun>, traceId?: string]

function filled(format: MetricsFormat, ...notes: readonly Begun[]): Metrics {
  const metrics = createMetrics({ processMetrics: false, format })
  for (const [note, traceId] of notes) metrics.recorderOf(() => traceId && traceparent(traceId)).note(note)
  metrics.recorder.note({ type: 'turn_ended', end: 'completed', turn: 'spoken', toolMs: undefined })
  return metrics
}

const noted = (name: string, note: Note) => ({
  name,
  observe: (metrics: Metrics, traceId: string | undefined) => metrics.recorderOf(() => traceId && traceparent(traceId)).note(note),
})
const HISTOGRAMS = [
  noted('relay_first_audio_seconds', begun(700)),
  noted('relay_first_token_seconds', { ...begun(700), with: 'text' }),
  noted('relay_transcription_seconds', { type: 'transcribed', ms: 250 }),
  noted('relay_barge_in_seconds', { type: 'barge_in', step: 'cancelled', ms: 90 }),
  noted('relay_audio_ahead_seconds', { type: 'audio_ahead', ms: 3000 }),
  noted('relay_audio_jitter_seconds', { type: 'audio_jitter', ms: 30 }),
  noted('relay_turn_tool_seconds', { type: 'turn_ended', end: 'completed', turn: 'spoken', toolMs: 1200 }),
  noted('relay_tool_seconds', { type: 'tool_finished', callId: 'call_1', tool: 'get_weather', outcome: 'ok', durationMs: 500, cut: false }),
  noted('relay_overhead_seconds', { type: 'overhead', direction: 'down', ms: 0.03 }),
  noted('relay_guard_seconds', { type: 'guard_checked', guard: 'safety', side: 'input', outcome: 'block', durationMs: 60 }),
  noted('relay_configured_seconds', { type: 'configured', durationMs: 300 }),
  noted('relay_restore_seconds', { type: 'restored', cause: 'closed', durationMs: 300, attempts: 1, cut: 'none' }),
  noted('relay_client_away_seconds', { type: 'client_back', recovered: true, from: 'memory', awayMs: 900, missed: 0 }),
  noted('relay_session_seconds', { type: 'session_closed', code: 'idle', why: 'idle', durationMs: 2000, upMessages: 0, downMessages: 0, upBytes: 0, downBytes: 0 }),
  {
    name: 'relay_dial_seconds',
    observe: (metrics: Metrics, traceId: string | undefined) => metrics.upstreams.dialled('east', { type: 'opened', latencyMs: 40 }, traceId && traceparent(traceId)),
  },
]

const merged = async (format: MetricsFormat, ...all: readonly Metrics[]) => mergedText(await Promise.all(all.map((one) => one.snapshot())), format)
const line = (text: string, start: string) => text.split('\n').find((one) => one.startsWith(`${start} `)) ?? ''

describe('OpenMetrics', () => {
  it('names a trace beside the bucket of its value, and none where the caller traces nothing', async () => {
    const metrics = filled('openmetrics', [begun(700), TRACE], [begun(300)])
    const text = await metrics.text()
    expect(metrics.contentType).toContain('application/openmetrics-text')
    expect(line(text, bucket('0.8'))).toMatch(new RegExp(`"} 2 # {trace_id="${TRACE}"} 0\\.7 \\d+`))
    expect(line(text, bucket('0.3'))).toMatch(/"} 1$/)
    expect(text.endsWith('# EOF\n')).toBe(true)
  })

  it.each(HISTOGRAMS)('names one in $name, also when several processes are added up', async ({ name, observe }) => {
    const [one, other] = [createMetrics({ processMetrics: false, format: 'openmetrics' }), createMetrics({ processMetrics: false, format: 'openmetrics' })]
    observe(one, TRACE)
    observe(other, undefined)
    const examples = (text: string) => text.split('\n').filter((found) => found.startsWith(`${name}_bucket{`) && found.includes(' # '))
    for (const text of [await one.text(), await merged('openmetrics', one, other)]) expect(examples(text)).toEqual([expect.stringContaining(`# {trace_id="${TRACE}"} `)])
    expect(examples(await other.text())).toEqual([])
  })

  it('has an example of every histogram but those of the process itself', async () => {
    const text = await createMetrics({ processMetrics: false, format: 'openmetrics' }).text()
    const names = [...text.matchAll(/^# TYPE (\S+) histogram$/gm)].map(([, name]) => name)
    expect([...new Set(HISTOGRAMS.map(({ name }) => name))].sort()).toEqual(names.sort())
  })

  it('asks for the trace of a tool by its call, for any other by the turn, and for none in the other format', () => {
    const asked: Traced[] = []
    const traceparentOf = (of: Traced) => {
      asked.push(of)
      return undefined
    }
    for (const format of ['openmetrics', 'text'] as const) {
      const recorder = createMetrics({ processMetrics: false, format }).recorderOf(traceparentOf)
      recorder.note({ type: 'tool_finished', callId: 'call_1', tool: 'get_weather', outcome: 'ok', durationMs: 5, cut: false })
      recorder.note({ type: 'transcribed', ms: 5 })
      recorder.note({ type: 'audio_starved' })
    }
    expect(asked).toEqual([{ type: 'tool', callId: 'call_1' }, { type: 'turn' }])
  })

  it.each(['00', '02'])('names no trace that nobody keeps: flags %s', async (flags) => {
    const metrics = createMetrics({ processMetrics: false, format: 'openmetrics' })
    metrics.recorderOf(() => traceparent(TRACE, flags)).note(begun(700))
    expect(await metrics.text()).not.toContain(TRACE)
  })

  it('keeps the names of counters and the examples of every process when they are added up', async () => {
    const other = TRACE.replace('0', '1')
    const text = await merged('openmetrics', filled('openmetrics', [begun(700), TRACE]), filled('openmetrics', [begun(700)], [begun(1500), other]))
    expect(line(text, bucket('0.8'))).toMatch(new RegExp(`"} 2 # {trace_id="${TRACE}"} 0\\.7 \\d+`))
    expect(line(text, bucket('1.7'))).toMatch(new RegExp(`"} 3 # {trace_id="${other}"} 1\\.5 \\d+`))
    expect(text).toContain('# TYPE relay_turns counter\n')
    expect(text).toContain('relay_turns_total{end="completed"} 2\n')
    expect(text).not.toContain('_total_total')
    expect(text.endsWith('# EOF\n')).toBe(true)
  })

  it('of one process and of one that is merged is the same', async () => {
    const whole = await filled('openmetrics', [begun(200)]).text()
    expect((await merged('openmetrics', filled('openmetrics', [begun(200)]))).split('\n').sort()).toEqual(whole.split('\n').sort())
  })
})

describe('Prometheus text', () => {
  it('of one process and of one that is merged is the same, without examples', async () => {
    const whole = await filled('text', [begun(200), TRACE]).text()
    expect(whole).not.toContain(TRACE)
    expect((await merged('text', filled('text', [begun(200), TRACE]))).split('\n').sort()).toEqual(whole.split('\n').sort())
  })

  it('adds up the histograms of several processes', async () => {
    const text = await merged('text', filled('text', [begun(200)], [begun(900)]), filled('text', [begun(1200)]))
    expect(line(text, bucket('0.2'))).toMatch(/ 1$/)
    expect(line(text, bucket('1'))).toMatch(/ 2$/)
    expect(line(text, bucket('1.3'))).toMatch(/ 3$/)
  })
})
