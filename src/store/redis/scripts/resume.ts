// The Lua scripts that say which instance has a session that may go on elsewhere. An epoch is raised whenever another one takes it.

/** How long a session that was handed over, or left, may be taken. */
export const EXPORT_MS = 60_000

/**
 * KEYS: session, snapshot. ARGV: owner, epoch, subject, proofs, time to live in ms, snapshot ('' is none). Returns whether the owner still has it.
 * A session that Redis has lost is written again.
 */
export const KEEP = `
local found = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
local epoch = tonumber(found[1] or '0')
if epoch > tonumber(ARGV[2]) or (epoch == tonumber(ARGV[2]) and found[2] ~= ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'epoch', ARGV[2], 'subject', ARGV[3], 'proofs', ARGV[4])
redis.call('HDEL', KEYS[1], 'before')
redis.call('PEXPIRE', KEYS[1], ARGV[5])
if ARGV[6] ~= '' then redis.call('SET', KEYS[2], ARGV[6], 'PX', ARGV[5]) else redis.call('PEXPIRE', KEYS[2], ARGV[5]) end
return 1
`

/**
 * KEYS: session. ARGV: proof, subject, new owner, time to live in ms. Returns the owner before, the new epoch, under which epoch it was left, and
 * the last owner that surely had it; or nothing.
 */
export const CLAIM = `
local found = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'subject', 'proofs', 'left', 'before')
if not found[1] or found[3] ~= ARGV[2] then return false end
local known = false
for proof in string.gmatch(found[4], '%x+') do known = known or proof == ARGV[1] end
if not known then return false end
local epoch = string.format('%.0f', tonumber(found[2]) + 1)
redis.call('HSETNX', KEYS[1], 'before', found[1])
redis.call('HSET', KEYS[1], 'owner', ARGV[3], 'epoch', epoch)
redis.call('HDEL', KEYS[1], 'left')
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {found[1], epoch, found[5] or '', found[6] or found[1]}
`

/** KEYS: session, export. ARGV: epoch, sealed. Whoever asked first may have been overtaken, and hands on what it gets. */
export const HAND = `
if tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0') < tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ${EXPORT_MS})
return 1
`

/** KEYS: session, export of the next epoch. ARGV: owner, epoch, subject, proofs, next epoch, sealed. From then on it has no owner. */
export const LEAVE = `
local found = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
if found[1] and (found[1] ~= ARGV[2] or found[2] ~= ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'owner', '', 'epoch', ARGV[5], 'subject', ARGV[3], 'proofs', ARGV[4], 'left', ARGV[5])
redis.call('HDEL', KEYS[1], 'before')
redis.call('PEXPIRE', KEYS[1], ${EXPORT_MS})
redis.call('SET', KEYS[2], ARGV[6], 'PX', ${EXPORT_MS})
return 1
`

/** KEYS: session, snapshot. ARGV: owner, epoch. */
export const DROP = `
local found = redis.call('HMGET', KEYS[1], 'owner', 'epoch')
if found[1] ~= ARGV[1] or found[2] ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
return 1
`
