// The Lua script that merges reports into a deployment's limits. Its arithmetic is that of core/limits/merge.ts and core/limits/picture.ts.
import { CONFIGURED_HANDICAP_MS, PROVIDER_HEAD_START_MS, SOURCE_RANK } from '../../../core/limits/merge.js'
import { WINDOW_MS } from '../../../core/limits/picture.js'
import { ONCE } from './lua-pieces.js'

/** About how many entries one deployment's log keeps. */
export const LOG_LENGTH = 10_000
/** Most names of limits of one deployment. A name beyond is only logged. */
export const MAX_LIMIT_NAMES = 64
const FIELDS_PER_NAME = 7
/** A use repeated later than this counts again. Its minute is over by then, so it matters only if no later minute has a use. */
const ONCE_MS = 600_000

const ranks = Object.entries(SOURCE_RANK).map(([source, rank]) => `${source} = ${rank}`)

/**
 * KEYS: limits hash, log, applied, windows and known limits, ids counted once. ARGV: writer's id, number; count of records, then six each
 * (name, at, limit, remaining, reset_at, source); count of known limits, then four each (name, limit, at, 1 if configured); count of uses, then
 * for each: id, at, count of amounts, two per amount (name, amount); then nine per log entry (at, name, source, limit, remaining, reset_seconds, used,
 * session, subject). '' is absent. A property test compares this script with core.
 */
export const APPLY_LIMITS = `${ONCE}
local RANK = {${ranks.join(', ')}}
local function standing(a, b)
  local function stands(report)
    if report.source == 'usage' then return report.at end
    if report.source == 'configured' then return report.at - ${CONFIGURED_HANDICAP_MS} end
    return report.at + ${PROVIDER_HEAD_START_MS}
  end
  local order = stands(a) - stands(b)
  if order == 0 then order = RANK[a.source] - RANK[b.source] end
  return order
end
local function lower(a, b)
  if a == b then return 0 end
  if a == nil then return -1 end
  if b == nil then return 1 end
  return b - a
end
local function counts(new, old)
  local order = standing(new, old)
  if order == 0 then order = lower(new.remaining, old.remaining) end
  if order == 0 then order = lower(new.limit, old.limit) end
  if order == 0 then order = lower(old.reset_at, new.reset_at) end
  return order > 0
end

local function load(name)
  local found = redis.call('HMGET', KEYS[1], name .. '.at', name .. '.limit', name .. '.remaining', name .. '.reset_at', name .. '.source', name .. '.used', name .. '.used_from')
  local inner = redis.call('HMGET', KEYS[4], name .. '.at', name .. '.known', name .. '.known_at', name .. '.configured')
  local picture = {name = name}
  if tonumber(found[1]) and RANK[found[5]] then
    picture.shown = {at = tonumber(found[1]), limit = tonumber(found[2]), remaining = tonumber(found[3]), reset_at = tonumber(found[4]), source = found[5]}
  end
  if tonumber(found[6]) and tonumber(found[7]) and tonumber(inner[1]) then
    picture.window = {used = tonumber(found[6]), from = tonumber(found[7]), at = tonumber(inner[1])}
  end
  if tonumber(inner[2]) then picture.known = {limit = tonumber(inner[2]), at = tonumber(inner[3]), configured = tonumber(inner[4])} end
  return picture
end
local function text(value)
  if type(value) ~= 'number' then return value end
  local short = string.format('%.14g', value)
  return tonumber(short) == value and short or string.format('%.17g', value)
end
local function put(key, field, value)
  if value == nil then redis.call('HDEL', key, field) else redis.call('HSET', key, field, text(value)) end
end
local function save(picture)
  local name, shown, window, known = picture.name, picture.shown, picture.window, picture.known
  if shown == nil then return end
  for _, field in ipairs({'at', 'limit', 'remaining', 'reset_at', 'source'}) do put(KEYS[1], name .. '.' .. field, shown[field]) end
  if window then
    put(KEYS[1], name .. '.used', window.used)
    put(KEYS[1], name .. '.used_from', window.from)
    put(KEYS[4], name .. '.at', window.at)
  end
  if known then
    put(KEYS[4], name .. '.known', known.limit)
    put(KEYS[4], name .. '.known_at', known.at)
    put(KEYS[4], name .. '.configured', known.configured)
  end
end
local function room(picture)
  return picture.shown ~= nil or redis.call('HLEN', KEYS[1]) <= ${(MAX_LIMIT_NAMES - 1) * FIELDS_PER_NAME}
end

local function is_counted(picture)
  return picture.shown ~= nil and picture.window ~= nil and picture.shown.source == 'usage' and picture.shown.at == picture.window.at
end
local function counted_record(picture)
  local record = {at = picture.window.at, reset_at = picture.window.from + ${WINDOW_MS}, source = 'usage'}
  if picture.known then
    record.limit = picture.known.limit
    record.remaining = math.max(0, picture.known.limit - picture.window.used)
  end
  return record
end
local function tell(picture, new)
  if not is_counted(picture) then
    if picture.shown == nil or counts(new, picture.shown) then picture.shown = new end
    return
  end
  if standing(new, picture.shown) > 0 then picture.shown = new end
end
local function learn(picture, new)
  local counted, old = is_counted(picture), picture.known
  if old then
    local order = old.configured - new.configured
    if order == 0 then order = new.at - old.at end
    if order == 0 then order = old.limit - new.limit end
    if order <= 0 then return end
  end
  picture.known = new
  if counted then picture.shown = counted_record(picture) end
end
local function use(picture, amount, at)
  local from, window = math.floor(at / ${WINDOW_MS}) * ${WINDOW_MS}, picture.window
  if window and from < window.from then return end
  local counted = is_counted(picture)
  if window and window.from == from then
    picture.window = {used = window.used + amount, from = from, at = math.max(window.at, at)}
  else
    picture.window = {used = amount, from = from, at = at}
  end
  local record = counted_record(picture)
  if picture.shown == nil or counted or standing(record, picture.shown) >= 0 then picture.shown = record end
end

if applied(KEYS[3], ARGV[1], ARGV[2]) then return 0 end
local p = 3
local function next_argument()
  p = p + 1
  return ARGV[p - 1]
end
for _ = 1, tonumber(next_argument()) do
  local picture = load(next_argument())
  local new = {at = tonumber(next_argument()), limit = tonumber(next_argument()), remaining = tonumber(next_argument()), reset_at = tonumber(next_argument()), source = next_argument()}
  if room(picture) then
    tell(picture, new)
    save(picture)
  end
end
for _ = 1, tonumber(next_argument()) do
  local picture = load(next_argument())
  local new = {limit = tonumber(next_argument()), at = tonumber(next_argument()), configured = tonumber(next_argument())}
  if room(picture) then
    learn(picture, new)
    save(picture)
  end
end
local latest = 0
for _ = 1, tonumber(next_argument()) do
  local id, at = next_argument(), tonumber(next_argument())
  local new = id == '' or redis.call('ZADD', KEYS[5], 'NX', text(at), id) == 1
  if id ~= '' then latest = math.max(latest, at) end
  for _ = 1, tonumber(next_argument()) do
    local picture = load(next_argument())
    local amount = tonumber(next_argument())
    if new and room(picture) then
      use(picture, amount, at)
      save(picture)
    end
  end
end
if latest > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', string.format('(%.0f', latest - ${ONCE_MS}))
  redis.call('PEXPIRE', KEYS[5], ${ONCE_MS})
end
local FIELDS = {'at', 'name', 'source', 'limit', 'remaining', 'reset_seconds', 'used', 'session', 'subject'}
while p <= #ARGV do
  local entry = {}
  for _, field in ipairs(FIELDS) do
    local value = next_argument()
    if value ~= '' then
      entry[#entry + 1] = field
      entry[#entry + 1] = value
    end
  end
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ${LOG_LENGTH}, '*', unpack(entry))
end
return 1
`
