"""Mistakes in keys and scripts that show after some steps only, in an order that nobody thought of."""

from __future__ import annotations

from doubles import Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"
RECORDS, AGENTS = ["RandomHistories.test_records"], ["RandomHistories.test_agents"]

MISTAKES = [
    Mistake(
        "an update of the agent leaves the window by which it is restored",
        RECORDS,
        "SessionMessage['message']",
        [Edit(f"{REPOSITORY}.update_agent", ', f"{field}:window", window_of(session_agent))', ")")],
    ),
    Mistake(
        "agents are named in fields as they are, with the colons that part these",
        RECORDS,
        "list_agents",
        [Edit("fields.agent_field", "escaped(agent_id)", "agent_id")],
    ),
    Mistake(
        "a save that is repeated after a lost reply is refused",
        AGENTS,
        "another writer",
        [Edit("scripts.SAVE", "if stored == new_version and version ~= new_version then return 'done' end", "")],
    ),
    Mistake(
        "a save replaces the agent and leaves the window by which it is restored",
        RECORDS,
        "SessionMessage['message']",
        [Edit("scripts.SAVE", "agent, record, agent .. ':window', window)", "agent, record)")],
    ),
]
