// Exports traces, metrics and log to OpenTelemetry collectors. Loaded only if one is configured: the SDK takes half a second and megabytes.
import { randomUUID } from 'node:crypto'
import type { HrTime } from '@opentelemetry/api'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchLogRecordProcessor, LoggerProvider, type LogRecordExporter } from '@opentelemetry/sdk-logs'
import { MeterProvider, PeriodicExportingMetricReader, type PushMetricExporter } from '@opentelemetry/sdk-metrics'
import { AlwaysOnSampler, BasicTracerProvider, BatchSpanProcessor, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { TelemetryConfig } from '../../config/config.js'
import type { Recorder } from '../../ports/notes.js'
import { within } from '../../time/within.js'
import type { MetricsSnapshot } from '../metrics.js'
import { type Collector, createCollector } from './collector.js'
import { logRecord } from './log-records.js'
import { MOST_CONTENT } from './messages.js'
import { metricData } from './metric-data.js'
import { SCOPE } from './otel-names.js'
import { createSessionSpans, type TracedSession } from './session-spans.js'

export type Signal = 'traces' | 'metrics' | 'logs'

export interface TelemetryOptions {
  readonly version: string
  /** Processes that share this configuration, each of which exports on its own. */
  readonly workers: number
  readonly snapshot: () => Promise<MetricsSnapshot>
  readonly onFailed: (signal: Signal) => void
  /** A span could not be made: a mistake of ours. */
  readonly onThrown: (error: unknown) => void
  /** At least 0 and below 1. */
  readonly random: () => number
}

export interface Telemetry {
  /** Undefined: this session is not traced. */
  session(session: TracedSession): Recorder | undefined
  /** Exports one line of the log. Never throws. Absent: the log is not exported. */
  readonly line: ((line: string) => void) | undefined
  /** Spans, lines and exports of metrics that were lost so far. */
  lost(signal: Signal): number
  /** Writes what waits, within two seconds, and lets go of every socket. Never rejects. */
  close(): Promise<void>
}

const FLUSH_MS = 2000
const BATCH = 512
/** Writing one down takes about 10 µs, and no session is served meanwhile. */
const SPANS_AT_ONCE = 128
/** What is new goes out after so long, or when a batch is full. */
const DELAY_MS = 1000
/** The SDK never gives up before our own deadline does. */
const NEVER_MS = 120_000
const LIMITS = { attributeValueLengthLimit: 256, attributeCountLimit: 64, linkCountLimit: 8, eventCountLimit: 32, attributePerEventCountLimit: 8, attributePerLinkCountLimit: 8 }

interface Part {
  readonly collector: Collector
  readonly shutdown: () => Promise<void>
}

export function startTelemetry(config: TelemetryConfig, options: TelemetryOptions): Telemetry {
  const resource = resourceOf(config, options)
  const parts = new Map<Signal, Part>()
  const open = (signal: Signal) => {
    const target = config[signal]
    return target && createCollector(target, () => options.onFailed(signal))
  }
  const [traces, metrics, logs] = [open('traces'), open('metrics'), open('logs')]
  const tracing = traces && startTraces(traces, resource, config.content)
  const logging = logs && startLogs(logs, resource)
  if (traces && tracing) parts.set('traces', { collector: traces, shutdown: () => tracing.shutdown() })
  if (metrics) parts.set('metrics', { collector: metrics, shutdown: startMetrics(metrics, resource, config.metricsIntervalMs, options.snapshot) })
  if (logs && logging) parts.set('logs', { collector: logs, shutdown: () => logging.shutdown() })
  const tracer = tracing?.getTracer(SCOPE, options.version)
  const logger = logging?.getLogger(SCOPE, options.version)

  function isSampled({ trace, before }: TracedSession): boolean {
    // It was decided where the session began.
    if (before !== undefined) return true
    if (config.trustsClient && trace !== undefined) return (Number.parseInt(trace.slice(-2), 16) & 1) === 1
    return options.random() < config.sampleRatio
  }

  return {
    session(session) {
      if (!tracer || !isSampled(session)) return undefined
      const { layout, trustsClient, content } = config
      return createSessionSpans(session, { tracer, layout, trustsClient, content, clock: steadyClock(), onThrown: options.onThrown })
    },
    line: logger && logs && ((line) => emit(line, logs, logger)),
    lost: (signal) => parts.get(signal)?.collector.outgoing.lost ?? 0,
    async close() {
      const closing = [...parts.values()].map(({ shutdown }) => shutdown().catch(() => undefined))
      await within(FLUSH_MS, Promise.all(closing), () => undefined)
      for (const { collector } of parts.values()) collector.close()
    },
  }
}

/** Times of one session come from one clock that nobody sets, put right at its start. */
function steadyClock(): () => number {
  const began = Date.now() - performance.now()
  return () => began + performance.now()
}

function resourceOf({ resource }: TelemetryConfig, { version, workers }: TelemetryOptions): Resource {
  const given = resource['service.instance.id']
  const instance = given === undefined ? randomUUID() : workers > 1 ? `${given}/${process.pid}` : given
  return defaultResource().merge(resourceFromAttributes({ 'service.version': version, ...resource, 'service.instance.id': instance }))
}

function startTraces({ exporter, outgoing }: Collector, resource: Resource, content: boolean): BasicTracerProvider {
  const inner = new OTLPTraceExporter(exporter)
  const counted: SpanExporter = {
    export: (spans, done) => outgoing.deliver(spans.length, (result) => inner.export(spans, result), done),
    shutdown: () => inner.shutdown(),
  }
  const batches = new BatchSpanProcessor(counted, { maxQueueSize: outgoing.most, maxExportBatchSize: SPANS_AT_ONCE, scheduledDelayMillis: DELAY_MS, exportTimeoutMillis: NEVER_MS })
  const bounded: SpanProcessor = {
    onStart: () => undefined,
    onEnd(span) {
      if (outgoing.enter()) batches.onEnd(span)
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  }
  return new BasicTracerProvider({
    resource,
    sampler: new AlwaysOnSampler(),
    spanLimits: content ? { ...LIMITS, attributeValueLengthLimit: MOST_CONTENT } : LIMITS,
    generalLimits: {},
    spanProcessors: [bounded],
  })
}

function startLogs({ exporter, outgoing }: Collector, resource: Resource): LoggerProvider {
  const inner = new OTLPLogExporter(exporter)
  const counted: LogRecordExporter = {
    export: (records, done) => outgoing.deliver(records.length, (result) => inner.export(records, result), done),
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  }
  const batching = { maxQueueSize: outgoing.most, maxExportBatchSize: BATCH, scheduledDelayMillis: DELAY_MS, exportTimeoutMillis: NEVER_MS }
  const limits = { attributeCountLimit: 64, attributeValueLengthLimit: 4096 }
  return new LoggerProvider({ resource, logRecordLimits: limits, processors: [new BatchLogRecordProcessor({ exporter: counted, ...batching })] })
}

function emit(line: string, { outgoing }: Collector, logger: ReturnType<LoggerProvider['getLogger']>): void {
  try {
    const record = logRecord(line)
    if (record && outgoing.enter()) logger.emit(record)
  } catch {
    // A line that cannot be exported stands on standard output all the same.
  }
}

/** Returns how to end it, with a last export. */
function startMetrics({ exporter, outgoing }: Collector, resource: Resource, intervalMs: number, snapshot: TelemetryOptions['snapshot']): () => Promise<void> {
  const inner = new OTLPMetricExporter(exporter)
  const counted: PushMetricExporter = {
    export(metrics, done) {
      if (outgoing.enter()) outgoing.deliver(1, (result) => inner.export(metrics, result), done)
      else done({ code: 1 })
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  }
  const since = hrTime(performance.timeOrigin)
  const producer = {
    async collect() {
      const metrics = metricData(await snapshot(), since, hrTime(Date.now()))
      return { resourceMetrics: { resource, scopeMetrics: [{ scope: { name: SCOPE }, metrics }] }, errors: [] }
    },
  }
  const reader = new PeriodicExportingMetricReader({ exporter: counted, exportIntervalMillis: intervalMs, metricProducers: [producer] })
  const provider = new MeterProvider({ resource, readers: [reader] })
  return () => provider.shutdown()
}

function hrTime(epochMs: number): HrTime {
  const seconds = Math.floor(epochMs / 1000)
  return [seconds, Math.round((epochMs - seconds * 1000) * 1e6)]
}
