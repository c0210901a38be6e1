// Pieces of Lua that several scripts begin with. Every script uses only commands of Redis 6 and the keys of one hash tag.

export const DAY_MS = 86_400_000

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
