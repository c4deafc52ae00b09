"""Mistakes that take a server: expiry, round trips, keys, and scripts that are not all or nothing."""

from __future__ import annotations

from typing import Any

from doubles import Code, Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"
FIELDS_EXPIRE = """if ARGV[1] ~= '' then redis.call('HPEXPIRE', KEYS[1], ARGV[1], 'FIELDS', 1, field) end
keep_alive()
"""


def read_one_by_one(code: Code) -> None:
    """List the ids first, then fetch message by message."""
    list_messages = code.get(f"{REPOSITORY}.list_messages")

    def one_by_one(self: Any, session_id: str, agent_id: str, *page: Any, **more: Any) -> list[Any]:
        listed = list_messages(self, session_id, agent_id, *page, **more)
        return [self.read_message(session_id, agent_id, one.message_id) for one in listed]

    code.set(f"{REPOSITORY}.list_messages", one_by_one)


def fetch_all(code: Code) -> None:
    """Fetch all messages, and drop what is not asked for."""
    list_messages = code.get(f"{REPOSITORY}.list_messages")

    def slice_all(
        self: Any, session_id: str, agent_id: str, limit: int | None = None, offset: int = 0, **more: Any
    ) -> list[Any]:
        listed: list[Any] = list_messages(self, session_id, agent_id)
        return listed[offset:] if limit is None else listed[offset : offset + limit]

    code.set(f"{REPOSITORY}.list_messages", slice_all)


def restore_in_pieces(code: Code) -> None:
    """Look for the agent first."""
    read_log = code.get(f"{REPOSITORY}.read_log")
    code.set(f"{REPOSITORY}.read_log", lambda self, *ids: self.read_agent(*ids) and read_log(self, *ids))


MISTAKES = [
    Mistake(
        "each record expires by itself",
        ["Expiry.test_writes_put_expiry_off"],
        "the first message expired",
        [Edit("scripts.APPEND", "keep_alive()\nreturn 'done'", f"{FIELDS_EXPIRE}return 'done'")],
    ),
    Mistake(
        "the expiry is set when a session is created, and never put off by a message",
        ["Expiry.test_writes_put_expiry_off"],
        "in spite of create_message the session expired",
        [Edit("scripts.APPEND", "keep_alive()\nreturn 'done'", "return 'done'")],
    ),
    Mistake(
        "a save by the manager does not put the expiry off",
        ["Expiry.test_writes_put_expiry_off"],
        "in spite of write_log the session expired",
        [Edit("scripts.SAVE", "keep_alive()\nreturn 'done'", "return 'done'")],
    ),
    Mistake(
        "reads put the expiry off, though nobody asked for that",
        ["Expiry.test_reads_do_not_put_expiry_off"],
        "these methods put the expiry off",
        [Edit(f"{REPOSITORY}.__init__", 'self._ttl if ttl_on_read else ""', "self._ttl")],
    ),
    Mistake(
        "ttl_on_read is accepted, and does nothing",
        ["Expiry.test_reads_put_expiry_off"],
        "these methods did not put it off",
        [Edit(f"{REPOSITORY}.__init__", 'self._ttl if ttl_on_read else ""', '""')],
    ),
    # What it costs.
    Mistake(
        "messages are fetched one by one",
        ["Order.test_commands_of_a_listing", "Cost.test_list_and_delete"],
        "<=",
        [read_one_by_one],
    ),
    Mistake(
        "all messages are fetched, and most of them dropped",
        ["Cost.test_listing_fetches_what_it_returns"],
        "<=",
        [fetch_all],
    ),
    Mistake(
        "a restore reads the agent first, and its messages then",
        ["Cost.test_restore"],
        "3 <= 2",
        [restore_in_pieces],
    ),
    Mistake(
        "a restore fetches all messages that there ever were",
        ["Cost.test_restore_fetches_the_window"],
        "<=",
        [Edit("fields.window_of", 'return ",".join', 'return "0-"\n    return ",".join')],
    ),
    Mistake(
        "the agent record is written with every message",
        ["Cost.test_unchanged_state"],
        "< 10000",
        [Edit("_log.AgentLog._capture_head", "and layout == implied", "and next_id == known.next_id")],
    ),
    Mistake(
        "an unchanged agent is written all the same",
        ["Cost.test_turn"],
        "a turn of two messages",
        [Edit("_log.AgentLog._capture_head", "and same_state and layout == implied", "and False")],
    ),
    Mistake(
        "a session is looked for before it is created",
        ["Cost.test_new_session"],
        "3 <= 2",
        [
            Edit(
                f"{REPOSITORY}.create_session",
                "record = encode(session, name)",
                "record = encode(session, name)\n    if self.read_session(session.session_id):\n"
                "        raise scripts.SessionConflictError(name)",
            )
        ],
    ),
    Mistake(
        "every manager opens a connection of its own",
        ["Cost.test_many_managers"],
        "<= 32",
        [
            Edit(
                "_sharing.SharedConnection.__init__",
                "self._key, self._connect",
                "key = object()\n    self._key, self._connect",
            )
        ],
    ),
    # Keys, and what a script leaves behind.
    Mistake(
        "ids are joined with a separator that may occur in them",
        ["Identifiers.test_similar_agents"],
        "the id is taken",
        [lambda code: code.set("fields._ESCAPES", {})],
    ),
    Mistake(
        "the prefix of an application is left out of its keys",
        ["Identifiers.test_two_applications"],
        "is None",
        [Edit(f"{REPOSITORY}._key", "{self._prefix}", "session")],
    ),
    Mistake(
        "an id goes into the pattern of a SCAN as it is",
        ["Identifiers.test_list_by_hostile_prefix"],
        "prefix ",
        [lambda code: code.set("repository._GLOB", {})],
    ),
    Mistake(
        "only the first page of a SCAN is listed",
        ["Identifiers.test_list_while_sessions_come_and_go"],
        "a session that stayed was not listed",
        [
            Edit(
                f"{REPOSITORY}._scan",
                "yield decode_session(record, session_id)",
                "yield decode_session(record, session_id)\n        return",
            )
        ],
    ),
    Mistake(
        "the next id moves before it is known whether the batch can be written",
        ["Batches.test_all_or_nothing"],
        "==",
        [
            Edit(
                "scripts.SAVE",
                "for i = 9 + count, #ARGV, 2 do\n  if",
                "redis.call('HSET', KEYS[1], agent .. ':next', string.format('%.0f', first + count))\n"
                "for i = 9 + count, #ARGV, 2 do\n  if",
            )
        ],
    ),
    Mistake(
        "a script does not look whether the agent was changed by another writer",
        ["Survival.test_second_writer", "Batches.test_all_or_nothing"],
        "DID NOT RAISE",
        [Edit("scripts.SAVE", "if (stored or '') ~= version then", "if not stored and version ~= '' then")],
    ),
    Mistake(
        "a script does not look whether the id is taken",
        ["Concurrency.test_message_is_created_once"],
        "'success' != 'conflict'",
        [Edit("scripts.APPEND", "if stored and stored ~= text then", "if false then")],
    ),
    Mistake(
        "a message is written into a session that is gone, as the first field of a new hash",
        ["SurvivalOfRecords.test_deleted_session"],
        "DID NOT RAISE",
        [Edit("scripts.APPEND", "if not next then return 'absent' end", "next = next or 0")],
    ),
    Mistake(
        "ids are written as Lua writes large numbers",
        ["Order.test_largest_message_id"],
        "9.007199254741e+15",
        [Edit("scripts.LIST", "string.format('%.0f', id)", "tostring(id)")],
    ),
]
