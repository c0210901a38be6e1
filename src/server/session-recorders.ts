// Joins all who hear of one session's notes: metrics with a trace as example, the log, spans, and what is kept.
import type { Metrics } from '../ops/metrics.js'
import { createLogRecorder, joinRecorders } from '../ops/session-log.js'
import type { Recorder } from '../ports/notes.js'
import type { ServerTelemetry, TracedSession } from './telemetry.js'

export interface SessionRecordersDeps {
  readonly counting: Pick<Metrics, 'recorderOf'>
  readonly log: Parameters<typeof createLogRecorder>[0]
  readonly telemetry: Pick<ServerTelemetry, 'recorders'>
  /** Audit and records. */
  readonly kept: readonly { recorders(session: TracedSession): readonly Recorder[] }[]
}

export function sessionRecorders({ counting, log, telemetry, kept }: SessionRecordersDeps): (session: TracedSession) => Recorder {
  return (session) => {
    const spans = telemetry.recorders(session)
    // Counted before the spans hear of it: a span that ends with this note is still found.
    const counts = counting.recorderOf((of) => spans[0]?.traceparent?.(of) ?? session.trace)
    return joinRecorders(counts, createLogRecorder(log, session.sessionId), ...spans, ...kept.flatMap((one) => one.recorders(session)))
  }
}
