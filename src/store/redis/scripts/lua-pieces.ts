// Pieces of Lua that several scripts begin with. Every script uses only commands of Redis 6 and the keys of one hash tag.

export const DAY_MS = 86_400_000

/**
 * A write is sent again under the same number if its answer was lost. Only the writer counts its numbers up.
 * So a number not above the last one was applied before, whichever copy arrived first.
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

/** The caller's clock if one is given (tests), else the server's, so that instances need not agree on the time. */
export const CLOCK = `
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
`
