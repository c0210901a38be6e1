// The variables of OpenTelemetry that the relay reads, as that defines them, and its own about traces.
import { boolean, decimal, isLoopback, matching, oneOf, type Parse, type Parsed, wholeNumber } from './parse.js'
import { Secret } from './secret.js'
import { optional, orFile, required } from './variable.js'

const MAX_PAIRS = 64
const KEY = /^[\w!#$%&'*+.^`|~/-]{1,128}$/
const HEADER = /^[\w!#$%&'*+.^`|~-]{1,128}$/

/** Collectors inside a cluster speak plain http. Headers, which may be credentials, are not sent to them: `readTelemetry` looks at that. */
const collector: Parse<URL> = (text) => {
  const right = 'must be a URL such as http://otel-collector:4318'
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return { problem: right }
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return { problem: 'must not contain a user name or password: put credentials into OTEL_EXPORTER_OTLP_HEADERS' }
  return url.search === '' && url.hash === '' ? { value: url } : { problem: `${right}, without a ? or # part` }
}

/** `key=value,key=value`, percent-encoded. */
function pairs<T>(name: RegExp, what: string, read: (text: string) => Parsed<T>): Parse<ReadonlyMap<string, T>> {
  return (text) => {
    const right = `must be a comma list of ${what}`
    const found = new Map<string, T>()
    for (const pair of text.split(',').map((one) => one.trim())) {
      if (pair === '') continue
      const at = pair.indexOf('=')
      const key = pair.slice(0, at).trim()
      const value = decoded(pair.slice(at + 1).trim())
      if (at <= 0 || !name.test(key) || value === undefined) return { problem: right }
      const parsed = read(value)
      if ('problem' in parsed) return parsed
      found.set(key, parsed.value)
    }
    if (found.size > MAX_PAIRS) return { problem: `has more than ${MAX_PAIRS} entries` }
    return found.size > 0 ? { value: found } : { problem: right }
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const headers = pairs(HEADER, 'headers, such as api-key=value', (text) =>
  /^[\u0020-\u007e]+$/.test(text) ? { value: new Secret(text) } : { problem: 'has a value that no header can carry' },
)
const attributes = pairs(KEY, 'attributes, such as deployment.environment.name=prod', (text) => ({ value: text }))
const serviceName = matching(/^\P{Cc}{1,128}$/u, '1 to 128 characters without line breaks')
const exporter = oneOf('otlp', 'none')
/** Spelled as instrumentations of several languages have it, in capitals or not. The relay has no events for content. */
const capture: Parse<boolean> = (text) => {
  const lower = text.toLowerCase()
  if (lower === 'span_only' || lower === 'true') return { value: true }
  return lower === 'no_content' || lower === 'false' ? { value: false } : { problem: 'must be one of NO_CONTENT, SPAN_ONLY: the relay has content in spans only' }
}
const milliseconds = (low: number, high: number) => wholeNumber(low, high)

export const TELEMETRY_VARIABLES = {
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    collector,
    'OpenTelemetry collector that gets traces, metrics and log, each at `/v1/<signal>` below this URL. Unset: nothing is exported or loaded.',
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optional(collector, 'Whole URL for traces, instead of the one above.'),
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: optional(collector, 'Whole URL for metrics.'),
  OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: optional(collector, 'Whole URL for the log.'),
  OTEL_EXPORTER_OTLP_HEADERS: orFile(optional(headers, 'Headers of every export, `name=value` with a comma between. Only over `https`, or to this machine.')),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: orFile(optional(headers, 'More headers for traces. They win over those of the same name above.')),
  OTEL_EXPORTER_OTLP_METRICS_HEADERS: orFile(optional(headers, 'More headers for metrics.')),
  OTEL_EXPORTER_OTLP_LOGS_HEADERS: orFile(optional(headers, 'More headers for the log.')),
  OTEL_EXPORTER_OTLP_PROTOCOL: required(oneOf('http/protobuf'), 'http/protobuf', 'The only protocol that the relay speaks.'),
  OTEL_EXPORTER_OTLP_COMPRESSION: required(oneOf('gzip', 'none'), 'none', 'Compression of exports.'),
  OTEL_EXPORTER_OTLP_TIMEOUT: required(milliseconds(1, 60_000), '10000', 'Longest export, in milliseconds, with its repetitions.'),
  OTEL_TRACES_EXPORTER: required(exporter, 'otlp', 'Where traces go: `none` for nowhere.'),
  OTEL_METRICS_EXPORTER: required(exporter, 'otlp', 'Where metrics go: `none` for nowhere. `/metrics` has them all the same.'),
  OTEL_LOGS_EXPORTER: required(exporter, 'otlp', 'Where the log goes: `none` for nowhere. Standard output has it all the same.'),
  OTEL_METRIC_EXPORT_INTERVAL: required(milliseconds(100, 3_600_000), '60000', 'Time between two exports of metrics, in milliseconds.'),
  OTEL_SERVICE_NAME: optional(serviceName, 'Value of `service.name`. It wins over `OTEL_RESOURCE_ATTRIBUTES`. Neither: `realtime-relay`.'),
  OTEL_RESOURCE_ATTRIBUTES: optional(attributes, 'Attributes of all that is exported, `name=value` with a comma between.'),
  OTEL_SDK_DISABLED: required(boolean, 'false', 'Export nothing, whatever else is set.'),
  OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: required(
    capture,
    'NO_CONTENT',
    'What users, model and tools say, on spans: `SPAN_ONLY` (or `true`). Never sound, never instructions. The log warns of it.',
  ),
  TRACE_SAMPLE_RATIO: required(decimal(0, 1), '1', 'Share of sessions that are traced. It is decided once a session.'),
  TRACE_LAYOUT: required(oneOf('turn', 'session'), 'turn', 'What a trace is. `turn`: each turn, linked to the connection. `session`: the whole call.'),
  TRACE_TRUST_CLIENT: required(boolean, 'false', 'Take the client’s `traceparent` for the parent, and its word on sampling. Otherwise it is a link.'),
} as const

/** Whether what is sent there stays on this machine. */
export function staysHere({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || isLoopback(hostname)
}
