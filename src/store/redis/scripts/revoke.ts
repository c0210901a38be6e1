// The Lua script that adds revocations and tells every instance what is new.

/** KEYS: revoked set. ARGV: channel, end up to which revocations are deleted, then two each (member, until). Never shortens one. Publishes `<until>:<member>` for what is new. */
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
