// Reads where traces, metrics and log are exported to, and how sessions are traced.

import type { ProxyRoutes } from './config.js'
import type { EnvReader, Problems } from './environment.js'
import { proxyFor } from './proxy.js'
import type { OtlpTarget, TelemetryConfig } from './telemetry-config.js'
import { staysHere } from './telemetry-variables.js'

const SIGNALS = ['TRACES', 'METRICS', 'LOGS'] as const
type Signal = (typeof SIGNALS)[number]

/** Undefined: nothing is exported. Reads every variable all the same, so that a mistake is told. */
export function readTelemetry(env: EnvReader, proxies: ProxyRoutes, problems: Problems): TelemetryConfig | undefined {
  env.get('OTEL_EXPORTER_OTLP_PROTOCOL')
  const [traces, metrics, logs] = SIGNALS.map((signal) => targetOf(signal, env, proxies, problems))
  const attributes = env.get('OTEL_RESOURCE_ATTRIBUTES')
  const telemetry: TelemetryConfig = {
    traces,
    metrics,
    logs,
    metricsIntervalMs: env.get('OTEL_METRIC_EXPORT_INTERVAL'),
    resource: { 'service.name': 'realtime-relay', ...Object.fromEntries(attributes ?? []), ...serviceName(env) },
    sampleRatio: env.get('TRACE_SAMPLE_RATIO'),
    layout: env.get('TRACE_LAYOUT'),
    trustsClient: env.get('TRACE_TRUST_CLIENT'),
    content: env.get('OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT'),
  }
  return env.get('OTEL_SDK_DISABLED') || !(traces || metrics || logs) ? undefined : telemetry
}

function targetOf(signal: Signal, env: EnvReader, proxies: ProxyRoutes, problems: Problems): OtlpTarget | undefined {
  const base = env.get('OTEL_EXPORTER_OTLP_ENDPOINT')
  const own = env.get(`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`)
  const general = env.get('OTEL_EXPORTER_OTLP_HEADERS') ?? new Map()
  const headers = new Map([...general, ...(env.get(`OTEL_EXPORTER_OTLP_${signal}_HEADERS`) ?? [])])
  const url = own ?? (base && below(base, `v1/${signal.toLowerCase()}`))
  const target = { gzip: env.get('OTEL_EXPORTER_OTLP_COMPRESSION') === 'gzip', timeoutMs: env.get('OTEL_EXPORTER_OTLP_TIMEOUT') }
  if (!url || env.get(`OTEL_${signal}_EXPORTER`) === 'none') return undefined
  if (headers.size > 0 && !staysHere(url)) {
    const name = own ? `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT` : 'OTEL_EXPORTER_OTLP_ENDPOINT'
    problems.add(name, `must be https, since ${signal.toLowerCase()} have headers, which may be credentials: plain http is for loopback only then`)
  }
  // Over plain http a collector is a neighbour, and many proxies refuse a tunnel to such a port.
  const proxy = url.protocol === 'https:' ? proxyFor(url, proxies) : undefined
  return { url, headers: Object.fromEntries(headers), ...target, proxy }
}

function below(base: URL, path: string): URL {
  return new URL(`${base.href.replace(/\/+$/, '')}/${path}`)
}

function serviceName(env: EnvReader): { readonly 'service.name'?: string } {
  const name = env.get('OTEL_SERVICE_NAME')
  return name === undefined ? {} : { 'service.name': name }
}
