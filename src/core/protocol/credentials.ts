// How clients carry a token to the relay: what every room that meets one must agree on.

/** A subprotocol with this prefix carries a credential and must never be answered. */
export const CREDENTIAL_SUBPROTOCOL = 'openai-insecure-api-key.'
/** A longer token is refused unread. */
export const MAX_TOKEN_BYTES = 8192
