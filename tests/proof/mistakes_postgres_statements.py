"""Mistakes in SQL: each removes or changes a clause of a statement, and with it a promise."""

from __future__ import annotations

from doubles import Body, Edit, Mistake

ALIVE = "(s.expires_at > now()) IS NOT FALSE"
OF_AGENT = "WHERE session_id = %(session_id)s AND agent_id = %(agent_id)s"
FROM_RUN = "message_id >= pg_catalog.lower(run)\n      AND message_id <"
REST_OF_RESTORE = """coalesce(pg_catalog.upper(run), 9223372036854775807) OFFSET 0
  ) AS m WHERE m.message_id >= a.first"""
WITHOUT_FUNCTION = Edit("repository.CorrectSessionRepository._write_batch", "append_columns(batch)", "None")
PREPARED = ("APPEND", "APPEND_AND_EXTEND")  # what the function does, as statements: they have the same mistake

MISTAKES = [
    # Sessions
    Mistake(
        "a session is inserted over the one that is there",
        ["Lifecycle.test_second_session_is_refused"],
        "DID NOT RAISE",
        [
            Edit(
                "statements.CREATE_SESSION",
                "ON CONFLICT DO NOTHING",
                "ON CONFLICT (session_id) DO UPDATE SET updated_at = now()",
            )
        ],
    ),
    Mistake(
        "an expired session stays in the way of a new one",
        ["Expiry.test_expired_session"],
        "SessionConflictError",
        [Edit("statements.CREATE_SESSION", "AND expires_at <= now()", "AND false")],
    ),
    Mistake(
        "a session is deleted with all whose ids begin like its own",
        ["SurvivalOfRecords.test_deletion_reaches_no_further", "Identifiers.test_deletion_among_similar_sessions"],
        "does not exist",
        [
            Edit(
                "statements.DELETE_SESSION",
                f"s.session_id = %(session_id)s RETURNING {ALIVE}",
                "starts_with(s.session_id, %(session_id)s) RETURNING true",
            )
        ],
    ),
    Mistake(
        "sessions are listed by a pattern",
        ["Identifiers.test_list_by_hostile_prefix"],
        "prefix ",
        [
            Edit(
                "statements.LIST_SESSIONS",
                "s.session_id >= %(prefix)s AND s.session_id > %(after)s AND starts_with(s.session_id, %(prefix)s)",
                "s.session_id > %(after)s AND s.session_id LIKE %(prefix)s || '%%'",
            )
        ],
    ),
    # A save of one message
    Mistake(
        "one more message is appended whoever changed the agent meanwhile",
        ["Survival.test_second_writer"],
        "DID NOT RAISE",
        [
            Body("append_message", " AND version = $3", ""),
            *(Edit(f"statements.{name}", " AND version = %(version)s", "") for name in PREPARED),
        ],
    ),
    Mistake(
        "one more message is appended behind a gap",
        ["Batches.test_store_that_fell_back"],
        "DID NOT RAISE",
        [
            Body("append_message", "next_id = $4 AND", "next_id <= $4 AND"),
            *(
                Edit(f"statements.{name}", "next_id = %(next_id)s AND", "next_id <= %(next_id)s AND")
                for name in PREPARED
            ),
        ],
    ),
    Mistake(
        "one more message moves the next id of all agents on",
        ["Batches.test_logs_are_independent"],
        "SessionConflictError",
        [
            Body("append_message", " AND agent_id = $2", ""),
            *(Edit(f"statements.{name}", " AND agent_id = %(agent_id)s AND", " AND") for name in PREPARED),
        ],
    ),
    Mistake(
        "one more message is appended to an expired session",
        ["Expiry.test_expired_under_an_agent"],
        "DID NOT RAISE",
        [
            Body("append_message", "(s.expires_at > now()) IS NOT FALSE", "true"),
            *(Edit(f"statements.{name}", "(s.expires_at > now()) IS NOT FALSE", "true") for name in PREPARED),
        ],
    ),
    Mistake(
        "one more message does not put the end of its session off",
        ["Expiry.test_writes_put_expiry_off"],
        "in spite of",
        [
            Body("append_message", "$7 IS NOT NULL", "false"),
            Edit("statements.APPEND_AND_EXTEND", "SET expires_at = now() + %(ttl)s", "SET expires_at = expires_at + 0"),
        ],
    ),
    Mistake(
        "that one more message was not written is not noticed",
        ["Survival.test_two_writers_of_messages"],
        "DID NOT RAISE",
        [
            Body("append_message", "RETURN 0", "RETURN 1"),
            Edit("connection.execute_often", ".rowcount", ".rowcount or 1"),
        ],
    ),
    # A save
    Mistake(
        "a statement does not look whether the agent was changed by another writer",
        ["Batches.test_all_or_nothing", "Survival.test_second_writer"],
        "DID NOT RAISE",
        [Edit("statements._UNCHANGED", " AND version = %(version)s", "")],
    ),
    Mistake(
        "that no id is taken is left to the primary key",
        ["Batches.test_message_of_another_writer"],
        "DID NOT RAISE",
        [Edit("statements._UNCHANGED", " AND next_id = %(next_id)s", "")],
    ),
    Mistake(
        "a statement appends behind a gap",
        ["Batches.test_store_that_fell_back"],
        "DID NOT RAISE",
        [Edit("statements._UNCHANGED", "next_id = %(next_id)s", "next_id <= %(next_id)s")],
    ),
    Mistake(
        "the next id of all agents moves on with one",
        ["Batches.test_logs_are_independent"],
        "SessionConflictError",
        [
            Edit(
                "statements.CREATE_MESSAGE",
                "FROM added WHERE session_id = %(session_id)s AND agent_id = %(agent_id)s",
                "FROM added",
            )
        ],
    ),
    Mistake(
        "a single message takes an id that the next save does not know to be taken",
        ["Batches.test_all_or_nothing"],
        "SessionConflictError",
        [Edit("statements.CREATE_MESSAGE", "greatest(next_id, added.message_id + 1)", "next_id")],
    ),
    Mistake(
        "a single message with an earlier id takes the next id back",
        ["Batches.test_batch_behind_single_messages"],
        "4 == 8",
        [Edit("statements.CREATE_MESSAGE", "greatest(next_id, added.message_id + 1)", "added.message_id + 1")],
    ),
    Mistake(
        "messages are inserted whether or not the rest takes place",
        ["Batches.test_all_or_nothing"],
        "==",
        [Edit("statements._INSERT_MESSAGES", "FROM written, unnest", "FROM unnest")],
    ),
    Mistake(
        "a single message is inserted whether or not the rest takes place",
        ["Batches.test_store_that_fell_back"],
        "DID NOT RAISE",
        [Edit("statements._INSERT_MESSAGE", " FROM written", "")],
    ),
    Mistake(
        "messages are replaced whether or not the rest takes place",
        ["Batches.test_message_of_another_writer", "Batches.test_store_that_fell_back"],
        "==",
        [Edit("statements._REPLACE_MESSAGES", "FROM written, unnest", "FROM unnest")],
    ),
    Mistake(
        "nobody counts how many messages were replaced",
        ["Batches.test_all_or_nothing"],
        "DID NOT RAISE",
        [Edit("statements._ALL_REPLACED", "(count(*) = 0", "(true")],
    ),
    Mistake(
        "the messages of all agents are replaced",
        ["Batches.test_logs_are_independent"],
        "SessionNotFoundError",
        [Edit("statements._REPLACE_MESSAGES", " AND m.agent_id = %(agent_id)s", "")],
    ),
    # Single methods
    Mistake(
        "a message is inserted over the one that is there",
        ["Lifecycle.test_second_message_is_refused"],
        "DID NOT RAISE",
        [
            Edit(
                "statements.CREATE_MESSAGE",
                "ON CONFLICT DO NOTHING",
                "ON CONFLICT (session_id, agent_id, message_id) DO UPDATE SET message = excluded.message",
            )
        ],
    ),
    Mistake(
        "an update replaces all messages of the agent",
        ["RedactionOfRecords.test_earlier_message"],
        "[redacted]",
        [Edit("statements.UPDATE_MESSAGE", " AND message_id = %(message_id)s", "")],
    ),
    Mistake(
        "an update of a message leaves the agent's version as it was",
        ["Batches.test_version_of_single_methods"],
        "DID NOT RAISE",
        [Edit("statements.UPDATE_MESSAGE", "SET version = %(new_version)s", "SET version = version")],
    ),
    Mistake(
        "an update replaces the message, and not what stands for it when it is redacted",
        ["RedactionOfRecords.test_redacted_message_is_read"],
        "redact",
        [
            Edit(
                "statements.UPDATE_MESSAGE",
                "(message, message_raw, redact_message, redact_message_raw, updated_at, updated_at_raw)\n"
                "    = (%(message)s::json, %(message_raw)s::text, %(redacted)s::json, %(redacted_raw)s::text, ",
                "(message, message_raw, updated_at, updated_at_raw) = (%(message)s::json, %(message_raw)s::text, ",
            )
        ],
    ),
    # Reading
    Mistake(
        "messages are listed by when they were created",
        ["Order.test_order_ignores_time"],
        "==",
        [Edit("statements.LIST_MESSAGES", "ORDER BY message_id", "ORDER BY m.created_at")],
    ),
    Mistake(
        "messages are listed from the id that the offset says",
        ["Order.test_offset_counts_messages"],
        "==",
        [
            Edit(
                "statements.LIST_MESSAGES",
                "message_id >= %(first)s",
                "message_id >= %(first)s + coalesce(%(offset)s::bigint, 0)",
            ),
            Edit("statements.LIST_MESSAGES", " OFFSET %(offset)s", ""),
        ],
    ),
    Mistake(
        "a restore includes the end of each range",
        ["Batches.test_log_is_what_a_restore_needs"],
        "==",
        [Edit("statements.RESTORE", f"AND message_id < {REST_OF_RESTORE}", f"AND message_id <= {REST_OF_RESTORE}")],
    ),
    Mistake(
        "a restore takes the messages of all agents",
        ["Batches.test_logs_are_independent"],
        "==",
        [
            Edit(
                "statements.RESTORE",
                f" AND agent_id = %(agent_id)s AND {FROM_RUN} {REST_OF_RESTORE}",
                f" AND {FROM_RUN} {REST_OF_RESTORE}",
            )
        ],
    ),
    Mistake(
        "a restore leaves out as many messages as it should, and not the oldest",
        ["Interoperability.test_stock_manager_and_window"],
        "agent['messages']",
        [Edit("statements.RESTORE", "ORDER BY message_id OFFSET", "ORDER BY message_id DESC OFFSET")],
    ),
    Mistake(
        "a save goes to every agent that has the version",
        ["Batches.test_logs_are_independent"],
        "SessionConflictError",
        [
            Edit(
                "statements._UNCHANGED",
                "session_id = %(session_id)s AND agent_id = %(agent_id)s AND version",
                "version",
            )
        ],
    ),
    Mistake(
        "an expired session can be written to",
        ["Expiry.test_expired_under_an_agent"],
        "DID NOT RAISE",
        [WITHOUT_FUNCTION, Edit("statements._UNCHANGED", f" AND {ALIVE}", "")],
    ),
    Mistake(
        "an agent can be created in an expired session",
        ["Expiry.test_expired_session"],
        "DID NOT RAISE",
        [Edit("statements._INSERT_AGENT", f" AND {ALIVE}", "")],
    ),
    Mistake(
        "a graph is inserted over the one that is there",
        ["MultiAgents.test_second_graph_is_refused"],
        "DID NOT RAISE",
        [
            Edit(
                "statements.CREATE_MULTI_AGENT",
                "ON CONFLICT DO NOTHING",
                "ON CONFLICT (session_id, multi_agent_id) DO UPDATE SET state = excluded.state",
            )
        ],
    ),
    Mistake(
        "the agents of an expired session are still listed",
        ["Expiry.test_expired_session"],
        "list_agents",
        [Edit("statements.LIST_AGENTS", f" AND {ALIVE}", "")],
    ),
]
