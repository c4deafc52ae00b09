"""Mistakes of a manager that its agents show, or only its records."""

from __future__ import annotations

from doubles import Edit, Mistake

MANAGER_STATE = 'head.values.get("conversation_manager_state", {})'
READ = "None if self._is_new else self.session_repository.read_log(self.session_id, agent_id)"
IN_TEXT = "f\"SELECT record, version FROM agents WHERE session_id = '{session_id}' AND agent_id = '{agent_id}'\")"
SHORT = "substr(CAST(agent_id AS BLOB), 1, 511) = substr(CAST(? AS BLOB), 1, 511)"
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
    Mistake(
        "a restore makes ids a part of its query's text",
        ["IdentifiersOfAgents.test_odd_ids_of_agents"],
        "You can only execute one statement at a time",
        [Edit("repository.CorrectSessionRepository.read_log", "_AGENT, key)", IN_TEXT)],
    ),
    Mistake(
        "a restore looks at the first 511 bytes of an id",
        ["IdentifiersOfAgents.test_longest_ids_of_agents"],
        "== [",
        [Edit("repository._RUNS", "agent_id = ?", SHORT)],
    ),
    # What the SDK's own manager would find.
    Mistake(
        "the SDK's offset of a window is left out",
        ["ConversationsOfRecords.test_offset_of_a_window"],
        "is 'question 0', not 'question 8'",
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
        "created_at has changed",
        [Edit("_log.AgentLog._match", "replacement, record.created_at, now", "replacement, now, now")],
    ),
    Mistake(
        "a rewritten message was never updated",
        ["RestoreOfRecords.test_times_of_a_rewritten_message"],
        "updated_at has not changed",
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
