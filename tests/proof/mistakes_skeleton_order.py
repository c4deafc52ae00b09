"""Mistakes about order, ids and deletion."""

from __future__ import annotations

from typing import Any

from doubles import Code, Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"


def newest_first(code: Code) -> None:
    """Let a limit take the newest messages, in their order."""
    code.edit("repository._MESSAGES", "ORDER BY message_id", "ORDER BY message_id DESC")
    list_messages = code.get(f"{REPOSITORY}.list_messages")
    code.set(f"{REPOSITORY}.list_messages", lambda *args, **kwargs: list_messages(*args, **kwargs)[::-1])


def first_page_only(code: Code) -> None:
    """Delete messages by a page, of which there may be more."""
    code.edit("connection.Database._open", "foreign_keys = ON", "foreign_keys = OFF")
    delete_session = code.get(f"{REPOSITORY}.delete_session")
    page = "SELECT rowid FROM messages WHERE session_id = ? LIMIT 1000"

    def delete(self: Any, session_id: str) -> None:
        delete_session(self, session_id)
        with self._database.get().write(session_id, erase=True) as sql:
            sql.execute("DELETE FROM agents WHERE session_id = ?", (session_id,))
            sql.execute(f"DELETE FROM messages WHERE rowid IN ({page})", (session_id,))

    code.set(f"{REPOSITORY}.delete_session", delete)


def all_but_graphs(code: Code) -> None:
    """Delete all kinds of record but one."""
    code.edit("connection.Database._open", "foreign_keys = ON", "foreign_keys = OFF")
    code.edit(
        f"{REPOSITORY}.delete_session",
        "if not sql",
        "for table in ('agents', 'messages'):\n"
        "            sql.execute(f'DELETE FROM {table} WHERE session_id = ?', (session_id,))\n        if not sql",
    )


MISTAKES = [
    Mistake(
        "message ids are sorted as text",
        ["Order.test_numeric_order"],
        "At index 2 diff: 10 != 2",
        [Edit("repository._MESSAGES", "ORDER BY message_id", "ORDER BY CAST(message_id AS TEXT)")],
    ),
    Mistake(
        "messages are listed in the order in which they were written",
        ["Order.test_numeric_order"],
        "At index 0 diff: 1000 != 0",
        [Edit("repository._MESSAGES", "ORDER BY message_id", "ORDER BY rowid")],
    ),
    Mistake(
        "messages are listed by time",
        ["Order.test_order_ignores_time"],
        "== [0, 1, 2, 3]",
        [Edit("repository._MESSAGES", "ORDER BY message_id", "ORDER BY json_extract(record, '$.created_at')")],
    ),
    Mistake(
        "a limit of 0 means all",
        ["Order.test_limit_and_offset"],
        "limit=0, offset=0",
        [Edit(f"{REPOSITORY}.list_messages", 'check_count(limit, "limit")', 'check_count(limit, "limit") or None')],
    ),
    Mistake(
        "the limit is applied before the offset",
        ["Order.test_limit_and_offset"],
        "limit=1, offset=1",
        [
            Edit(
                f"{REPOSITORY}.list_messages",
                'check_count(limit, "limit"), check_count(offset, "offset")',
                "None if limit is None else max(0, limit - offset), offset",
            )
        ],
    ),
    Mistake(
        "an offset is taken for an id",
        ["Order.test_offset_counts_messages"],
        "== [5, 8]",
        [
            Edit(
                f"{REPOSITORY}.list_messages",
                "(session_id, agent_id, 0, *page)",
                "(session_id, agent_id, offset, limit, 0)",
            )
        ],
    ),
    Mistake(
        "the first page is taken for all messages",
        ["Order.test_many_messages"],
        "== [0, 1, 2",
        [Edit("repository._MESSAGES", "ifnull(?, -1)", "ifnull(?, 1000)")],
    ),
    Mistake(
        "a limit gives the newest messages",
        ["Order.test_limit_gives_the_oldest"],
        "[3, 4] == [0, 1]",
        [newest_first],
    ),
    Mistake(
        "the messages of other agents are listed and counted, too",
        [
            "Order.test_only_messages_count",
            "Identifiers.test_agents_are_independent",
            "Order.test_unknown_agent_has_no_messages",
        ],
        "==",
        [Edit("repository._MESSAGES", "agent_id = ?", "? != ''")],
    ),
    # Ids.
    Mistake(
        "deletion takes an id for a prefix",
        ["Identifiers.test_deletion_among_similar_sessions", "SurvivalOfRecords.test_deletion_reaches_no_further"],
        "== [",
        [Edit(f"{REPOSITORY}.delete_session", "WHERE session_id = ?", "WHERE substr(session_id, 1, length(?1)) = ?1")],
    ),
    Mistake(
        "deletion takes an id for a pattern",
        ["SurvivalOfRecords.test_deletion_reaches_no_further"],
        "== [",
        [Edit(f"{REPOSITORY}.delete_session", "WHERE session_id = ?", "WHERE session_id GLOB ?")],
    ),
    Mistake(
        "ids are compared without regard to case",
        ["Identifiers.test_similar_sessions"],
        "== [",
        [Edit("repository._MESSAGES", "session_id = ?", "session_id = ? COLLATE NOCASE")],
    ),
    Mistake(
        "ids are compared by LIKE",
        ["Identifiers.test_similar_agents"],
        "== [",
        [Edit("repository._MESSAGES", "agent_id = ?", "agent_id LIKE ?")],
    ),
    Mistake(
        "ids are trimmed",
        ["Identifiers.test_similar_sessions"],
        "exists already",
        [
            Edit(
                f"{REPOSITORY}.create_session",
                "(session.session_id, text)",
                "(session.session_id.strip(), text)",
            )
        ],
    ),
    Mistake(
        "ids are normalised",
        ["Identifiers.test_similar_agents"],
        "the agent exists already",
        [
            Edit(
                f"{REPOSITORY}.create_agent",
                "row = (session_id, session_agent.agent_id,",
                "import unicodedata\n    row = (session_id, unicodedata.normalize('NFC', session_agent.agent_id),",
            )
        ],
    ),
    Mistake(
        "a path is accepted as an id",
        ["Identifiers.test_malformed_session_id", "IdentifiersOfAgents.test_malformed_id_in_manager"],
        "DID NOT RAISE",
        [
            Edit(
                "_records._name_problem",
                "_FORBIDDEN.search(value)",
                r're.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", value)',
            )
        ],
    ),
    Mistake(
        "an empty id is accepted",
        ["Identifiers.test_malformed_session_id", "Identifiers.test_malformed_agent_id"],
        "DID NOT RAISE",
        [Edit("_records._name_problem", 'not value.strip() or value in (".", "..")', "False")],
    ),
    Mistake(
        "control characters are accepted in ids",
        ["Identifiers.test_malformed_session_id", "Identifiers.test_malformed_multi_agent_id"],
        "DID NOT RAISE",
        [Edit("_records._name_problem", "_FORBIDDEN.search(value)", r're.search(r"[/\\]", value)')],
    ),
    Mistake(
        "delete_session does not check its id",
        ["Identifiers.test_malformed_id_deletes_nothing"],
        "SessionNotFoundError",
        [Edit(f"{REPOSITORY}.delete_session", "name = check_ids(session_id=session_id)", 'name = "it"')],
    ),
    Mistake(
        "list_messages does not check its ids",
        ["Identifiers.test_malformed_agent_id", "Identifiers.test_malformed_session_id_of_records"],
        "DID NOT RAISE",
        [
            Edit(
                f"{REPOSITORY}.list_messages",
                "name = check_ids(session_id=session_id, agent_id=agent_id)",
                'name = "it"',
            )
        ],
    ),
    Mistake(
        "a message id is accepted as text",
        ["Identifiers.test_malformed_message_id"],
        "another message has this id",
        [
            Edit(
                "_records._position_problem",
                "isinstance(value, int) and _is_whole(value) and 0 <= value < 2**53",
                "str(value).isdigit()",
            )
        ],
    ),
    Mistake(
        "ids may have 255 bytes only",
        ["Identifiers.test_longest_id"],
        "must be at most 255 bytes",
        [lambda code: code.set("_records.MAX_ID_BYTES", 255)],
    ),
    Mistake(
        "the length of ids is counted in characters",
        ["Identifiers.test_longest_id"],
        "DID NOT RAISE",
        [Edit("_records._name_problem", "len(value.encode())", "len(value)")],
    ),
    Mistake(
        "an id becomes part of a query's text",
        ["Identifiers.test_odd_ids"],
        "You can only execute one statement at a time",
        [
            Edit(
                f"{REPOSITORY}.read_session",
                '"SELECT record FROM sessions WHERE session_id = ?", (session_id,)',
                "f\"SELECT record FROM sessions WHERE session_id = '{session_id}'\"",
            )
        ],
    ),
    Mistake(
        "an update of an agent reaches its namesakes in other sessions",
        ["Identifiers.test_same_agent_id_in_two_sessions"],
        "changed",
        [Edit("repository._REPLACE_AGENT", "session_id = ?", "? != ''")],
    ),
    Mistake(
        "a prefix of ids is taken for a pattern",
        ["Identifiers.test_list_by_hostile_prefix"],
        "prefix ",
        [
            Edit(
                f"{REPOSITORY}._pages",
                "if not session_id.startswith(prefix):",
                "import fnmatch\n            if not fnmatch.fnmatch(session_id, f'{prefix}*'):",
            )
        ],
    ),
    Mistake(
        "sessions are paged by number, which slips when one is deleted",
        ["Identifiers.test_list_while_sessions_come_and_go"],
        "a session",
        [
            Edit(
                f"{REPOSITORY}._pages",
                "session_id > ? ORDER BY session_id LIMIT ?",
                "? != '' ORDER BY session_id LIMIT ? OFFSET ?",
            ),
            Edit(
                f"{REPOSITORY}._pages",
                'session_id, rows = "", [("", "")]',
                'session_id, rows, done = "", [("", "")], 0',
            ),
            Edit(
                f"{REPOSITORY}._pages",
                "(prefix, session_id, page_size)).fetchall()",
                "(prefix, 'x', page_size, done)).fetchall()\n            done += page_size",
            ),
        ],
    ),
    # Deletion.
    Mistake(
        "deletion leaves agents and messages behind",
        ["Deletion.test_nothing_is_left"],
        "SessionAgent(agent_id='one'",
        [Edit("connection.Database._open", "foreign_keys = ON", "foreign_keys = OFF")],
    ),
    Mistake(
        "deletion leaves graphs and swarms behind",
        ["MultiAgents.test_no_orchestrator_is_left"],
        "is None",
        [all_but_graphs],
    ),
    Mistake(
        "deletion stops after the first page of messages",
        ["Deletion.test_many_messages"],
        "== []",
        [first_page_only],
    ),
    Mistake(
        "deletion of a session that does not exist passes",
        ["Deletion.test_missing_session"],
        "DID NOT RAISE",
        [
            Edit(
                f"{REPOSITORY}.delete_session",
                'raise SessionNotFoundError(f"{name} | the session does not exist")',
                "pass",
            )
        ],
    ),
    Mistake(
        "records of a session that is gone are accepted",
        ["SurvivalOfRecords.test_message_without_agent"],
        "DID NOT RAISE",
        [Edit("connection.Database._open", "foreign_keys = ON", "foreign_keys = OFF")],
    ),
]
