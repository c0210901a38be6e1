// The Lua script that reserves a response's quota, atomically over what is used and held. Its arithmetic is that of memory/holds.ts.
import { CLOCK } from './lua-pieces.js'

/**
 * KEYS: the hash of holds (holder: `<expiry> <amount of each unit>`), then the hash of each window. ARGV: clock, time to live in ms, holder, an amount
 * of each of the four units, count of holders to release, those holders, then for each check: key, unit, max, each, count of counters, counters.
 * Returns granted (0, 1), the amounts held before, and each window's hash.
 */
export const HOLD = `${CLOCK}
local now, ttl, holder = clock(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local p = 9
for i = 1, tonumber(ARGV[8]) do
  redis.call('HDEL', KEYS[1], ARGV[p])
  p = p + 1
end
local held, own = {0, 0, 0, 0}, {0, 0, 0, 0}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local numbers = {}
  for text in string.gmatch(all[i + 1], '%S+') do numbers[#numbers + 1] = tonumber(text) or 0 end
  if (numbers[1] or 0) <= now then
    redis.call('HDEL', KEYS[1], all[i])
  else
    for unit = 1, 4 do
      held[unit] = held[unit] + (numbers[unit + 1] or 0)
      if all[i] == holder then own[unit] = numbers[unit + 1] or 0 end
    end
  end
end
local granted = 1
while p <= #ARGV do
  local key, unit, used = KEYS[tonumber(ARGV[p])], tonumber(ARGV[p + 1]), 0
  local count = tonumber(ARGV[p + 4])
  for i = 1, count do used = used + (tonumber(redis.call('HGET', key, ARGV[p + 4 + i]) or '0') or 0) end
  if used / tonumber(ARGV[p + 3]) + held[unit] >= tonumber(ARGV[p + 2]) then granted = 0 end
  p = p + 5 + count
end
if granted == 1 then
  local value = string.format('%.0f', now + ttl)
  for unit = 1, 4 do value = value .. string.format(' %.17g', own[unit] + tonumber(ARGV[3 + unit])) end
  redis.call('HSET', KEYS[1], holder, value)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local answer = {granted, {}}
for unit = 1, 4 do answer[2][unit] = string.format('%.17g', held[unit]) end
for i = 2, #KEYS do answer[i + 1] = redis.call('HGETALL', KEYS[i]) end
return answer
`
