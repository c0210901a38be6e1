// Turns a line of the log, which is redacted already, into OpenTelemetry's form.
import type { LogRecord } from '@opentelemetry/api-logs'

const SEVERITY: Readonly<Record<string, number>> = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 }
/** Fields that have a name of their own in OpenTelemetry. */
const NAMES: Readonly<Record<string, string>> = { pid: 'process.pid', hostname: 'host.name', sessionId: 'relay.session.id' }

/** Undefined: no line of the log. */
export function logRecord(line: string): LogRecord | undefined {
  const fields = parsed(line)
  if (!fields) return undefined
  const { level, time, msg, ...rest } = fields
  const attributes: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(rest)) {
    const key = NAMES[name] ?? name
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') attributes[key] = value
    else if (value !== null && value !== undefined) attributes[key] = JSON.stringify(value)
  }
  const timestamp = typeof time === 'string' ? Date.parse(time) : Number.NaN
  return {
    ...(Number.isFinite(timestamp) && { timestamp }),
    ...(typeof level === 'string' && { severityText: level, severityNumber: SEVERITY[level] ?? 0 }),
    body: typeof msg === 'string' ? msg : '',
    attributes,
  }
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}
