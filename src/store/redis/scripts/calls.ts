// The Lua scripts that say which instance has which WebRTC call. A call whose owner is not heard of for a while has none.
import { CLOCK } from './lua-pieces.js'

/** KEYS: leases, record. ARGV: id, owner, call, upstream, caller, since, sealed, lease in ms, time to live in ms, clock. */
export const ADD_CALL = `${CLOCK}
redis.call('HSET', KEYS[2], 'owner', ARGV[2], 'call', ARGV[3], 'upstream', ARGV[4], 'caller', ARGV[5], 'since', ARGV[6], 'sealed', ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[9])
redis.call('ZADD', KEYS[1], string.format('%.0f', clock(ARGV[10]) + tonumber(ARGV[8])), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[9])
return 1
`

/** KEYS: leases, record. ARGV: id, owner, lease in ms, time to live in ms, clock. Returns 1; 0 if another instance has it; -1 if Redis does not know it. */
export const RENEW_CALL = `${CLOCK}
local owner = redis.call('HGET', KEYS[2], 'owner')
if not owner then return -1 end
if owner ~= ARGV[2] then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('ZADD', KEYS[1], string.format('%.0f', clock(ARGV[5]) + tonumber(ARGV[3])), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
`

/** KEYS: leases, record. ARGV: id, owner. */
export const RELEASE_CALL = `
if redis.call('HGET', KEYS[2], 'owner') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'owner', '')
redis.call('ZADD', KEYS[1], 0, ARGV[1])
return 1
`

/** KEYS: leases, record. ARGV: id. */
export const REMOVE_CALL = `
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('DEL', KEYS[2])
`

/** KEYS: leases. ARGV: most, clock. Returns the ids of calls without an owner, the longest alone first. */
export const OWNERLESS_CALLS = `${CLOCK}
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', clock(ARGV[2])), 'LIMIT', 0, ARGV[1])
`

/** KEYS: leases, record. ARGV: id, new owner, lease in ms, time to live in ms, clock. Returns call, upstream, caller, since, sealed; or nothing. */
export const ADOPT_CALL = `${CLOCK}
local now = clock(ARGV[5])
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) > now then return false end
local found = redis.call('HMGET', KEYS[2], 'call', 'upstream', 'caller', 'since', 'sealed')
if not found[1] then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return false
end
redis.call('HSET', KEYS[2], 'owner', ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[3])), ARGV[1])
return found
`
