// One target of exports: its address, headers and sockets, and how much may wait for it.
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import type { OtlpTarget } from '../../config/config.js'
import { createOutgoing, type Outgoing } from './outgoing.js'
import { createWay, type Way } from './way.js'

type ExporterOptions = NonNullable<ConstructorParameters<typeof OTLPTraceExporter>[0]>

export interface Collector {
  /** For an exporter of the SDK. Everything is given, so that it takes nothing from the environment. */
  readonly exporter: {
    readonly url: string
    readonly headers: Record<string, string>
    readonly timeoutMillis: number
    readonly compression: NonNullable<ExporterOptions['compression']>
    readonly httpAgentOptions: () => Way['agent']
  }
  readonly outgoing: Outgoing
  /** Ends its sockets, whatever is under way on them. */
  close(): void
}

/** Spans, and lines of the log, that wait at most. */
const MOST_WAITING = 2048
/** A deadline of ours, in case that the exporter's own does not hold. */
const GRACE_MS = 1000

export function createCollector(target: OtlpTarget, onFailed: () => void): Collector {
  const { url, headers, gzip, timeoutMs } = target
  const way = createWay(target)
  const failed = (late: boolean) => {
    if (late) way.cut()
    onFailed()
  }
  return {
    exporter: {
      url: url.href,
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.reveal()])),
      timeoutMillis: timeoutMs,
      compression: (gzip ? 'gzip' : 'none') as NonNullable<ExporterOptions['compression']>,
      httpAgentOptions: () => way.agent,
    },
    outgoing: createOutgoing({ most: MOST_WAITING, deadlineMs: timeoutMs + GRACE_MS, onFailed: failed }),
    close: way.cut,
  }
}
