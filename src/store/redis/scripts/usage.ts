// The Lua script that adds reports to one owner's counters, each id once.
import { MAX_COUNTERS } from '../../usage-windows.js'
import { ONCE } from './lua-pieces.js'

/**
 * KEYS: the day's hash, ids counted once, applied. ARGV: writer's id, number, retention in ms, how long ids are remembered in ms, count of plain
 * counters, then two each (name, amount), then for each report counted once: id, at, count of counters, two per counter.
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
