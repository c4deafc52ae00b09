"""Mistakes about what comes into being, once, and is read back as it was."""

from __future__ import annotations

from typing import Any

from doubles import Code, Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"


def keep_objects(code: Code) -> None:
    """Keep what was written, and hand it out to readers."""
    kept: dict[Any, Any] = {}
    read = code.get(f"{REPOSITORY}.read_agent")
    for name in ("create_agent", "update_agent"):
        write = code.get(f"{REPOSITORY}.{name}")

        def keep(self: Any, session_id: str, session_agent: Any, write: Any = write) -> None:
            write(self, session_id, session_agent)
            kept[self, session_id, session_agent.agent_id] = session_agent

        code.set(f"{REPOSITORY}.{name}", keep)
    code.set(f"{REPOSITORY}.read_agent", lambda self, *ids: kept.get((self, *ids)) or read(self, *ids))


MISTAKES = [
    Mistake(
        "create_session is idempotent: a second one passes",
        ["Lifecycle.test_second_session_is_refused"],
        "DID NOT RAISE",
        [
            Edit(
                f"{REPOSITORY}.create_session",
                'raise SessionConflictError(f"{name} | the session exists already")',
                "return session",
            )
        ],
    ),
    Mistake(
        "create_session is an upsert, which clears the session",
        ["Lifecycle.test_second_session_leaves_the_first_intact"],
        "DID NOT RAISE",
        [Edit(f"{REPOSITORY}.create_session", "INSERT OR IGNORE", "INSERT OR REPLACE")],
    ),
    Mistake(
        "create_agent is an upsert",
        ["Lifecycle.test_second_agent_is_refused"],
        "DID NOT RAISE",
        [Edit(f"{REPOSITORY}.create_agent", "INSERT OR IGNORE", "INSERT OR REPLACE")],
    ),
    Mistake(
        "create_message is an upsert",
        ["Lifecycle.test_second_message_is_refused"],
        "DID NOT RAISE",
        [Edit(f"{REPOSITORY}.create_message", "INSERT OR IGNORE", "INSERT OR REPLACE")],
    ),
    Mistake(
        "create_message takes its own repetition, after a lost reply, for a conflict",
        ["Lifecycle.test_message_created_twice_is_stored_once"],
        "another message has this id",
        [
            Edit(
                f"{REPOSITORY}.create_message",
                'sql.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?)", row)\n        if ',
                'if not sql.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?)", row).rowcount or ',
            )
        ],
    ),
    Mistake(
        "update_agent passes where there is no such agent",
        ["Lifecycle.test_update_of_missing_agent_is_refused"],
        "DID NOT RAISE",
        [
            Edit(
                f"{REPOSITORY}.update_agent",
                'raise SessionNotFoundError(f"{name} | the agent does not exist")',
                "return",
            )
        ],
    ),
    Mistake(
        "update_message creates what does not exist",
        ["Lifecycle.test_update_of_missing_message_is_refused"],
        "DID NOT RAISE",
        [
            Edit(
                f"{REPOSITORY}.update_message",
                'raise SessionNotFoundError(f"{name} | the message does not exist")',
                "row = (*key, encode(session_message, name))\n"
                '            sql.execute("INSERT INTO messages VALUES (?, ?, ?, ?)", row)',
            )
        ],
    ),
    Mistake(
        "update_agent overwrites created_at",
        ["Lifecycle.test_updated_agent"],
        "created_at'] is '2024-03-01T00:00:01+00:00'",
        [
            Edit(
                f"{REPOSITORY}.update_agent",
                "replace(session_agent, created_at=decode_agent(row[0], *key).created_at)",
                "session_agent",
            )
        ],
    ),
    Mistake(
        "keyword arguments of a later SDK are refused",
        ["Lifecycle.test_session_methods_take_keywords"],
        "unexpected keyword argument 'later'",
        [Edit(f"{REPOSITORY}.read_session", ", **kwargs: Any", "")],
    ),
    Mistake(
        "parameters can only be given by position",
        ["Lifecycle.test_message_methods_take_keywords"],
        "missing 3 required positional arguments",
        [Edit(f"{REPOSITORY}.read_message", "message_id: int, **kwargs", "message_id: int, /, **kwargs")],
    ),
    Mistake(
        "a parameter has another name than the interface gives it",
        ["Lifecycle.test_agent_methods_take_keywords"],
        "'agent'",
        [
            Edit(
                f"{REPOSITORY}.create_agent",
                "session_agent: SessionAgent, **kwargs: Any) -> None:",
                "agent: SessionAgent, session_agent: Any = None, **kwargs: Any) -> None:",
            )
        ],
    ),
    Mistake(
        "timestamps come back as datetime",
        ["Lifecycle.test_session_is_read_back", "SurvivalOfRecords.test_records_are_json"],
        "datetime",
        [
            Edit(
                "_records.build",
                "    try:",
                "    import datetime\n"
                "    known['created_at'] = datetime.datetime.fromisoformat(known['created_at'])\n"
                "    try:",
            )
        ],
    ),
    Mistake(
        "timestamps lose their microseconds, as in a column of whole seconds",
        ["Lifecycle.test_agent_is_read_back"],
        "created_at'] is '2024-02-29T23:59:59+00:00'",
        [Edit("_records.decode_agent", "decode(text, name)", "decode(text.replace('.987654', ''), name)")],
    ),
    Mistake(
        "the type of a session is stored as the name of a Python object",
        ["Lifecycle.test_session_is_read_back"],
        "SessionType.AGENT",
        [
            Edit(
                f"{REPOSITORY}.create_session",
                "encode(session, name)",
                "encode({**vars(session), 'session_type': str(session.session_type)}, name)",
            )
        ],
    ),
    Mistake(
        "reading a session creates it",
        ["Lifecycle.test_missing_session_reads_as_none"],
        "is None",
        [
            Edit(
                f"{REPOSITORY}.read_session",
                "return None if row is None",
                "return self.create_session(Session(session_id, 'AGENT')) if row is None",
            )
        ],
    ),
    Mistake(
        "reading an agent that does not exist is an error",
        ["Lifecycle.test_missing_agent_reads_as_none"],
        "SessionNotFoundError: no such agent",
        [
            Edit(
                f"{REPOSITORY}.read_agent",
                "return None if row is None",
                "if row is None:\n        raise SessionNotFoundError('no such agent')\n    return None if row is None",
            )
        ],
    ),
    Mistake(
        "the object that was written is kept, and given to readers",
        ["Lifecycle.test_agent_is_a_copy"],
        "value['list'] has",
        [keep_objects],
    ),
    Mistake(
        "a message is read for the first time only, and then from a cache",
        ["Concurrency.test_reads_follow_writes"],
        "is not None",
        [
            Edit(
                f"{REPOSITORY}.read_message",
                "name = check_ids",
                "return self.__dict__.setdefault('cache', {}).setdefault(key, None)\n    name = check_ids",
            )
        ],
    ),
    # The manager.
    Mistake(
        "the manager reads a session that it has just created",
        ["TurnsOfRecords.test_new_session_is_not_read"],
        "read_log",
        [Edit("session_manager.CorrectSessionManager.initialize", "None if self._is_new else ", "")],
    ),
    Mistake(
        "the agent record is written with every message: the last range of the layout is closed",
        ["TurnsOfRecords.test_unchanged_agent_is_not_written"],
        "SessionAgent(",
        [Edit("_log.AgentLog._capture_head", "and layout == implied", "and next_id == known.next_id")],
    ),
    Mistake(
        "a restored agent is written at once, unchanged",
        ["TurnsOfRecords.test_restored_agent_is_not_written"],
        "SessionAgent(",
        [Edit("_log.AgentLog.restore", "record.state, _state_at(agent)", "record.state, (None, None)")],
    ),
    Mistake(
        "the manager gives an agent a new created_at with each write",
        ["TurnsOfRecords.test_age_of_an_agent"],
        "== 1",
        [Edit("_log.AgentLog._agent_record", "head.created_at or now", "now")],
    ),
    Mistake(
        "append_message appends what the agent has already",
        ["Turns.test_append_message"],
        "At index 3 diff: 'appended' != 'given'",
        [
            Edit(
                "session_manager.CorrectSessionManager.append_message",
                "if not any(message is known for known in reversed(agent.messages)):",
                "if True:",
            )
        ],
    ),
    Mistake(
        "auto_create=False creates the session all the same",
        ["TurnsOfRecords.test_missing_session"],
        "DID NOT RAISE",
        [Edit("session_manager.CorrectSessionManager._open", "if not auto_create", "if False")],
    ),
    Mistake(
        "two agents with one id share a manager",
        ["Turns.test_several_agents"],
        "DID NOT RAISE",
        [
            Edit(
                "session_manager.CorrectSessionManager.initialize",
                "if agent_id in self._agents and",
                "if False and",
            )
        ],
    ),
    Mistake(
        "messages are written at the end of a turn, not when they are added",
        ["ExactRestore.test_rewritten_by_a_hook", "Redaction.test_guardrail"],
        "was not stored before the",
        [
            Edit(
                "session_manager.CorrectSessionManager._on_message",
                "await self._saver(event.agent).save_async(event.agent, everything=False)",
                "pass",
            )
        ],
    ),
]
