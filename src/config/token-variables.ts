// The settings that say how callers' tokens are verified, and what of their claims counts.
import { httpUrl, list, matching, plainText, seconds, sharedSecret } from './parse.js'
import { exact, optional, orFile, required } from './variable.js'

const claim = matching(/^[\u0021-\u007e]{1,256}$/, 'a claim name of printable ASCII without blanks')

export const TOKEN_VARIABLES = {
  JWT_SECRET: orFile(exact(sharedSecret, 'Shared secret that verifies tokens (HS256: at least 32 bytes, HS384: 48, HS512: 64).')),
  JWT_PUBLIC_KEY: orFile(optional(plainText, 'PEM public key or certificate that verifies tokens: RSA, RSA-PSS, P-256, P-384, P-521 or Ed25519.')),
  JWKS_URL: optional(httpUrl, 'Key set that verifies tokens. Needs `JWT_ISSUER`, and `JWT_AUDIENCE` or `JWT_CLIENT_ID`.'),
  JWT_ISSUER: optional(plainText, 'Required `iss`, compared exactly.'),
  JWT_AUDIENCE: optional(plainText, 'Required `aud`, compared exactly.'),
  JWT_CLIENT_ID: optional(
    list(plainText),
    'Required `client_id`, or a comma list of which it must be one, compared exactly. For access tokens without `aud`, such as Amazon Cognito’s.',
  ),
  JWT_REQUIRED_CLAIMS: optional(
    plainText,
    'JSON map of claim to the value that a token must have there, or a list of values of which it must have one. A nested claim goes by its path: `realm_access.roles`.',
  ),
  JWT_ALGORITHMS: optional(
    list(matching(/^[A-Za-z0-9]{2,10}$/, 'an algorithm name such as RS256')),
    'Comma list of accepted algorithms. Unset: HS256 for a secret, RS256 for a key set, for a public key the first that fits (RSA: RS256, RSA-PSS: PS256).',
  ),
  JWT_CLOCK_TOLERANCE_S: required(seconds(0, 60), '5', 'Seconds of clock skew accepted on `exp` and `nbf`.'),
  JWT_PROFILE_CLAIM: required(claim, 'profile', 'Claim that chooses the profile, by its name or path.'),
  JWT_PROFILE_MAP: optional(
    plainText,
    'JSON map of a value of that claim, such as a role or a group, to a profile. The first that fits wins; other values count for nothing. Unset: the values are names of profiles.',
  ),
  JWT_TENANT_CLAIM: required(claim, 'tenant', 'Claim that names the tenant, by its name or path. A user’s usage counts for the tenant as well.'),
  JWT_SCOPE_CLAIM: required(claim, 'scope', 'Claim that has `relay:read` or `relay:admin` for operators, by its name or path.'),
} as const
