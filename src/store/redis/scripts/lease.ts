// The Lua scripts that give sessions their places and keep them.
import { CLOCK } from './lua-pieces.js'

/** KEYS: lease set. ARGV: session, most sessions, time to live in ms, clock. Returns whether the session has a place. */
export const LEASE = `${CLOCK}
local now, ttl = clock(ARGV[4]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ttl), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`

/** KEYS: lease set. ARGV: time to live in ms, clock, sessions. A live session gets its place back even if Redis has lost it. */
export const RENEW = `${CLOCK}
local now = clock(ARGV[2])
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[1])), ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`
