// What waits for a collector is bounded and counted, and metrics and log lines keep their meaning in OpenTelemetry's form.
import { Gauge, Histogram, Registry } from 'prom-client'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { TelemetryConfig } from '../../../src/config/config.js'
import { Secret } from '../../../src/config/secret.js'
import { createMetrics } from '../../../src/ops/metrics.js'
import { joinRecorders } from '../../../src/ops/session-log.js'
import { logRecord } from '../../../src/ops/tracing/log-records.js'
import { metricData } from '../../../src/ops/tracing/metric-data.js'
import { createOutgoing, type Done } from '../../../src/ops/tracing/outgoing.js'
import { startTelemetry } from '../../../src/ops/tracing/telemetry.js'
import { openTelemetry } from '../../../src/server/telemetry.js'
import { startForwardProxy } from '../../support/forward-proxy.js'
import { type OtlpReceiver, startOtlpReceiver } from '../../support/otlp-receiver.js'

const collectors: OtlpReceiver[] = []
afterEach(async () => {
  vi.useRealTimers()
  for (const collector of collectors.splice(0)) await collector.close()
})

const SESSION = { sessionId: 's', profile: 'p', dialect: 'ga', arrivedAt: Date.now(), trace: undefined, isMoved: false }

async function open(over: Partial<TelemetryConfig> = {}, workers = 1, timeoutMs = 500) {
  const collector = await startOtlpReceiver()
  collectors.push(collector)
  const target = (signal: string) => ({ url: new URL(`${collector.url}/v1/${signal}`), headers: {}, gzip: false, timeoutMs })
  const config = {
    traces: target('traces'),
    metrics: undefined,
    logs: target('logs'),
    metricsIntervalMs: 60_000,
    resource: { 'service.name': 'x' },
    sampleRatio: 1,
    layout: 'turn',
    trustsClient: false,
    content: false,
    ...over,
  } as const
  let draw = 0
  const telemetry = startTelemetry(config, { version: '1', workers, snapshot: async () => [], onFailed: () => undefined, onThrown: () => undefined, random: () => draw })
  return { collector, telemetry, draws: (value: number) => (draw = value) }
}

describe('through a proxy', () => {
  const through = (url: string, timeoutMs = 200) => ({ url: new URL('https://otlp.company.test/v1/traces'), headers: {}, gzip: false, timeoutMs, proxy: { url: new Secret(url) } })

  it('that never answers, or refuses, spans are lost and counted, and no socket is left', async () => {
    for (const options of [{ silent: true }, { credential: 'a:b' }, {}]) {
      const proxy = await startForwardProxy(options)
      const { telemetry } = await open({ traces: through(proxy.url.replace('a:b@', '')), logs: undefined })
      for (const round of [1, 2]) {
        telemetry.session(SESSION)?.note({ type: 'configured', durationMs: 1 })
        await vi.waitFor(() => expect(telemetry.lost('traces')).toBe(round), { timeout: 10_000, interval: 20 })
      }
      expect(proxy.asked.length).toBeGreaterThanOrEqual(2)
      await telemetry.close()
      await vi.waitFor(() => expect(proxy.open).toBe(0), { timeout: 2000, interval: 20 })
      await proxy.close()
    }
  })
})

describe('spans that wait', () => {
  it('are 2,048 at most; the rest is lost and counted, and none is waited for at the end longer than two seconds', async () => {
    const { collector, telemetry } = await open({}, 1, 30_000)
    collector.turns('silent')
    for (let n = 0; n < 3000; n++) telemetry.session(SESSION)?.note({ type: 'configured', durationMs: 1 })
    expect(telemetry.lost('traces')).toBe(3000 - 2048)
    const began = performance.now()
    await telemetry.close()
    const tookMs = performance.now() - began
    expect([tookMs > 1900, tookMs < 3000]).toEqual([true, true])
  })

  it('come whole if the collector is well', async () => {
    const { collector, telemetry } = await open({}, 1, 30_000)
    for (let n = 0; n < 2000; n++) telemetry.session(SESSION)?.note({ type: 'configured', durationMs: 1 })
    await telemetry.close()
    expect([collector.named('realtime connect').length, telemetry.lost('traces')]).toEqual([2000, 0])
  })

  it('are of sampled sessions alone', async () => {
    const { telemetry, draws } = await open({ sampleRatio: 0.25 })
    draws(0.24)
    expect(telemetry.session(SESSION)).toBeDefined()
    draws(0.25)
    expect(telemetry.session(SESSION)).toBeUndefined()
    await telemetry.close()
  })
})

it('each process has an id of its own, also if one is given for all', async () => {
  const ids: unknown[] = []
  for (const [given, workers] of [
    [undefined, 1],
    ['pod-1', 1],
    ['pod-1', 2],
  ] as const) {
    const resource = { 'service.name': 'x', ...(given !== undefined && { 'service.instance.id': given }) }
    const { collector, telemetry } = await open({ resource }, workers)
    telemetry.line?.('{"level":"info","msg":"hello"}')
    await telemetry.close()
    ids.push(collector.resources[0]?.['service.instance.id'])
  }
  expect(ids).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), 'pod-1', `pod-1/${process.pid}`])
})

describe('a batch', () => {
  const outgoing = (deadlineMs = 100) => {
    const failed: boolean[] = []
    const results: number[] = []
    const out = createOutgoing({ most: 3, deadlineMs, onFailed: (late) => failed.push(late) })
    const done: Done = ({ code }) => results.push(code)
    return { out, failed, results, done }
  }

  it('makes room when it was taken or refused, once', () => {
    const { out, failed, results, done } = outgoing()
    expect([out.enter(), out.enter(), out.enter(), out.enter()]).toEqual([true, true, true, false])
    let answer: Done = () => undefined
    out.deliver(2, (result) => (answer = result), done)
    answer({ code: 0 })
    answer({ code: 1 })
    expect([out.lost, results, failed]).toEqual([1, [0], []])
    expect([out.enter(), out.enter(), out.enter()]).toEqual([true, true, false])
    out.deliver(3, (result) => result({ code: 1 }), done)
    expect([out.lost, results, failed]).toEqual([5, [0, 1], [false]])
  })

  it('that is not answered in time is lost, and a late answer changes nothing', () => {
    vi.useFakeTimers()
    const { out, failed, results, done } = outgoing()
    out.enter()
    let answer: Done = () => undefined
    out.deliver(1, (result) => (answer = result), done)
    vi.advanceTimersByTime(100)
    answer({ code: 0 })
    expect([out.lost, results, failed]).toEqual([1, [1], [true]])
  })
})

describe('metrics', () => {
  it('keep names, labels and values; buckets hold what is in them alone', async () => {
    const registry = new Registry()
    const histogram = new Histogram({ name: 'h', help: 'H.', labelNames: ['tool'], buckets: [1, 2], registers: [registry] })
    for (const value of [0.5, 1.5, 1.6, 9]) histogram.observe({ tool: 'a' }, value)
    histogram.observe({ tool: 'b' }, 2)
    new Gauge({
      name: 'g',
      help: 'G.',
      registers: [registry],
      collect() {
        this.set(7)
      },
    })
    const data = metricData(await registry.getMetricsAsJSON(), [1, 0], [2, 0])
    expect(data.map(({ descriptor, dataPoints }) => [descriptor.name, descriptor.description, dataPoints.map(({ attributes, value }) => [attributes, value])])).toEqual([
      [
        'h',
        'H.',
        [
          [{ tool: 'a' }, { buckets: { boundaries: [1, 2], counts: [1, 2, 1] }, sum: 12.6, count: 4 }],
          [{ tool: 'b' }, { buckets: { boundaries: [1, 2], counts: [0, 1, 0] }, sum: 2, count: 1 }],
        ],
      ],
      ['g', 'G.', [[{}, 7]]],
    ])
    expect(data.map(({ dataPoints }) => dataPoints[0]?.startTime)).toEqual([
      [1, 0],
      [1, 0],
    ])
  })
})

describe('a line of the log', () => {
  it('keeps time, severity, text and fields', () => {
    expect(
      logRecord(
        '{"level":"warn","time":"2026-11-29T18:00:00.250Z","pid":7,"hostname":"h","sessionId":"s","code":"x","n":1,"ok":true,"err":{"type":"Error"},"none":null,"msg":"upstream lost"}\n',
      ),
    ).toEqual({
      timestamp: Date.parse('2026-11-29T18:00:00.250Z'),
      severityText: 'warn',
      severityNumber: 13,
      body: 'upstream lost',
      attributes: { 'process.pid': 7, 'host.name': 'h', 'relay.session.id': 's', code: 'x', n: 1, ok: true, err: '{"type":"Error"}' },
    })
  })

  it.each(['', 'not JSON', 'null', '7'])('is none: %j', (line) => {
    expect(logRecord(line)).toBeUndefined()
  })
})

it('without a collector nothing is heard, wrapped or counted', async () => {
  const metrics = createMetrics({ processMetrics: false })
  const before = await metrics.text()
  const off = await openTelemetry({ telemetry: undefined, workers: 1 }, metrics)
  const sink = { write: () => undefined, dropped: 0, flush: async () => undefined }
  expect(off.sink(sink)).toBe(sink)
  expect(await metrics.text()).toBe(before)
  const recorders = [{ note: () => undefined }, { note: () => undefined }]
  expect(off.recorders({} as never)).toEqual([])
  const joined = joinRecorders(...recorders, ...off.recorders({} as never))
  expect(['traceparent' in joined, 'content' in joined]).toEqual([false, false])
})
