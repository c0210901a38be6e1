// What a response used, and why it ended, as attributes of its span: numbers and words of a fixed set.
import type { Attributes } from '@opentelemetry/api'
import type { SessionNote } from '../../core/session/notes.js'
import { ATTRIBUTE, USAGE } from './otel-names.js'

export type ResponseDone = Extract<SessionNote, { type: 'response_done' }>

/** How a response counts for its turn. */
export type ResponseEnd = 'completed' | 'interrupted' | 'filtered' | 'failed'

export function endOf({ status, reason }: Pick<ResponseDone, 'status' | 'reason'>): ResponseEnd {
  if (status === 'cancelled') return 'interrupted'
  if (reason === 'content_filter') return 'filtered'
  return status === 'completed' || status === 'incomplete' ? 'completed' : 'failed'
}

export function responseAttributes(done: ResponseDone): Attributes {
  const { usage } = done
  const attributes: Attributes = { [ATTRIBUTE.finishReasons]: [finishReason(done)] }
  for (const [name, path] of USAGE) {
    const value = numberAt(usage, path)
    if (value !== undefined) attributes[name] = value
  }
  const spoken = attributes['gen_ai.usage.audio.output_tokens']
  if (typeof spoken === 'number' && usage) attributes[ATTRIBUTE.outputType] = spoken > 0 ? 'speech' : 'text'
  return attributes
}

/** The service's reason; `error` if it gives none for an end that was none, as the conventions have it. */
export function finishReason({ status, reason, calls }: ResponseDone): string {
  if (reason !== undefined) return reason
  if (status === 'completed') return calls === undefined ? 'stop' : 'tool_call'
  return status === 'incomplete' ? 'length' : 'error'
}

function numberAt(value: unknown, path: readonly string[]): number | undefined {
  let at = value
  for (const key of path) at = typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? (at as Readonly<Record<string, unknown>>)[key] : undefined
  return typeof at === 'number' && Number.isFinite(at) ? at : undefined
}
