"""The statements: one round trip each, and all or nothing.

`{schema}` is replaced once, by the name of the schema. A session that has expired does not exist for any of them, and
each write to a session that has a `ttl` puts its end off. Functions that take any type are named with their schema:
somebody who may create one of that name in a schema of the `search_path` could have it called in their place.
"""
# ruff: noqa: S608 - the pieces below are constants, and values travel as parameters

from ._batch import Batch

ALIVE = "(s.expires_at > now()) IS NOT FALSE"
_AGENT = "session_id = %(session_id)s AND agent_id = %(agent_id)s"

# What a write takes part in: `written` is the CTE that tells whether it took place.
_KEEP_ALIVE = """kept AS (
  UPDATE {schema}.sessions SET expires_at = now() + %(ttl)s * interval '1s' FROM written
  WHERE session_id = %(session_id)s{condition})"""
_EXTEND = _KEEP_ALIVE.replace("{condition}", "")
_EXTEND_IF_TTL = _KEEP_ALIVE.replace("{condition}", " AND %(ttl)s::float8 IS NOT NULL")

# Several messages travel as one array a column, those with JSON in binary: as text each quote in them would take two
# bytes. A single one, as nearly every save has, travels as it is: that takes the planner half the time.
_SEVERAL = """unnest(%(message_id)s::bigint[], %(message)b::text[]::json[], %(message_raw)s::text[],
  %(redacted)b::text[]::json[], %(redacted_raw)s::text[], %(created_at)s::timestamptz[], %(created_at_raw)s::text[],
  %(updated_at)s::timestamptz[], %(updated_at_raw)s::text[]) i"""
_CONTENT = "%(message)s::json, %(message_raw)s::text, %(redacted)s::json, %(redacted_raw)s::text"
_UPDATED = "%(updated_at)s::timestamptz, %(updated_at_raw)s::text"
_ONE = f"%(message_id)s::bigint, {_CONTENT}, %(created_at)s::timestamptz, %(created_at_raw)s::text, {_UPDATED}"

CREATE_SESSION = """
WITH known AS (SELECT max(version) AS version FROM {schema}.migrations), expired AS (
  DELETE FROM {schema}.sessions
  WHERE session_id = %(session_id)s AND expires_at <= now() AND %(latest)s = (SELECT version FROM known) RETURNING 1
), written AS (
  INSERT INTO {schema}.sessions
  SELECT %(session_id)s, %(session_type)s, %(created_at)s::timestamptz, %(created_at_raw)s::text,
    %(updated_at)s::timestamptz, %(updated_at_raw)s::text, now() + %(ttl)s::float8 * interval '1 second'
  FROM (SELECT count(*) FROM expired) AS deleted_first WHERE %(latest)s = (SELECT version FROM known)
  ON CONFLICT DO NOTHING RETURNING 1
)
SELECT (SELECT count(*) FROM written), (SELECT version FROM known)"""

# In UTC, whatever the time zone of the connection is.
_TIMES = """{t}.created_at AT TIME ZONE 'UTC', {t}.created_at_raw, {t}.updated_at AT TIME ZONE 'UTC',
  {t}.updated_at_raw"""
_SESSION_TIMES, _AGENT_TIMES, _MESSAGE_TIMES = (_TIMES.replace("{t}", table) for table in "sam")

READ_SESSION = f"""
SELECT m.version, s.session_type, {_SESSION_TIMES}
FROM (SELECT max(version) AS version FROM {{schema}}.migrations) AS m
LEFT JOIN {{schema}}.sessions s ON s.session_id = %(session_id)s AND {ALIVE}"""

DELETE_SESSION = f"DELETE FROM {{schema}}.sessions s WHERE s.session_id = %(session_id)s RETURNING {ALIVE}"

LIST_SESSIONS = f"""
SELECT s.session_id, s.session_type, {_SESSION_TIMES}
FROM {{schema}}.sessions s
WHERE s.session_id >= %(prefix)s AND s.session_id > %(after)s AND starts_with(s.session_id, %(prefix)s) AND {ALIVE}
ORDER BY s.session_id LIMIT %(page_size)s"""

PRUNE = """
DELETE FROM {schema}.sessions WHERE session_id IN (
  SELECT session_id FROM {schema}.sessions WHERE expires_at <= now() LIMIT %(batch_size)s FOR UPDATE SKIP LOCKED
) RETURNING 1"""

_AGENT_VALUES = """%(new_version)s, %(restores)s::int8multirange, %(restores_after)s, %(state)s::json, %(state_raw)s,
  %(manager)s::json, %(manager_raw)s, %(internal)s::json, %(internal_raw)s"""
_SET_AGENT = f"""(version, restores, restores_after, state, state_raw, conversation_manager_state,
    conversation_manager_state_raw, internal_state, internal_state_raw, updated_at, updated_at_raw)
  = ({_AGENT_VALUES}, %(agent_updated_at)s, %(agent_updated_at_raw)s)"""

_INSERT_AGENT = f"""
  INSERT INTO {{schema}}.agents
  SELECT s.session_id, %(agent_id)s, %(after)s, {_AGENT_VALUES}, %(agent_created_at)s, %(agent_created_at_raw)s,
    %(agent_updated_at)s, %(agent_updated_at_raw)s
  FROM {{schema}}.sessions s WHERE s.session_id = %(session_id)s AND {ALIVE}
  ON CONFLICT DO NOTHING RETURNING 1"""

_INSERT = "INSERT INTO {schema}.messages SELECT %(session_id)s, %(agent_id)s,"
_INSERT_MESSAGE = f"{_INSERT} {_ONE} FROM written"
_INSERT_MESSAGES = f"{_INSERT} i.* FROM written, {_SEVERAL}"

# What every save of an existing agent needs: nobody changed it, and nobody took an id. Both are in the row that a save
# changes: it waits there for another save, and looks again, whatever the level of isolation is.
_UNCHANGED = f"""{_AGENT} AND version = %(version)s AND next_id = %(next_id)s AND EXISTS (
    SELECT FROM {{schema}}.sessions s WHERE s.session_id = %(session_id)s AND {ALIVE})"""

_REPLACE_MESSAGES = """
  UPDATE {schema}.messages m
  SET (message, message_raw, redact_message, redact_message_raw, updated_at, updated_at_raw)
    = (r.a, r.b, r.c, r.d, r.e, r.f)
  FROM written, unnest(%(r_message_id)s::bigint[], %(r_message)b::text[]::json[], %(r_message_raw)s::text[],
    %(r_redacted)b::text[]::json[], %(r_redacted_raw)s::text[], %(r_updated_at)s::timestamptz[],
    %(r_updated_at_raw)s::text[]) r(id, a, b, c, d, e, f)
  WHERE m.session_id = %(session_id)s AND m.agent_id = %(agent_id)s AND m.message_id = r.id RETURNING 1"""

# Dividing by zero is how a statement fails as a whole: a message to replace was not there.
_ALL_REPLACED = """1 / (count(*) = 0
  OR (SELECT count(*) FROM replaced) = pg_catalog.cardinality(%(r_message_id)s::bigint[]))::int"""

# A save of one message that is nothing out of the ordinary, as `append_columns` finds out: the function does it in a
# quarter of the time that planning the statement takes.
APPEND_MESSAGE = """
SELECT {schema}.append_message(%(session_id)s, %(agent_id)s, %(version)s, %(next_id)s, %(message)s::json,
  %(created_at)s, %(ttl)s), pg_backend_pid()"""

# The same without the function, which is faster still where it is prepared. It answers with how many rows it wrote.
_NEXT = f"UPDATE {{schema}}.agents SET next_id = %(next_id)s + 1 WHERE {_UNCHANGED} RETURNING 1"
_INSERT_ORDINARY = f"""{_INSERT} %(next_id)s::bigint, %(message)s::json, NULL, NULL, NULL, %(created_at)s::timestamptz,
  NULL, %(created_at)s::timestamptz FROM written"""
APPEND = f"WITH written AS ({_NEXT}) {_INSERT_ORDINARY}"
APPEND_AND_EXTEND = f"WITH written AS ({_NEXT}), {_EXTEND} {_INSERT_ORDINARY}"

# The same of several agents at once.
APPEND_MESSAGES = """
SELECT i.place, {schema}.append_message(i.session_id, i.agent_id, i.version, i.next_id, i.message, i.created_at, i.ttl)
FROM unnest(%(place)s::bigint[], %(session_id)s::text[], %(agent_id)s::text[], %(version)s::text[],
  %(next_id)s::bigint[], %(message)b::text[]::json[], %(created_at)s::timestamptz[], %(ttl)s::float8[])
  AS i(place, session_id, agent_id, version, next_id, message, created_at, ttl)"""
APPENDED = ("place", "session_id", "agent_id", "version", "next_id", "message", "created_at", "ttl")


def save(batch: Batch, *, expires: bool) -> str:
    """Return the statement that writes a batch, without what this one does not need: its text travels each time.

    Args:
        batch: What to write.
        expires: Whether the session has a `ttl`.
    """
    if batch.version is None:
        written = _INSERT_AGENT
    else:
        changed = "version = %(new_version)s" if batch.agent is None else _SET_AGENT
        written = f"UPDATE {{schema}}.agents SET next_id = %(after)s, {changed} WHERE {_UNCHANGED} RETURNING 1"
    steps, answer = [f"written AS ({written})"], "count(*)"
    if expires:
        steps.append(_EXTEND)
    if batch.create:
        steps.append(f"added AS ({_INSERT_MESSAGE if len(batch.create) == 1 else _INSERT_MESSAGES})")
    if batch.update:
        steps.append(f"replaced AS ({_REPLACE_MESSAGES})")
        answer += f", {_ALL_REPLACED}"
    return f"WITH {', '.join(steps)} SELECT {answer} FROM written"


# The single methods: they replace whatever is there, and give the agent a new version.
UPDATE_AGENT = f"""
WITH written AS (
  UPDATE {{schema}}.agents SET {_SET_AGENT}
  WHERE {_AGENT} AND EXISTS (SELECT FROM {{schema}}.sessions s WHERE s.session_id = %(session_id)s AND {ALIVE})
  RETURNING 1
), {_EXTEND_IF_TTL}
SELECT count(*) FROM written"""

READ_AGENT = f"""
SELECT coalesce(a.state::text, a.state_raw),
  coalesce(a.conversation_manager_state::text, a.conversation_manager_state_raw),
  coalesce(a.internal_state::text, a.internal_state_raw),
  {_AGENT_TIMES}
FROM {{schema}}.agents a JOIN {{schema}}.sessions s USING (session_id) WHERE {_AGENT} AND {ALIVE}"""

LIST_AGENTS = f"""
SELECT agent_id FROM {{schema}}.agents JOIN {{schema}}.sessions s USING (session_id)
WHERE session_id = %(session_id)s AND {ALIVE} ORDER BY agent_id"""

CREATE_MESSAGE = f"""
WITH written AS (
  SELECT 1 FROM {{schema}}.agents a JOIN {{schema}}.sessions s USING (session_id) WHERE {_AGENT} AND {ALIVE}
  FOR NO KEY UPDATE OF a
), added AS (
  {_INSERT_MESSAGE} ON CONFLICT DO NOTHING RETURNING message_id
), counted AS (
  UPDATE {{schema}}.agents SET next_id = greatest(next_id, added.message_id + 1) FROM added WHERE {_AGENT}
), {_EXTEND_IF_TTL}
SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM added)"""

UPDATE_MESSAGE = f"""
WITH written AS (
  UPDATE {{schema}}.messages m
  SET (message, message_raw, redact_message, redact_message_raw, updated_at, updated_at_raw)
    = ({_CONTENT}, {_UPDATED})
  WHERE {_AGENT} AND message_id = %(message_id)s
    AND EXISTS (SELECT FROM {{schema}}.sessions s WHERE s.session_id = %(session_id)s AND {ALIVE})
  RETURNING 1
), noticed AS (
  UPDATE {{schema}}.agents SET version = %(new_version)s WHERE {_AGENT} AND EXISTS (SELECT FROM written)
), {_EXTEND_IF_TTL}
SELECT count(*) FROM written"""

_MESSAGE = f"""m.message_id, coalesce(m.message::text, m.message_raw),
  pg_catalog.num_nonnulls(m.redact_message, m.redact_message_raw) > 0, {_MESSAGE_TIMES}"""

LIST_MESSAGES = f"""
SELECT {_MESSAGE} FROM {{schema}}.messages m JOIN {{schema}}.sessions s USING (session_id)
WHERE {_AGENT} AND message_id >= %(first)s AND {ALIVE} ORDER BY message_id LIMIT %(limit)s OFFSET %(offset)s"""

# The messages of each run by the index: OFFSET 0 keeps the planner from reading all, and looking for their runs then.
_RUNS = f"""pg_catalog.unnest(a.restores) AS run CROSS JOIN LATERAL (
    SELECT * FROM {{schema}}.messages WHERE {_AGENT} AND message_id >= pg_catalog.lower(run)
      AND message_id < coalesce(pg_catalog.upper(run), 9223372036854775807) OFFSET 0
  ) AS m"""
# The agent comes as if it were message -1, with the rest of it behind. The rows come in any order: to sort them takes
# the server longer than it takes who reads them. Only an agent of the SDK's own manager leaves out its first messages.
RESTORE = f"""
WITH a AS (
  SELECT a.*, CASE WHEN restores_after > 0 THEN (
    SELECT message_id FROM {_RUNS} ORDER BY message_id OFFSET restores_after LIMIT 1
  ) ELSE 0 END AS first
  FROM {{schema}}.agents a JOIN {{schema}}.sessions s USING (session_id) WHERE {_AGENT} AND {ALIVE}
)
SELECT -1::bigint, coalesce(state::text, state_raw), NULL::boolean, {_AGENT_TIMES},
  coalesce(conversation_manager_state::text, conversation_manager_state_raw),
  coalesce(internal_state::text, internal_state_raw), version, next_id FROM a
UNION ALL
SELECT {_MESSAGE}, NULL, NULL, NULL, NULL FROM a, {_RUNS} WHERE m.message_id >= a.first"""

# Why a save did not take place: the version of the agent, and the first id after all messages.
EXPLAIN = f"""
SELECT version, next_id
FROM {{schema}}.agents JOIN {{schema}}.sessions s USING (session_id) WHERE {_AGENT} AND {ALIVE}"""

CREATE_MULTI_AGENT = f"""
WITH written AS (
  INSERT INTO {{schema}}.multi_agents
  SELECT s.session_id, %(multi_agent_id)s, %(state)s::json, %(state_raw)s
  FROM {{schema}}.sessions s WHERE s.session_id = %(session_id)s AND {ALIVE}
  ON CONFLICT DO NOTHING RETURNING 1
), {_EXTEND_IF_TTL}
SELECT (SELECT count(*) FROM written),
  (SELECT count(*) FROM {{schema}}.sessions s WHERE s.session_id = %(session_id)s AND {ALIVE})"""

READ_MULTI_AGENT = f"""
SELECT coalesce(state::text, state_raw) FROM {{schema}}.multi_agents JOIN {{schema}}.sessions s USING (session_id)
WHERE session_id = %(session_id)s AND multi_agent_id = %(multi_agent_id)s AND {ALIVE}"""

UPDATE_MULTI_AGENT = f"""
WITH written AS (
  UPDATE {{schema}}.multi_agents SET state = %(state)s::json, state_raw = %(state_raw)s
  WHERE session_id = %(session_id)s AND multi_agent_id = %(multi_agent_id)s
    AND EXISTS (SELECT FROM {{schema}}.sessions s WHERE s.session_id = %(session_id)s AND {ALIVE})
  RETURNING 1
), {_EXTEND_IF_TTL}
SELECT count(*) FROM written"""

# Storage
WRITE_OBJECT = """
INSERT INTO {schema}.objects AS o (key, data) VALUES (%(key)s, %(data)s)
ON CONFLICT (key) DO UPDATE SET data = excluded.data, updated_at = now() RETURNING 1"""
READ_OBJECT = "SELECT data FROM {schema}.objects WHERE key = %(key)s"
DELETE_OBJECT = "DELETE FROM {schema}.objects WHERE key = %(key)s RETURNING 1"
LIST_OBJECTS = """
SELECT key FROM {schema}.objects WHERE key >= %(first)s AND (%(end)s::text IS NULL OR key < %(end)s) ORDER BY key"""
# A key counts with its words, without the ending of its last segment and without the namespace.
SEARCH_OBJECTS = """
WITH asked AS (SELECT replace(plainto_tsquery(%(words)s)::text, '&', '|')::tsquery AS query),
ranked AS (
  SELECT key, ts_rank(words, query)::float8 AS score
  FROM asked, {schema}.objects o, LATERAL (SELECT {schema}.object_words(
      translate(regexp_replace(substr(o.key, %(start)s), '[.][^./]*$', ''), '/._-', '    '), o.data) AS words) AS w
  WHERE key >= %(first)s AND (%(end)s::text IS NULL OR key < %(end)s) AND words @@ query
)
SELECT key, score, data FROM ranked JOIN {schema}.objects USING (key) ORDER BY score DESC, key"""
