"""Mistakes that show after some steps only, in an order that nobody thought of."""

from __future__ import annotations

from doubles import Edit, Mistake

RECREATE = """except SessionException:
        from strands.types.session import Session
        self._repository.create_session(Session(batch.session_id, "AGENT"))
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
                "json.dumps(values, default=_encode_bytes, ensure_ascii=False,",
                "json.dumps(values, sort_keys=True, default=_encode_bytes, ensure_ascii=False,",
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
]
