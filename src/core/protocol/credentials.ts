// How clients carry a token to the relay: what every room that meets one must agree on.

/** A subprotocol with this prefix carries a credential and must never be answered. */
export const CREDENTIAL_SUBPROTOCOL = 'openai-insecure-api-key.'
/** Longest head of a request: its target and all its headers. Node's own 16 KiB are too few for tokens with many groups. */
export const MAX_HEAD_BYTES = 32 * 1024
/**
 * A longer token is refused unread, wherever it comes. The rest of a head, without a token, has 8 KiB at least. Entra's tokens with
 * 200 groups, the most that it writes into one, have some 12 KiB.
 */
export const MAX_TOKEN_BYTES = MAX_HEAD_BYTES - 8 * 1024
