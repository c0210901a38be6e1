// Where traces, metrics and log go, by the variables that OpenTelemetry defines, and what is a mistake in them.
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/config-error.js'
import { configWarnings, describeConfig } from '../../src/config/describe.js'
import { loadConfig } from '../../src/config/load.js'
import { checkTools } from '../../src/tools/check.js'

const least = { AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'voice', JWT_SECRET: 'a-shared-secret-of-more-than-32-bytes' }
const load = (env: Record<string, string>) => loadConfig(checkTools, { ...least, ...env }, { mode: 'serve', cwd: process.cwd() })
const telemetry = (env: Record<string, string>) => load(env).telemetry
const mistakes = (env: Record<string, string>): readonly string[] => {
  try {
    load(env)
    return []
  } catch (error) {
    return error instanceof ConfigError ? error.problems : [String(error)]
  }
}
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' }

describe('without an endpoint, or disabled', () => {
  it.each<Record<string, string>>([
    {},
    { OTEL_SERVICE_NAME: 'calls', TRACE_SAMPLE_RATIO: '0.5' },
    { ...endpoint, OTEL_SDK_DISABLED: 'TRUE' },
    { ...endpoint, OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' },
  ])('nothing is exported: %j', (env) => {
    expect(telemetry(env)).toBeUndefined()
  })
})

describe('an endpoint', () => {
  it('is a base to which each signal has its own path', () => {
    const found = telemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example.com/otlp/' })
    expect([found?.traces, found?.metrics, found?.logs].map((target) => target?.url.href)).toEqual([
      'https://otlp.example.com/otlp/v1/traces',
      'https://otlp.example.com/otlp/v1/metrics',
      'https://otlp.example.com/otlp/v1/logs',
    ])
    expect(found).toMatchObject({ sampleRatio: 1, layout: 'turn', trustsClient: false, metricsIntervalMs: 60_000, resource: { 'service.name': 'realtime-relay' } })
    expect(found?.traces).toMatchObject({ gzip: false, timeoutMs: 10_000, headers: {} })
  })

  it('of one signal is taken as it is, and alone if there is no other', () => {
    const found = telemetry({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://localhost:4318/in' })
    expect(found?.traces?.url.href).toBe('http://localhost:4318/in')
    expect([found?.metrics, found?.logs]).toEqual([undefined, undefined])
    expect(telemetry({ ...endpoint, OTEL_LOGS_EXPORTER: 'none' })?.logs).toBeUndefined()
  })

  it('has headers, of which those of the signal win, and which nothing prints', () => {
    const found = telemetry({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example.com',
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=canary%3D1, x-team=voice',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-team=canary-2',
    })
    expect(Object.entries(found?.traces?.headers ?? {}).map(([name, value]) => [name, value.reveal()])).toEqual([
      ['api-key', 'canary=1'],
      ['x-team', 'canary-2'],
    ])
    expect(found?.logs?.headers['x-team']?.reveal()).toBe('voice')
    expect(JSON.stringify(found)).not.toContain('canary')
  })
})

it('names the service by its own variable, then by the attributes', () => {
  const env = { ...endpoint, OTEL_RESOURCE_ATTRIBUTES: 'service.name=a,deployment.environment.name=prod%20eu' }
  expect(telemetry(env)?.resource).toEqual({ 'service.name': 'a', 'deployment.environment.name': 'prod eu' })
  expect(telemetry({ ...env, OTEL_SERVICE_NAME: 'b' })?.resource['service.name']).toBe('b')
})

it.each<[Record<string, string>, RegExp]>([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' }, /^OTEL_EXPORTER_OTLP_ENDPOINT must be a URL such as/],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://user:canary@collector' }, /^OTEL_EXPORTER_OTLP_ENDPOINT must not contain a user name/],
  [{ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /^OTEL_EXPORTER_OTLP_PROTOCOL must be one of http\/protobuf/],
  [{ ...endpoint, OTEL_EXPORTER_OTLP_HEADERS: 'api-key=canary' }, /^OTEL_EXPORTER_OTLP_ENDPOINT must be https, since traces have headers/],
  [{ ...endpoint, OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'api-key=canary' }, /^OTEL_EXPORTER_OTLP_ENDPOINT must be https, since logs have headers/],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'canary' }, /^OTEL_EXPORTER_OTLP_HEADERS must be a comma list of headers/],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'a=canary%0d%0aevil: 1' }, /^OTEL_EXPORTER_OTLP_HEADERS has a value that no header can carry/],
  [{ OTEL_RESOURCE_ATTRIBUTES: 'a=%zz' }, /^OTEL_RESOURCE_ATTRIBUTES must be a comma list of attributes/],
  [{ TRACE_SAMPLE_RATIO: '2' }, /^TRACE_SAMPLE_RATIO must be a number from 0 to 1/],
  [{ TRACE_LAYOUT: 'call' }, /^TRACE_LAYOUT must be one of turn, session/],
  [{ OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'EVENT_ONLY' }, /CAPTURE_MESSAGE_CONTENT must be one of NO_CONTENT, SPAN_ONLY: the relay has content in spans only/],
  [{ OTEL_EXPORTER_OTLP_ENDPOIN: 'http://collector:4318' }, /^OTEL_EXPORTER_OTLP_ENDPOIN is not known: did you mean OTEL_EXPORTER_OTLP_ENDPOINT/],
])('%j is a mistake', (env, right) => {
  const found = mistakes(env)
  expect(found.join('\n')).toMatch(right)
  expect(found.join('\n')).not.toContain('canary')
})

it.each<[string | undefined, boolean]>([
  [undefined, false],
  ['NO_CONTENT', false],
  ['False', false],
  ['span_only', true],
  ['SPAN_ONLY', true],
  ['true', true],
])('OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=%s: content is %s, described and warned of', (value, content) => {
  const config = load({ ...endpoint, ...(value !== undefined && { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: value }) })
  expect(config.telemetry?.content).toBe(content)
  expect(configWarnings(config).some((line) => line.includes('traces hold what users, model and tools say'))).toBe(content)
  expect(describeConfig(config).some(([name, text]) => name === 'telemetry' && text.includes('with what is said'))).toBe(content)
})

it('has the way that everything over TLS goes; over plain http it is a neighbour', () => {
  const proxy = { HTTPS_PROXY: 'http://proxy.example.com:3128', HTTP_PROXY: 'http://proxy.example.com:3128' }
  const wayTo = (url: string, more = {}) => telemetry({ ...proxy, ...more, OTEL_EXPORTER_OTLP_ENDPOINT: url })?.traces?.proxy?.url.reveal()
  expect(wayTo('https://otlp.example.com')).toBe('http://proxy.example.com:3128/')
  expect(wayTo('https://otlp.example.com', { NO_PROXY: 'example.com' })).toBeUndefined()
  expect(wayTo('http://otel-collector:4318')).toBeUndefined()
  expect(wayTo('https://localhost:4318')).toBeUndefined()
})

it('leaves variables of OpenTelemetry alone that other programs read', () => {
  expect(
    mistakes({
      ...endpoint,
      OTEL_TRACES_SAMPLER: 'always_on',
      OTEL_PROPAGATORS: 'b3',
      OTEL_LOG_LEVEL: 'debug',
      OTEL_EXPORTER_OTLP_CERTIFICATE: '/ca.pem',
      OTEL_BSP_SCHEDULE_DELAY: '1',
    }),
  ).toEqual([])
})

it('is described without its headers, and warned of if any client may join any trace', () => {
  const config = load({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example.com',
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=canary',
    TRACE_TRUST_CLIENT: 'true',
    TRACE_SAMPLE_RATIO: '0.1',
  })
  expect(describeConfig(config)).toContainEqual([
    'telemetry',
    'traces to https://otlp.example.com, metrics to https://otlp.example.com, logs to https://otlp.example.com; 10 % of sessions',
  ])
  expect(configWarnings(config).join('\n')).toMatch(/TRACE_TRUST_CLIENT is on/)
})
