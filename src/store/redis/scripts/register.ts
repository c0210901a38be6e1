// The Lua script that lists one instance's live sessions.

/** KEYS: one instance's sessions. ARGV: time to live in ms, members. All have the same score, so Redis orders them by their text. */
export const REGISTER = `
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 0, ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`
