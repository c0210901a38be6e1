// The metrics of one process: where they are kept, how they are read, and how those of several processes are added up.
import type { FastifyInstance } from 'fastify'
import { AggregatorRegistry, collectDefaultMetrics, Gauge, type PrometheusContentType, Registry } from 'prom-client'
import type { Config } from '../config/config.js'
import type { Note, Recorder, Traced } from '../ports/notes.js'
import { type MetricsSnapshot, restoreExemplars, type TraceOfExample, withoutTotal } from './exemplars.js'
import { combined } from './known-labels.js'
import { createNoteCounters } from './note-counters.js'
import { createSeries } from './series.js'
import { createTurnMetrics, isTurnNote } from './turn-metrics.js'
import { createUpstreamMetrics, type UpstreamMetrics } from './upstream-metrics.js'

export type { MetricsSnapshot }
export type MetricsFormat = Config['metricsFormat']

export interface Metrics {
  readonly recorder: Recorder
  /** The same for one session: `traceparent` says which trace is an example of what is observed. */
  recorderOf(traceparent: NonNullable<Recorder['traceparent']>): Recorder
  readonly upstreams: UpstreamMetrics
  /** A number that is read at each scrape, such as the length of a queue. `read` must not throw. */
  gauge(name: string, help: string, read: () => number): void
  /** Returns a function that counts one more for a value of `labelName`. */
  counter<Value extends string>(name: string, help: string, labelName: string, values: readonly Value[]): (value: Value) => void
  /** What this configuration names begins at 0. */
  expect(config: Pick<Config, 'profiles' | 'tools' | 'guards' | 'upstreams' | 'prices'>): void
  /** All metrics as Prometheus text. */
  text(): Promise<string>
  /** All metrics as data, which `mergedText` merges with those of other processes. */
  snapshot(): Promise<MetricsSnapshot>
  readonly contentType: string
}

export interface MetricsDeps {
  readonly metrics: Metrics
  /** Sessions open now in this process. */
  readonly sessionCount: () => number
}

/** `GET /metrics`, on the admin port only. */
export function registerMetrics(app: FastifyInstance, { metrics, sessionCount }: MetricsDeps): void {
  metrics.gauge('relay_sessions', 'Sessions open now.', sessionCount)
  app.get('/metrics', async (_request, reply) => reply.header('content-type', metrics.contentType).send(await metrics.text()))
}

/** The library's types bind a registry to the first. */
const CONTENT_TYPES = { text: Registry.PROMETHEUS_CONTENT_TYPE, openmetrics: Registry.OPENMETRICS_CONTENT_TYPE as unknown as PrometheusContentType } as const

/** The metrics of several processes as one text, with counters and gauges added up. */
export function mergedText(snapshots: readonly MetricsSnapshot[], format: MetricsFormat): Promise<string> {
  if (format === 'text') return AggregatorRegistry.aggregate([...snapshots]).metrics()
  const named = snapshots.map(withoutTotal)
  const merged = AggregatorRegistry.aggregate<PrometheusContentType>([...named])
  merged.setContentType(CONTENT_TYPES.openmetrics)
  restoreExemplars(merged, named)
  return merged.metrics()
}

export interface MetricsOptions {
  /** Whether memory, CPU and the event loop of this process are shown. */
  readonly processMetrics?: boolean
  readonly format?: MetricsFormat
}

/**
 * Milliseconds between two looks at how late the event loop is; each lag that is shown contains them. With the library's ten, looking takes a hundredth of a
 * core, even of a process without sessions.
 */
const LOOP_LOOKS_MS = 50

/** Has a registry of its own, so that several instances in one process (tests) do not share numbers. */
export function createMetrics({ processMetrics = true, format = 'text' }: MetricsOptions = {}): Metrics {
  const registry = new Registry()
  registry.setContentType(CONTENT_TYPES[format])
  const registers = [registry]
  const series = createSeries(registry, format === 'openmetrics')
  const notes = createNoteCounters(series)
  const turns = createTurnMetrics(series)
  const upstreams = createUpstreamMetrics(registry, series)
  if (processMetrics) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_LOOKS_MS })

  function record(note: Note, trace: TraceOfExample): void {
    try {
      if (isTurnNote(note)) turns.record(note, trace)
      else notes.count(note, trace)
    } catch {
      // A number that prom-client refuses (NaN, negative) must not end a session.
    }
  }

  const recorder: Recorder = { note: (note) => record(note, untraced) }
  return {
    recorder,
    recorderOf: (traceparent) => (format === 'openmetrics' ? { note: (note) => record(note, () => traceparent(tracedBy(note))) } : recorder),
    upstreams,
    expect({ profiles, tools, guards, upstreams: configs, prices }) {
      const names = Object.keys(profiles)
      const run = tools.flatMap((tool) => (tool.kind === 'http' || tool.kind === 'module' ? [tool.definition.name] : []))
      notes.expect({ profiles: names, tools: run, guards: guards.map(({ name }) => name) })
      const upstreamNames = configs.map(({ name }) => name)
      turns.expect({ profiles: names, upstreams: upstreamNames, guards })
      upstreams.expect({ profiles: names, upstreams: upstreamNames, currency: prices?.currency })
    },
    gauge(name, help, read) {
      const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(read()) })
    },
    counter(name, help, labelName, values) {
      const counted = series.counter(name, help, [labelName])
      counted.begin(combined({ [labelName]: values }))
      return (value) => counted.inc({ [labelName]: value })
    },
    text() {
      upstreams.handOver()
      return registry.metrics()
    },
    snapshot() {
      upstreams.handOver()
      return registry.getMetricsAsJSON()
    },
    contentType: registry.contentType,
  }
}

function untraced(): undefined {
  return undefined
}

/** A tool's own span tells more than its turn. */
function tracedBy(note: Note): Traced {
  return note.type === 'tool_finished' ? { type: 'tool', callId: note.callId } : { type: 'turn' }
}
