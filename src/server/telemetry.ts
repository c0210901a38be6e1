// Opens the exports to OpenTelemetry collectors if any is configured, and puts them beside log and metrics. Otherwise nothing of it is loaded.
import type { FastifyBaseLogger } from 'fastify'
import type { Config } from '../config/config.js'
import { VERSION } from '../config/version.js'
import type { LogSink } from '../ops/log-sink.js'
import type { Metrics } from '../ops/metrics.js'
import type { Telemetry } from '../ops/tracing/telemetry.js'
import type { Recorder } from '../ports/notes.js'
import type { NewSession } from '../ports/session.js'

/** Of a call, whose dialect is GA, only the first three. */
export type TracedSession = Pick<NewSession, 'sessionId' | 'profile' | 'identity' | 'trace'> & Partial<Pick<NewSession, 'dialect' | 'arrivedAt' | 'continues' | 'call'>>

export interface ServerTelemetry {
  /** What the log is written to. */
  sink(inner: LogSink): LogSink
  /** One more recorder for this session, or none. */
  recorders(session: TracedSession): readonly Recorder[]
  /** Where failed exports are told, once a minute for each signal. */
  tellTo(log: Pick<FastifyBaseLogger, 'warn'>): void
  close(): Promise<void>
}

const OFF: ServerTelemetry = { sink: (inner) => inner, recorders: () => [], tellTo: () => undefined, close: async () => undefined }
const TELL_MS = 60_000

export async function openTelemetry({ telemetry: config, workers }: Pick<Config, 'telemetry' | 'workers'>, metrics: Metrics): Promise<ServerTelemetry> {
  if (!config) return OFF
  const { startTelemetry } = await import('../ops/tracing/telemetry.js')
  let log: Pick<FastifyBaseLogger, 'warn'> | undefined
  const toldAt = new Map<string, number>()
  const tell = (what: string, fields: () => object, text: string) => {
    const now = performance.now()
    if (now - (toldAt.get(what) ?? Number.NEGATIVE_INFINITY) < TELL_MS) return
    toldAt.set(what, now)
    log?.warn(fields(), text)
  }
  const telemetry: Telemetry = startTelemetry(config, {
    version: VERSION,
    workers,
    snapshot: metrics.snapshot,
    random: Math.random,
    onFailed: (signal) => tell(signal, () => ({ signal, lost: telemetry.lost(signal) }), 'export failed'),
    onThrown: (err) => tell('span', () => ({ err }), 'span failed'),
  })
  metrics.gauge('relay_spans_lost', 'Spans that no collector got: too many waited, or it was away, slow or refused them.', () => telemetry.lost('traces'))
  metrics.gauge('relay_log_exports_lost', 'Lines of the log that no collector got. Standard output has them.', () => telemetry.lost('logs'))
  metrics.gauge('relay_metric_exports_lost', 'Exports of metrics that no collector got.', () => telemetry.lost('metrics'))
  const { line: exportLine } = telemetry
  return {
    sink: (inner) => (exportLine ? alsoTo(exportLine, inner) : inner),
    recorders({ sessionId, profile, dialect = 'ga', arrivedAt = Date.now(), trace, continues }) {
      const recorder = telemetry.session({ sessionId, profile: profile.name, dialect, arrivedAt, trace, isMoved: continues !== undefined, before: continues?.trace })
      return recorder ? [recorder] : []
    },
    tellTo(to) {
      log = to
    },
    close: () => telemetry.close(),
  }
}

function alsoTo(exportLine: (line: string) => void, inner: LogSink): LogSink {
  return {
    write(line) {
      inner.write(line)
      exportLine(line)
    },
    get dropped() {
      return inner.dropped
    },
    flush: (deadlineMs) => inner.flush(deadlineMs),
  }
}
