// The operator's pages stay true: every metric and every setting that a document names exists.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { VARIABLES, variableNames } from '../../src/config/variables.js'
import { createMetrics } from '../../src/ops/metrics.js'
import { DOCUMENTS, ROOT, readDocument } from '../docs/documents.js'

/** Read by Azure's library, Compose, the Dockerfile, the tests and `ws`; names in examples; constants of the source. */
const OTHERS = [
  // Of `npm run test:image`.
  'IMAGE_PULL_SECONDS',
  // Of the first apps and their tests.
  'APPS_FOLDER',
  'COOKIE_SECRET',
  'RELAY_URL',
  'ALLOW_ANY_NAME',
  ...[
    'AZURE_CLIENT_ID',
    'AZURE_AUTHORITY_HOST',
    'NPM_TOKEN',
    'NO_CONTENT',
    'SPAN_ONLY',
    'RELAY_CONFIG_DIR',
    'NODE_IMAGE',
    'RUNTIME_IMAGE',
    'FUZZ_RUNS',
    'PHONE_CARRIER',
    'PHONE_CALLS',
    'PHONE_SECONDS',
    'CHAOS_KILLS',
    'CHAOS_SILENCES',
    'CHAOS_DROPS',
    'CHAOS_RELAY_KILLS',
    'CHAOS_SEED',
    'WS_NO_BUFFER_UTIL',
    'NODE_EXTRA_CA_CERTS',
    'SSL_CERT_FILE',
  ],
  // Variables of OpenTelemetry that the relay does not read.
  ...['OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG', 'OTEL_PROPAGATORS', 'OTEL_LOG_LEVEL', 'OTEL_EXPORTER_OTLP_CERTIFICATE'],
  ...['ORDERS_KEY', 'WEATHER_KEY', 'DOCS_KEY', 'SWEDEN_KEY'],
  ...['CLIENT_RULE_SAYS', 'SERVER_RULE_SAYS'],
]

describe.each(DOCUMENTS)('%s', (path) => {
  const text = readDocument(path)

  it('names only metrics that exist', async () => {
    // Those that other parts add where they are used are read from their source.
    const added = [
      'server/server.ts',
      'server/audit.ts',
      'server/records.ts',
      'server/call-parts.ts',
      'server/phone.ts',
      'server/sip.ts',
      'server/telemetry.ts',
      'server/warm-upstreams.ts',
      'ops/health.ts',
      'ops/upstream-metrics.ts',
      'process/primary.ts',
    ].map((file) => readFileSync(join(ROOT, 'src', file), 'utf8'))
    const known = `${await createMetrics().text()}\n${added.join('\n')}`
    for (const name of new Set(text.match(/\b(relay|nodejs)_[a-z0-9_]*[a-z0-9]\b/g))) expect(known, name).toContain(name.replace(/_bucket$/, ''))
  })

  it('names only settings that exist', () => {
    const known = new Set<string>([...variableNames, ...variableNames.filter((name) => VARIABLES[name].file).map((name) => `${name}_FILE`)])
    const named = new Set([...text.matchAll(/`\$?\{?([A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])\b/g)].map(([, name]) => name ?? ''))
    expect([...named].filter((name) => !known.has(name) && !OTHERS.includes(name))).toEqual([])
  })
})

describe('deploy/run-book.md', () => {
  it('names every metric', async () => {
    const text = readDocument('deploy/run-book.md')
    const own = [...(await createMetrics().text()).matchAll(/^# TYPE (relay_\w+)/gm)].map(([, name]) => name ?? '')
    expect(own.length).toBeGreaterThan(15)
    for (const name of own) expect(text, name).toContain(name)
  })
})
