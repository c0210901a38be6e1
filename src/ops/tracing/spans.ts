// Starts and ends spans at times that are given, and says which `traceparent` stands for one.
import { type Attributes, type Context, type Link, ROOT_CONTEXT, type Span, type SpanContext, type SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import { ATTRIBUTE } from './otel-names.js'

/** A span that has not ended, with what its children hang on. */
export interface OpenSpan {
  readonly span: Span
  readonly context: Context
}

export interface SpanStart {
  readonly kind: SpanKind
  readonly at: number
  /** Absent: a trace of its own. */
  readonly parent?: Context | undefined
  readonly links?: readonly SpanContext[]
  readonly attributes: Attributes
}

export function startSpan(tracer: Tracer, name: string, { kind, at, parent = ROOT_CONTEXT, links = [], attributes }: SpanStart): OpenSpan {
  const span = tracer.startSpan(name, { kind, startTime: at, attributes, links: links.map((context): Link => ({ context })) }, parent)
  return { span, context: trace.setSpan(parent, span) }
}

/** `error`: a word of a fixed set. Absent: it went well, or was stopped on purpose. */
export function endSpan({ span }: OpenSpan, at: number, error?: string): void {
  if (error !== undefined) {
    span.setAttribute(ATTRIBUTE.errorType, error)
    span.setStatus({ code: SpanStatusCode.ERROR })
  }
  span.end(at)
}

export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

/** Of a `traceparent` that is valid. */
export function remoteContext(traceparent: string): SpanContext {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-')
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
}

/** A name or id that a peer chose is shown if it looks like one: it might as well be words. */
export function plain(name: string): string {
  return /^[\w./:-]{1,128}$/.test(name) ? name : 'other'
}
