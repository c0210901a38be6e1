// The Lua scripts: each is one atomic step on keys of one hash tag, with commands Redis 6 knows.
import { MAX_RETRY_MS } from '../../../core/limits/token-bucket.js'
import { MAX_COUNTERS } from '../../usage-windows.js'

const DAY_MS = 86_400_000

/**
 * A write whose answer was lost is sent again with its number; whoever sent it is the only one to count up, so a number
 * that is not above the last one was applied before, whichever of the two copies arrived first.
 */
export const ONCE = `
local function applied(key, instance, number)
  local last = tonumber(redis.call('HGET', key, instance) or '0')
  if tonumber(number) <= last then return true end
  redis.call('HSET', key, instance, number)
  redis.call('PEXPIRE', key, ${DAY_MS})
  return false
end
`

/** The caller's clock where one is given (tests), else the server's: relays need not agree on the time. */
export const CLOCK = `
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
`

/**
 * KEYS: the day's hash, ids counted once, applied. ARGV: instance, number, retention in ms, how long ids are remembered in ms, count of plain
 * counters, then two a counter (name, amount), then for each report counted once: id, at, count of counters, two a counter.
 */
export const APPLY_USAGE = `${ONCE}
local function add(name, amount)
  if redis.call('HLEN', KEYS[1]) >= ${MAX_COUNTERS} and redis.call('HEXISTS', KEYS[1], name) == 0 then return end
  redis.call('HINCRBYFLOAT', KEYS[1], name, amount)
end
if applied(KEYS[3], ARGV[1], ARGV[2]) then return 0 end
local p = 6
for i = 1, tonumber(ARGV[5]) do
  add(ARGV[p], ARGV[p + 1])
  p = p + 2
end
local latest = 0
while p <= #ARGV do
  local new = redis.call('ZADD', KEYS[2], 'NX', ARGV[p + 1], ARGV[p]) == 1
  latest = math.max(latest, tonumber(ARGV[p + 1]))
  local count = tonumber(ARGV[p + 2])
  p = p + 3
  for i = 1, count do
    if new then add(ARGV[p], ARGV[p + 1]) end
    p = p + 2
  end
end
if latest > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.0f', latest - tonumber(ARGV[4])))
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`

/** KEYS: bucket. ARGV: price, tokens per second, burst, clock. Returns granted (0, 1) and milliseconds to wait. The arithmetic is `takeTokens` of core/token-bucket.ts. */
export const TAKE = `${CLOCK}
local price, rate, burst, now = tonumber(ARGV[1]), math.max(0, tonumber(ARGV[2])), tonumber(ARGV[3]), clock(ARGV[4])
local found = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(found[1]), tonumber(found[2])
if tokens == nil or at == nil then
  tokens, at = burst, now
else
  tokens = math.min(burst, tokens + math.max(0, now - at) / 1000 * rate)
  at = math.max(now, at)
end
local needed, granted, wait = math.min(price, burst), 0, 0
if tokens >= needed then
  granted, tokens = 1, tokens - price
elseif rate > 0 then
  wait = math.ceil((needed - tokens) / rate * 1000)
else
  wait = ${MAX_RETRY_MS}
end
if granted == 0 then wait = math.min(math.max(wait, 1), ${MAX_RETRY_MS}) end
if tokens >= burst then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', tokens), 'at', string.format('%.0f', at))
  local idle = ${DAY_MS}
  if rate > 0 then idle = math.min(idle, math.ceil((burst - tokens) / rate * 1000) + 1000) end
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', idle))
end
return {granted, wait}
`

/** KEYS: lease set. ARGV: session, most sessions, time to live in ms, clock. Returns whether the session has a place. */
export const LEASE = `${CLOCK}
local now, ttl = clock(ARGV[4]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ttl), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`

/** KEYS: lease set. ARGV: time to live in ms, clock, sessions. A session that lives has its place, also where it was forgotten here in between. */
export const RENEW = `${CLOCK}
local now = clock(ARGV[2])
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[1])), ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`

/** KEYS: one relay's sessions. ARGV: time to live in ms, members. All have one score, so that they stand in the order of their text. */
export const SHOW = `
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 0, ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`

/** KEYS: revoked set. ARGV: channel, end of what is cleaned away, then two a revocation (member, until). Never shortens one; publishes `<until>:<member>` for what is new. */
export const REVOKE = `
for i = 3, #ARGV, 2 do
  local known = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or '0')
  if tonumber(ARGV[i + 1]) > known then
    redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i])
    redis.call('PUBLISH', ARGV[1], ARGV[i + 1] .. ':' .. ARGV[i])
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
return 1
`
