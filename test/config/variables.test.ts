// The table of variables, from which the document of settings is made: each row says what it is for, and secrets may come from files.
import { describe, expect, it } from 'vitest'
import { VARIABLES, variableNames } from '../../src/config/variables.js'

describe('the table of variables', () => {
  it.each(variableNames.map((name) => [name, VARIABLES[name]] as const))('%s says what it is for', (name, variable) => {
    expect(name).toMatch(/^[A-Z][A-Z0-9_]*$/)
    expect(variable.doc).toMatch(/^[A-Z].{10,}\.$/)
  })

  it('lets every secret come from a file', () => {
    expect(variableNames.filter((name) => VARIABLES[name].file).sort()).toEqual(
      [
        ...[
          'AUDIT_KEY',
          'AZURE_OPENAI_API_KEY',
          'CALLS_SECRET',
          'GUARDS',
          'INSTRUCTIONS',
          'JWT_PUBLIC_KEY',
          'JWT_SECRET',
          'OPENAI_API_KEY',
          'REDIS_URL',
          'SESSION',
          'SUBJECT_KEY',
          'TOOLS',
          'TOOL_IDENTITY_SECRET',
          'UPSTREAMS',
        ],
        ...['ACS_CONNECTION_STRING', 'ACS_EVENT_GRID_SECRET', 'SIP_WEBHOOK_SECRET', 'TWILIO_AUTH_TOKEN'],
        ...['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_METRICS_HEADERS', 'OTEL_EXPORTER_OTLP_LOGS_HEADERS'],
      ].sort(),
    )
  })
})
