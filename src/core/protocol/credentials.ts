// How clients carry a token to the relay: what every room that meets one must agree on.

/** A subprotocol with this prefix carries a credential and must never be answered. */
export const CREDENTIAL_SUBPROTOCOL = 'openai-insecure-api-key.'
/**
 * A longer token is refused unread, wherever it comes. Half of what all headers together may have. Entra's tokens with 200 groups, the most
 * that it writes into one, have some 12 KiB.
 */
export const MAX_TOKEN_BYTES = 16_384
