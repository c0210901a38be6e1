// The upstream's error codes, one row each: whether its text speaks of the client's own doing, so that the client may read it.

/** Another response runs, so that the one that was asked for does not begin. */
export const BUSY = 'conversation_already_has_active_response'

/** `public`: the text may reach the client if it is harmless. `private`: it speaks of the server's key, model or account. */
const CODES: Readonly<Record<string, 'public' | 'private'>> = {
  [BUSY]: 'public',
  response_cancel_not_active: 'public',
  input_audio_buffer_commit_empty: 'public',
  item_retrieve_invalid_item_id: 'public',
  item_truncate_invalid_item_id: 'public',
  item_delete_invalid_item_id: 'public',
  item_create_invalid_previous_item_id: 'public',
  audio_unintelligible: 'public',
  session_expired: 'public',
  rate_limit_exceeded: 'public',
  inference_rate_limit_exceeded: 'public',
  cannot_update_voice: 'public',
  unsupported_content_type: 'public',
  // What an event's value is refused for.
  invalid_event: 'public',
  invalid_value: 'public',
  invalid_type: 'public',
  missing_required_parameter: 'public',
  unknown_parameter: 'public',
  string_above_max_length: 'public',
  string_below_min_length: 'public',
  integer_above_max_value: 'public',
  integer_below_min_value: 'public',
  decimal_above_max_value: 'public',
  decimal_below_min_value: 'public',
  array_above_max_length: 'public',
  array_below_min_length: 'public',
  // The relay's own doing, or its account.
  invalid_json: 'private',
  invalid_api_key: 'private',
  missing_model: 'private',
  invalid_model: 'private',
  model_not_found: 'private',
  beta_api_shape_disabled: 'private',
  insufficient_quota: 'private',
  account_deactivated: 'private',
  billing_hard_limit_reached: 'private',
  inference_not_authorized_error: 'private',
  DeploymentNotFound: 'private',
}

export function hasPublicText(code: string): boolean {
  return Object.hasOwn(CODES, code) && CODES[code] === 'public'
}

/** A metric label from a fixed set, so that no peer can grow a metric. */
export function codeLabel(code: string): string {
  return code === 'none' || Object.hasOwn(CODES, code) ? code : 'other'
}

/** Every label that `codeLabel` gives. */
export function codeLabels(): readonly string[] {
  return [...Object.keys(CODES), 'none', 'other']
}
