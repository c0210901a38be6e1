// One target of exports: its address, headers and sockets, and how much may wait for it.
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import type { OtlpTarget } from '../../config/config.js'
import { createOutgoing, type Outgoing } from './outgoing.js'

type ExporterOptions = NonNullable<ConstructorParameters<typeof OTLPTraceExporter>[0]>

export interface Collector {
  /** For an exporter of the SDK. Everything is given, so that it takes nothing from the environment. */
  readonly exporter: {
    readonly url: string
    readonly headers: Record<string, string>
    readonly timeoutMillis: number
    readonly compression: NonNullable<ExporterOptions['compression']>
    readonly httpAgentOptions: () => HttpAgent | HttpsAgent
  }
  readonly outgoing: Outgoing
  /** Ends its sockets, whatever is under way on them. */
  close(): void
}

/** Spans, and lines of the log, that wait at most. */
const MOST_WAITING = 2048
const MOST_SOCKETS = 2
/** A deadline of ours, in case that the exporter's own does not hold. */
const GRACE_MS = 1000

export function createCollector({ url, headers, gzip, timeoutMs }: OtlpTarget, onFailed: () => void): Collector {
  const agent = url.protocol === 'https:' ? new HttpsAgent({ keepAlive: true, maxSockets: MOST_SOCKETS }) : new HttpAgent({ keepAlive: true, maxSockets: MOST_SOCKETS })
  const failed = (late: boolean) => {
    if (late) agent.destroy()
    onFailed()
  }
  return {
    exporter: {
      url: url.href,
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.reveal()])),
      timeoutMillis: timeoutMs,
      compression: (gzip ? 'gzip' : 'none') as NonNullable<ExporterOptions['compression']>,
      httpAgentOptions: () => agent,
    },
    outgoing: createOutgoing({ most: MOST_WAITING, deadlineMs: timeoutMs + GRACE_MS, onFailed: failed }),
    close: () => agent.destroy(),
  }
}
