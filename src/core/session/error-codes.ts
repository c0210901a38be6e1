// Labels for upstream error codes: a fixed set, so that no peer can grow a metric.

const LABELS = new Set([
  'conversation_already_has_active_response',
  'response_cancel_not_active',
  'input_audio_buffer_commit_empty',
  'item_retrieve_invalid_item_id',
  'invalid_value',
  'invalid_event',
  'invalid_json',
  'missing_required_parameter',
  'unknown_parameter',
  'rate_limit_exceeded',
  'inference_rate_limit_exceeded',
  'session_expired',
  'invalid_api_key',
  'missing_model',
  'invalid_model',
  'model_not_found',
  'beta_api_shape_disabled',
  'insufficient_quota',
  'none',
])

/** A metric label from a fixed set. */
export function codeLabel(code: string): string {
  return LABELS.has(code) ? code : 'other'
}
