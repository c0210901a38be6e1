// Both formats of `/metrics`, of one process and of several: the same numbers, and in OpenMetrics the trace of an example beside each bucket.
import { describe, expect, it } from 'vitest'
import { createMetrics, type Metrics, type MetricsFormat, mergedText } from '../../src/ops/metrics.js'

const begun = (ms: number, traceId?: string) => ({ type: 'answer_begun', with: 'audio', ms, turn: 'spoken', tools: false, profile: 'default', upstream: 'east', traceId }) as const
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const bucket = (le: string) => `relay_first_audio_seconds_bucket{le="${le}",turn="spoken",tools="no",profile="default",upstream="east"}`

function filled(format: MetricsFormat, ...notes: readonly ReturnType<typeof begun>[]): Metrics {
  const metrics = createMetrics({ processMetrics: false, format })
  for (const note of notes) metrics.recorder.note(note)
  metrics.recorder.note({ type: 'turn_ended', end: 'completed', turn: 'spoken', toolMs: undefined, traceId: undefined })
  return metrics
}

const merged = async (format: MetricsFormat, ...all: readonly Metrics[]) => mergedText(await Promise.all(all.map((one) => one.snapshot())), format)
const line = (text: string, start: string) => text.split('\n').find((one) => one.startsWith(`${start} `)) ?? ''

describe('OpenMetrics', () => {
  it('names a trace beside the bucket of its value, and none where the caller traces nothing', async () => {
    const metrics = filled('openmetrics', begun(700, TRACE), begun(300))
    const text = await metrics.text()
    expect(metrics.contentType).toContain('application/openmetrics-text')
    expect(line(text, bucket('0.8'))).toMatch(new RegExp(`"} 2 # {trace_id="${TRACE}"} 0\\.7 \\d+`))
    expect(line(text, bucket('0.3'))).toMatch(/"} 1$/)
    expect(text.endsWith('# EOF\n')).toBe(true)
  })

  it('names one of an interruption too', async () => {
    const metrics = createMetrics({ processMetrics: false, format: 'openmetrics' })
    metrics.recorder.note({ type: 'barge_in', step: 'cancelled', ms: 90, traceId: TRACE })
    expect(line(await metrics.text(), 'relay_barge_in_seconds_bucket{le="0.1",step="cancelled"}')).toContain(`# {trace_id="${TRACE}"} 0.09`)
  })

  it('keeps the names of counters and the examples of every process when they are added up', async () => {
    const other = TRACE.replace('0', '1')
    const text = await merged('openmetrics', filled('openmetrics', begun(700, TRACE)), filled('openmetrics', begun(700), begun(1500, other)))
    expect(line(text, bucket('0.8'))).toMatch(new RegExp(`"} 2 # {trace_id="${TRACE}"} 0\\.7 \\d+`))
    expect(line(text, bucket('1.7'))).toMatch(new RegExp(`"} 3 # {trace_id="${other}"} 1\\.5 \\d+`))
    expect(text).toContain('# TYPE relay_turns counter\n')
    expect(text).toContain('relay_turns_total{end="completed"} 2\n')
    expect(text).not.toContain('_total_total')
    expect(text.endsWith('# EOF\n')).toBe(true)
  })

  it('of one process and of one that is merged is the same', async () => {
    const whole = await filled('openmetrics', begun(200)).text()
    expect((await merged('openmetrics', filled('openmetrics', begun(200)))).split('\n').sort()).toEqual(whole.split('\n').sort())
  })
})

describe('Prometheus text', () => {
  it('of one process and of one that is merged is the same, without examples', async () => {
    const whole = await filled('text', begun(200, TRACE)).text()
    expect(whole).not.toContain(TRACE)
    expect((await merged('text', filled('text', begun(200, TRACE)))).split('\n').sort()).toEqual(whole.split('\n').sort())
  })

  it('adds up the histograms of several processes', async () => {
    const text = await merged('text', filled('text', begun(200), begun(900)), filled('text', begun(1200)))
    expect(line(text, bucket('0.2'))).toMatch(/ 1$/)
    expect(line(text, bucket('1'))).toMatch(/ 2$/)
    expect(line(text, bucket('1.3'))).toMatch(/ 3$/)
  })
})
