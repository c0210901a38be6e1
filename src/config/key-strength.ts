// Says how strong a key must be to verify tokens, from the environment or from a key set.

/** Least bytes of a shared secret: as many as the hash has. Source: RFC 7518 section 3.2. */
export const HMAC_BYTES: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 }
/** Source: RFC 7518 section 3.3. */
export const MIN_RSA_BITS = 2048
