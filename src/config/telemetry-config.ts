// What of traces, metrics and log is exported by OTLP, and where to.
import type { Secret } from './secret.js'

/** Where one signal of OpenTelemetry goes. */
export interface OtlpTarget {
  readonly url: URL
  readonly headers: Readonly<Record<string, Secret>>
  readonly gzip: boolean
  readonly timeoutMs: number
  /** Absent: it is dialled directly. */
  readonly proxy?: { readonly url: Secret } | undefined
}

/** Of traces, metrics and logs at least one has a target. */
export interface TelemetryConfig {
  readonly traces: OtlpTarget | undefined
  readonly metrics: OtlpTarget | undefined
  readonly logs: OtlpTarget | undefined
  readonly metricsIntervalMs: number
  readonly resource: Readonly<Record<string, string>>
  readonly sampleRatio: number
  readonly layout: 'turn' | 'session'
  readonly trustsClient: boolean
  /** Spans hold what was said. */
  readonly content: boolean
}
