"""The Lua scripts: each does one thing to one session's hash, atomically and in one round trip.

The hash is `KEYS[1]`. `ARGV[1]` is how many milliseconds the session has to live from now on, or empty. What writes
answers with `done`, or with the reason why nothing was written: `absent`, `taken`, `stale`, `behind`,
`format` or `damaged`.

A number that is an argument of a command is written with all its digits; in `..` it is not, and needs `string.format`.
"""

from hashlib import sha1
from typing import NamedTuple

from .errors import SessionConflictError, SessionCorruptError, SessionNotFoundError


class Script(NamedTuple):
    """A script and the digest under which the server knows it once it has seen it."""

    text: str
    digest: str


def _script(text: str) -> Script:
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


def check(answer: bytes | str, name: str) -> None:
    """Raise what a script answered.

    Raises:
        SessionConflictError: If an id is taken.
        SessionNotFoundError: If something is not there.
        SessionCorruptError: If what is stored cannot be read, or not by this version.
    """
    problem = answer.decode() if isinstance(answer, bytes) else answer
    if problem == "taken":
        raise SessionConflictError(f"{name} | the id is taken")
    if problem == "absent":
        raise SessionNotFoundError(f"{name} | it does not exist, or has expired, or what it belongs to has")
    if problem == "damaged":
        raise SessionCorruptError(f"{name} | what belongs to the stored record is missing, or of a wrong type")
    if problem == "format":
        raise SessionCorruptError(f"{name} | a newer version of this package stored the session; upgrade the package")


_KEEP_ALIVE = """
local function keep_alive()
  if ARGV[1] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
end
"""

# field, text, field of what it belongs to or '', version, and more fields with their values. No two requests have the
# same version: one that is stored already was given by this one, whose reply was lost.
INSERT = _script(
    _KEEP_ALIVE
    + """
if ARGV[4] ~= '' and redis.call('HEXISTS', KEYS[1], ARGV[4]) == 0 then return 'absent' end
local version = ARGV[2] .. ':version'
if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1 then
  return redis.call('HGET', KEYS[1], version) == ARGV[5] and 'done' or 'taken'
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3], version, unpack(ARGV, 5))
keep_alive()
return 'done'
"""
)

# field, text, and more fields with their values
REPLACE = _script(
    _KEEP_ALIVE
    + """
if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 0 then return 'absent' end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
keep_alive()
return 'done'
"""
)

# field of the agent, id, text
APPEND = _script(
    _KEEP_ALIVE
    + """
local agent, id, text = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local next = tonumber(redis.call('HGET', KEYS[1], agent .. ':next'))
if not next then return 'absent' end
local field = agent .. ':message:' .. ARGV[3]
local stored = redis.call('HGET', KEYS[1], field)
if stored and stored ~= text then return 'taken' end
redis.call('HSET', KEYS[1], field, text)
if id >= next then redis.call('HSET', KEYS[1], agent .. ':next', id + 1) end
keep_alive()
return 'done'
"""
)

# field of the agent, version and new version, first new id, agent record and window or '', how many messages are new,
# their texts, and the ids and texts of those to replace
SAVE = _script(
    _KEEP_ALIVE
    + """
local agent, version, new_version, first = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local record, window, count = ARGV[6], ARGV[7], tonumber(ARGV[8])
local message = agent .. ':message:'
local known = redis.call('HMGET', KEYS[1], 'format', agent .. ':version', agent .. ':next')
local stored, next = known[2], tonumber(known[3]) or 0
if not known[1] then return 'absent' end
if known[1] ~= '1' then return 'format' end
if stored == new_version and version ~= new_version then return 'done' end
if (stored or '') ~= version then return stored and 'stale' or 'absent' end
if next < first then return 'behind ' .. string.format('%.0f', next) end
if next > first then -- unless this append was stored before: then it is written once more, as it was
  if version ~= new_version or next ~= first + count then return 'taken' end
  for i = 1, count do
    local field = message .. string.format('%.0f', first + i - 1)
    if redis.call('HGET', KEYS[1], field) ~= ARGV[8 + i] then return 'taken' end
  end
end
for i = 9 + count, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], message .. ARGV[i]) == 0 then return 'absent' end
end
for i = 1, count do
  redis.call('HSET', KEYS[1], message .. string.format('%.0f', first + i - 1), ARGV[8 + i])
end
for i = 9 + count, #ARGV, 2 do
  redis.call('HSET', KEYS[1], message .. ARGV[i], ARGV[i + 1])
end
if record ~= '' then redis.call('HSET', KEYS[1], agent, record, agent .. ':window', window) end
redis.call('HSET', KEYS[1], agent .. ':version', new_version, agent .. ':next', first + count)
keep_alive()
return 'done'
"""
)

_MESSAGES = """
local message = ARGV[2] .. ':message:'
local pattern = string.gsub(message, '%%', '%%%%') .. '%.0f'
local function field(id) return string.format(pattern, id) end

-- The ids from first to last: all, or those of records where gaps may be wider than the hash is long; which of both.
local function between(first, last)
  local ids = {}
  last = math.min(last, 9007199254740991) -- beyond it a number plus 1 is the same number: a loop would never end
  local sparse = last - first > 2 * redis.call('HLEN', KEYS[1])
  if sparse then
    for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
      local id = string.sub(name, 1, #message) == message and tonumber(string.sub(name, #message + 1))
      if id and id >= first and id <= last then ids[#ids + 1] = id end
    end
    table.sort(ids)
  else
    for id = first, last do ids[#ids + 1] = id end
  end
  return ids, sparse
end

local function existing(first, last)
  local found, ids, sparse = {}, between(first, last)
  if sparse then return ids end
  for _, id in ipairs(ids) do
    if redis.call('HEXISTS', KEYS[1], field(id)) == 1 then found[#found + 1] = id end
  end
  return found
end

-- Adds the texts of the messages from one place in `ids` to another to an answer: ARGV[3] of them joined by commas, as
-- the server takes longer to send a text than to join it to others. Returns the ids of those that there are, which go
-- without saying within a run: `0-999 1003 1005`.
local function fetch(answer, ids, start, stop)
  local named, size = {}, tonumber(ARGV[3])
  for from = start, stop, 1000 do
    local fields, found, texts = {}, {}, {}
    for i = from, math.min(stop, from + 999) do fields[#fields + 1] = field(ids[i]) end
    for i, text in ipairs(redis.call('HMGET', KEYS[1], unpack(fields))) do
      if text then
        found[#found + 1], texts[#texts + 1] = ids[from + i - 1], text
      end
    end
    for i = 1, #texts, size do
      answer[#answer + 1] = table.concat(texts, ',', i, math.min(#texts, i + size - 1))
    end
    if #found > 0 and found[#found] - found[1] == #found - 1 then
      named[#named + 1] = string.format('%.0f-%.0f', found[1], found[#found])
    else
      for i, id in ipairs(found) do named[#named + 1] = string.format('%.0f', id) end
    end
  end
  return table.concat(named, ' ')
end
"""

# field of the agent, how many messages to join. Answers with its record, version and next id, the messages' ids, and
# the messages: those that the agent's window names, which is runs of ids, or `+` and how many of the oldest to skip.
RESTORE = _script(
    _KEEP_ALIVE
    + _MESSAGES
    + """
local agent = ARGV[2]
local answer = redis.call('HMGET', KEYS[1], agent, agent .. ':version', agent .. ':next', agent .. ':window', 'format')
if not answer[1] then return false end
if table.remove(answer) ~= '1' then return 'format' end
local next, window, named = tonumber(answer[3]), answer[4], {}
if not (answer[2] and window and next and next >= 0 and next <= 9007199254740992 and next % 1 == 0) then
  return 'damaged'
end

local skip = tonumber(string.match(window, '^%+(%d+)$'))
if skip then
  local ids = existing(0, next - 1)
  named[1] = fetch(answer, ids, skip + 1, #ids)
end
for first, last in string.gmatch(skip and '' or window, '(%d+)-(%d*)') do
  local ids = between(tonumber(first), tonumber(last) or next - 1)
  named[#named + 1] = fetch(answer, ids, 1, #ids)
end
answer[4] = table.concat(named, ' ')
keep_alive()
return answer
"""
)

# field of the agent, how many messages to join, offset, limit or ''. Answers with the messages' ids, and the messages.
LIST = _script(
    _KEEP_ALIVE
    + _MESSAGES
    + """
local offset, limit = tonumber(ARGV[4]), tonumber(ARGV[5]) or math.huge
local ids = existing(0, (tonumber(redis.call('HGET', KEYS[1], ARGV[2] .. ':next')) or 0) - 1)
local answer = {''}
answer[1] = fetch(answer, ids, offset + 1, math.min(#ids, offset + limit))
keep_alive()
return answer
"""
)

# field
GET = _script(
    _KEEP_ALIVE
    + """
keep_alive()
return redis.call('HGET', KEYS[1], ARGV[2])
"""
)

AGENTS = _script(
    _KEEP_ALIVE
    + """
local agents = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local id = string.match(field, '^agent:([^:]*)$')
  if id then agents[#agents + 1] = id end
end
keep_alive()
return agents
"""
)

DELETE = _script("""
if redis.call('HEXISTS', KEYS[1], 'session') == 0 then return 'absent' end
redis.call('UNLINK', KEYS[1])
return 'done'
""")

# Whether the first request found a session is not known any more, and now there is none.
DELETE_AGAIN = _script("""
if redis.call('HEXISTS', KEYS[1], 'session') == 1 then redis.call('UNLINK', KEYS[1]) end
return 'done'
""")

# The storage: `KEYS[1]` is a value, `KEYS[2]` the index of its shard, `ARGV[1]` the key. ARGV[2]: the new value
PUT = _script("""
redis.call('SET', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 'done'
""")

DISCARD = _script("""
redis.call('UNLINK', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 'done'
""")
