// What core finds worth counting, logging or tracing. Label values come from fixed sets; ids are the upstream's, and never a label.
import type { RefusalCode } from '../protocol/errors.js'
import type { JsonObject, Side } from '../protocol/events.js'

export type SessionNote =
  | { readonly type: 'event_refused'; readonly eventType: string; readonly code: RefusalCode }
  | { readonly type: 'event_dropped'; readonly side: Side; readonly why: string }
  | { readonly type: 'upstream_error'; readonly code: string }
  | { readonly type: 'configured'; readonly durationMs: number }
  | { readonly type: 'response_started'; readonly responseId: string }
  /** `model`: as the session in force names it. `usage`: as the upstream spells it. */
  | { readonly type: 'response_done'; readonly responseId: string; readonly model: string | undefined; readonly status: string; readonly usage: JsonObject | undefined }
  /** `rule` as `responses_per_day`; `unknown`: the store could not say what is left. */
  | { readonly type: 'quota_refused'; readonly rule: string }
