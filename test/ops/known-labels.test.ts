// Counters exist at 0 before their first event: a rate does not see a series that is born at 1, and a sum without one of its series is empty.
import { describe, expect, it } from 'vitest'
import type { Config } from '../../src/config/config.js'
import { QUOTA_UNITS } from '../../src/core/policy/quota.js'
import { refusalCodes } from '../../src/core/protocol/errors.js'
import { tokenUsage } from '../../src/core/protocol/token-usage.js'
import { KNOWN, TOKEN_KINDS } from '../../src/ops/known-labels.js'
import { createMetrics } from '../../src/ops/metrics.js'
import { responseCounters, transcriptionCounters } from '../../src/relay/usage.js'

const config = {
  profiles: { default: {}, support: {} },
  upstreams: [{ name: 'east' }, { name: 'west' }],
  tools: [
    { kind: 'http', definition: { name: 'get_weather' } },
    { kind: 'mcp', label: 'docs' },
    { kind: 'client', definition: { name: 'show' } },
  ],
  guards: [{ name: 'words', on: ['output'] }],
  prices: { currency: 'EUR' },
} as unknown as Config

const series = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))

describe('a relay that has just started', () => {
  it.each(Object.entries(KNOWN))('has every series of %s at 0', async (name, known) => {
    const found = series(await createMetrics({ processMetrics: false }).text()).filter((line) => line.startsWith(`${name}{`))
    const labels = known.map((one) => Object.entries(one).map(([label, value]) => `${label}="${value}"`))
    expect(found).toEqual(labels.map((pairs) => `${name}{${pairs.join(',')}} 0`))
  })

  it('has no counter without any series, but for those whose labels only a peer knows', async () => {
    const metrics = createMetrics({ processMetrics: false })
    metrics.expect(config)
    const text = await metrics.text()
    const empty = [...text.matchAll(/^# TYPE (\w+) (?:counter|histogram)$/gm)].map(([, name]) => name ?? '').filter((name) => !series(text).some((line) => line.startsWith(name)))
    expect(empty).toEqual(['relay_events_refused_total', 'relay_events_dropped_total', 'relay_guard_trips_total'])
  })

  it('counts at 0 what its configuration names', async () => {
    const metrics = createMetrics({ processMetrics: false })
    metrics.expect(config)
    const text = await metrics.text()
    for (const line of [
      'relay_sessions_opened_total{dialect="voice-live",profile="support"} 0',
      'relay_tool_calls_total{tool="get_weather",outcome="timeout"} 0',
      'relay_tool_seconds_count{tool="get_weather"} 0',
      'relay_dials_total{upstream="west",outcome="failed"} 0',
      'relay_dial_seconds_count{upstream="east"} 0',
      'relay_tokens_total{profile="support",kind="output_audio"} 0',
      'relay_money_total{profile="default",currency="eur"} 0',
      'relay_guard_failures_total{guard="words",why="timeout"} 0',
      'relay_guard_seconds_count{guard="words",side="output",outcome="block"} 0',
    ]) {
      expect(series(text)).toContain(line)
    }
    expect(text).not.toContain('tool="show"')
  })

  it('keeps what it has counted when its configuration is read again', async () => {
    const metrics = createMetrics({ processMetrics: false })
    metrics.expect(config)
    metrics.recorder.note({ type: 'tool_finished', callId: 'call_1', tool: 'get_weather', outcome: 'ok', durationMs: 100, cut: false })
    metrics.upstreams.dialled('east', { type: 'opened', latencyMs: 30 })
    metrics.expect(config)
    const text = series(await metrics.text())
    expect(text).toContain('relay_tool_calls_total{tool="get_weather",outcome="ok"} 1')
    expect(text).toContain('relay_tool_seconds_count{tool="get_weather"} 1')
    expect(text).toContain('relay_dial_seconds_sum{upstream="east"} 0.03')
  })
})

describe('no event makes a new series', () => {
  it('of a session’s end or a refused upgrade', async () => {
    const metrics = createMetrics({ processMetrics: false })
    const before = series(await metrics.text()).length
    for (const code of refusalCodes()) {
      metrics.recorder.note({ type: 'upgrade_refused', code })
      metrics.recorder.note({ type: 'session_closed', code, why: 'why', durationMs: 1, upMessages: 1, downMessages: 1, upBytes: 1, downBytes: 1 })
    }
    expect(series(await metrics.text()).length).toBe(before)
  })

  it('of tokens: every counter of a response and of a transcript has its kind', () => {
    const details = { text_tokens: 1, audio_tokens: 1, image_tokens: 1, cached_tokens: 1, cached_tokens_details: { text_tokens: 1, audio_tokens: 1, image_tokens: 1 } }
    const usage = tokenUsage({ input_tokens: 3, output_tokens: 2, input_token_details: details, output_token_details: { text_tokens: 1, audio_tokens: 1 } })
    const kinds = Object.keys({ ...responseCounters(usage, { input_audio_seconds: 1, output_audio_seconds: 1 }), ...transcriptionCounters(usage) }).flatMap((name) =>
      name.endsWith('_tokens') ? [name.slice(0, -'_tokens'.length)] : [],
    )
    expect([...TOKEN_KINDS].sort()).toEqual(kinds.sort())
  })

  it('of quotas: every unit and period has its rule', () => {
    expect(KNOWN.relay_quota_refusals_total.length).toBe(QUOTA_UNITS.length * 4 + 2)
  })
})
