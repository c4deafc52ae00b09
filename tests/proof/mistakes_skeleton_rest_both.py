"""Mistakes of a manager that its agents show, or only its records."""

from __future__ import annotations

from doubles import Edit, Mistake

MANAGER_STATE = 'head.values.get("conversation_manager_state", {})'
READ = "None if self._is_new else self.session_repository.read_log(self.session_id, agent_id)"
TOUCH = """
    if stored is not None:
        stored.agent.updated_at = 'just now'
        self.session_repository.update_agent(self.session_id, stored.agent)
"""

MISTAKES = [
    # Ids, of what a restore reads.
    Mistake(
        "a restore compares the ids of sessions without regard to case",
        ["IdentifiersOfAgents.test_similar_sessions_of_agents"],
        "== [",
        [Edit("repository._RUNS", "session_id = ?", "session_id = ? COLLATE NOCASE")],
    ),
    Mistake(
        "a restore compares the ids of agents by LIKE",
        ["IdentifiersOfAgents.test_similar_agents_of_a_session"],
        "== [",
        [Edit("repository._RUNS", "agent_id = ?", "agent_id LIKE ?")],
    ),
    Mistake(
        "a restore finds messages by the ids of session and agent in one string",
        ["IdentifiersOfAgents.test_session_and_agent_run_together"],
        "== [",
        [
            Edit(
                "repository._RUNS",
                "session_id = ? AND agent_id = ?",
                "session_id || ':' || agent_id = ? || ':' || ?",
            )
        ],
    ),
    # What the SDK's own manager would find.
    Mistake(
        "the SDK's offset of a window is left out",
        ["ConversationsOfRecords.test_offset_of_a_window"],
        "has 20 items, not 4",
        [Edit("_log.AgentLog._agent_record", MANAGER_STATE, MANAGER_STATE + ' | {"removed_message_count": 0}')],
    ),
    Mistake(
        "the SDK's offset counts what was not removed",
        ["ConversationsOfRecords.test_offset_without_trimming"],
        "== 0",
        [Edit("_log.AgentLog._agent_record", MANAGER_STATE, MANAGER_STATE + ' | {"removed_message_count": 1}')],
    ),
    Mistake(
        "a restore notes in the record that the agent was read",
        ["ConversationsOfRecords.test_record_of_another_manager"],
        "updated_at",
        [Edit("session_manager.CorrectSessionManager.initialize", READ, READ + TOUCH)],
    ),
    Mistake(
        "the record of a redacted prompt is not marked as redacted",
        ["RedactionOfRecords.test_record_of_a_guardrail"],
        "is None (NoneType)",
        [Edit("_log.AgentLog._match", "stored if message is redacted or", "stored if")],
    ),
    Mistake(
        "a rewritten message was created just now",
        ["RestoreOfRecords.test_times_of_a_rewritten_message"],
        ".created_at",
        [Edit("_log.AgentLog._match", "replacement, record.created_at, now", "replacement, now, now")],
    ),
    Mistake(
        "a rewritten message was never updated",
        ["RestoreOfRecords.test_times_of_a_rewritten_message"],
        ".updated_at",
        [Edit("_log.AgentLog._match", "record.created_at, now", "record.created_at, record.updated_at")],
    ),
    # Providers that keep the conversation.
    Mistake(
        "the messages of another model are replayed to a provider that keeps the conversation",
        ["State.test_stateful_model_after_another"],
        "== []",
        [Edit("_log.AgentLog.restore", 'getattr(agent.model, "stateful", False)', "False")],
    ),
    Mistake(
        "where the provider keeps the conversation, ids begin anew",
        ["StateOfRecords.test_ids_of_a_stateful_model"],
        "SessionConflictError",
        [
            Edit(
                "_log.AgentLog.restore",
                'max(stored.next_id, kept["next"] if kept else 0)',
                "0 if agent.model.stateful else stored.next_id",
            )
        ],
    ),
]
