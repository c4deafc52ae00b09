"""Mistakes that show after some steps only, in an order that nobody thought of."""

from __future__ import annotations

from doubles import Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"
RECREATE = """except SessionException:
        from strands.types.session import Session
        self._store.create_session(Session(batch.session_id, "AGENT"))
"""
RECORDS, AGENTS = ["RandomHistories.test_records"], ["RandomHistories.test_agents"]

MISTAKES = [
    Mistake(
        "the keys of a record are sorted",
        RECORDS,
        "has the keys",
        [
            Edit(
                "_records.encode",
                "text = _JSON.encode(values)",
                "text = json.dumps(values, sort_keys=True, default=_encode_bytes, ensure_ascii=False)",
            )
        ],
    ),
    Mistake(
        "a save that failed is forgotten, whether it was written or not",
        AGENTS,
        "another writer",
        [
            Edit(
                "_saver.AgentSaver._write",
                "except SessionUnavailableError:\n        raise",
                "except SessionUnavailableError:\n        self._unsure = None\n        raise",
            )
        ],
    ),
    Mistake(
        "the layout that is compared with holds the agent's own messages",
        ["ExactRestore.test_inserted_and_rewritten_after_restore"],
        "has the keys",
        [Edit("_log.AgentLog.restore", 'clone(kept["layout"])', 'kept["layout"]')],
    ),
    Mistake(
        "state that was changed without a new object is not saved",
        AGENTS,
        "the first writer is not refused",
        [Edit("_log._state_at", "return agent.state, version()", "return agent.state, None")],
    ),
    Mistake(
        "a session that was deleted under an agent is created again by its next turn",
        AGENTS,
        "a turn in a deleted session",
        [Edit("_saver.AgentSaver._write", "except SessionException:\n", RECREATE)],
    ),
    Mistake(
        "a message that is changed leaves the version of its agent, which somebody else has read",
        RECORDS,
        "write_log in session",
        [
            Edit(
                f"{REPOSITORY}.update_message",
                "sql.execute(_REPLACE_AGENT, (uuid4().hex, None,",
                "((uuid4().hex, None,",
            )
        ],
    ),
    Mistake(
        "an agent that is replaced keeps its version, which somebody else has read",
        RECORDS,
        "write_log in session",
        [Edit(f"{REPOSITORY}.update_agent", "(uuid4().hex, text, *key)", "(row[1], text, *key)")],
    ),
    Mistake(
        "an offset is taken for an id, which is the same until there is a gap",
        RECORDS,
        "list_messages",
        [
            Edit(
                f"{REPOSITORY}.list_messages",
                "(session_id, agent_id, 0, *page)",
                "(session_id, agent_id, page[1], page[0], 0)",
            )
        ],
    ),
    Mistake(
        "the next id is how many messages there are, which is the same until there is a gap",
        RECORDS,
        "read_log",
        [Edit("repository._LAST_MESSAGE", "ifnull(max(message_id), -1)", "count(*) - 1")],
    ),
    Mistake(
        "a listing ends with its first page",
        RECORDS,
        "list_sessions",
        [Edit(f"{REPOSITORY}._pages", "while rows:", "for _ in rows:")],
    ),
    Mistake(
        "the next id is the length of the conversation, also when messages were deleted from it",
        AGENTS,
        "SessionConflictError",
        [
            Edit(
                "_log.AgentLog.saved",
                "self._next_id += len(save.added.live)",
                "self._next_id = len(self._conversation.live)",
            )
        ],
    ),
]
