// The Lua script that takes tokens from a shared bucket, with the arithmetic of core/limits/token-bucket.ts.
import { MAX_RETRY_MS } from '../../../core/limits/token-bucket.js'
import { CLOCK, DAY_MS } from './lua-pieces.js'

/** KEYS: bucket. ARGV: price, tokens per second, burst, clock. Returns granted (0, 1) and milliseconds to wait. */
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
