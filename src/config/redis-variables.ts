// The variables of Redis: where it is, how the relay signs in, and how its keys begin.
import { boolean, matching, redisUrl, wholeNumber } from './parse.js'
import { optional, orFile, required } from './variable.js'

export const REDIS_VARIABLES = {
  REDIS_URL: orFile(
    optional(
      redisUrl,
      'Redis for limits shared by several relays: `redis://` or `rediss://` (TLS), with `+cluster` or `+sentinel` and a comma list of hosts. Unset: limits per process.',
    ),
  ),
  REDIS_ENTRA: required(boolean, 'false', 'Sign in to Redis with Entra ID tokens instead of a password. `REDIS_URL` then is `rediss://<object id of the identity>@host:port`.'),
  REDIS_KEY_PREFIX: required(matching(/^[A-Za-z0-9:_.-]{1,64}$/, '1 to 64 letters, digits, or : _ . -'), 'relay:', 'Begins every Redis key.'),
  USAGE_RETENTION_DAYS: required(wholeNumber(1, 3660), '35', 'Days after which usage records expire.'),
} as const
