"""Mistakes in the methods that an author writes for a service without records."""

from __future__ import annotations

from doubles import Edit, Mistake

MANAGER = "session_manager.CorrectSessionManager"
JOURNAL = "_journal.Journal"
EVENTS = "events.CorrectEvents"
HOOKS = "_hooks.SessionHooks"
READ = "stored = self._journal.read_log(self.session_id, agent_id)\n    if stored is None:"
READ_MULTI_AGENT = "stored = self._journal.read_multi_agent(self.session_id, source.id)"
SAVE = "self._saver(agent).save(agent, everything={})"
# For long enough that another process does the same meanwhile.
WAIT = "__import__('time').sleep(0.2)"

MISTAKES = [
    # initialize
    Mistake(
        "an agent that cannot be read begins anew",
        ["Healing.test_failed_restore"],
        "DID NOT RAISE",
        [
            Edit(
                f"{MANAGER}.initialize",
                READ,
                READ.replace("stored =", "try:\n        stored =").replace(
                    "\n    if", "\n    except SessionException:\n        stored = None\n    if"
                ),
            )
        ],
    ),
    Mistake(
        "an agent that the service knows is not restored",
        ["Turns.test_restored_again", "ExactRestore.test_direct_appends", "ConversationManagers.test_sliding_window"],
        "agent['messages']",
        [Edit(f"{MANAGER}.initialize", "if stored is not None:", "if False:")],
    ),
    Mistake(
        "the slower one of two that begin at once gets an error",
        ["Survival.test_processes_start_at_once"],
        "SessionConflictError",
        [
            Edit(f"{MANAGER}.initialize", "except SessionConflictError:", "except ZeroDivisionError:"),
            Edit(f"{MANAGER}.initialize", "if stored is None:", f"if stored is None:\n        {WAIT}"),
        ],
    ),
    Mistake(
        "a second agent with an id takes the first one's place",
        ["Turns.test_several_agents"],
        "DID NOT RAISE",
        [Edit(f"{MANAGER}.initialize", "if agent_id in self._agents and", "if False and")],
    ),
    Mistake(
        "the id of a refused agent stays taken",
        ["Survival.test_after_a_conflict"],
        "must be unique in a session",
        [Edit(f"{MANAGER}.initialize", " and not self._agents[agent_id].is_refused", "")],
    ),
    Mistake(
        "the id of an agent is not looked at",
        ["IdentifiersOfAgents.test_malformed_agent_id_in_manager"],
        "DID NOT RAISE",
        [Edit(f"{MANAGER}.initialize", "check_ids(agent_id=agent_id)", "pass")],
    ),
    Mistake(
        "a new agent is sent first, and its messages in another save",
        ["Sending.test_new_agent"],
        "== 1",
        [
            Edit(
                f"{MANAGER}.initialize",
                "saver.save(agent, everything=True)",
                "messages, agent.messages = agent.messages, []\n            "
                "saver.save(agent, everything=True)\n            "
                "agent.messages = messages\n            "
                "saver.save(agent, everything=True)",
            )
        ],
    ),
    Mistake(
        "what was just restored is sent back",
        ["Sending.test_restore"],
        "== []",
        [
            Edit(
                f"{MANAGER}.initialize",
                "self._agents[agent_id] = saver",
                "self._agents[agent_id] = saver\n    "
                "saver.save(agent, everything=True, redacted=agent.messages[-1] if agent.messages else None)",
            )
        ],
    ),
    # append_message
    Mistake(
        "messages are kept back until the turn ends",
        ["Turns.test_killed_process", "Turns.test_append_message", "Sending.test_turn"],
        "==",
        [Edit(f"{MANAGER}.append_message", SAVE.format(False), "pass")],
    ),
    Mistake(
        "a message that could not be sent goes unnoticed",
        ["Healing.test_failed_saves", "Healing.test_failed_answer"],
        "DID NOT RAISE",
        [
            Edit(
                f"{MANAGER}.append_message",
                SAVE.format(False),
                f"try:\n        {SAVE.format(False)}\n    except SessionException:\n        pass",
            )
        ],
    ),
    Mistake(
        "a message that the agent has is added to it once more",
        ["Turns.test_append_message"],
        "==",
        [
            Edit(
                f"{MANAGER}.append_message",
                "if not any(message is known for known in reversed(agent.messages)):",
                "if 1:",
            )
        ],
    ),
    Mistake(
        "a message that the agent does not have is not added to it",
        ["Turns.test_append_message"],
        "'appended'",
        [Edit(f"{MANAGER}.append_message", "agent.messages.append(message)", "pass")],
    ),
    Mistake(
        "messages are sent on the thread of the event loop",
        ["Asynchrony.test_event_loop_goes_on"],
        "the event loop stood still",
        [
            Edit(
                f"{HOOKS}._on_message",
                'await self._writers["agent", event.agent.agent_id].run_async(lambda: job)',
                "job()",
            )
        ],
    ),
    # redact_latest_message
    Mistake(
        "what was redacted in the agent is not sent",
        ["Redaction.test_redaction_by_another_message", "Sending.test_redaction"],
        "==",
        [
            Edit(
                f"{MANAGER}.redact_latest_message",
                "self._saver(agent).save(agent, everything=True, redacted=latest)",
                "pass",
            )
        ],
    ),
    Mistake(
        "the first message is redacted, and not the latest",
        ["Redaction.test_redaction_by_another_message", "Redaction.test_redaction_after_restore"],
        "'[redacted]'",
        [Edit(f"{MANAGER}.redact_latest_message", "agent.messages[-1]", "agent.messages[0]")],
    ),
    Mistake(
        "a redaction of nothing passes",
        ["Redaction.test_nothing_to_redact"],
        "DID NOT RAISE",
        [
            Edit(
                f"{MANAGER}.redact_latest_message",
                "if not agent.messages:\n",
                "if not agent.messages:\n        return\n",
            )
        ],
    ),
    Mistake(
        "the replacement is sent, and the agent keeps the original",
        ["Redaction.test_redaction_by_another_message"],
        "[redacted]",
        [Edit(f"{MANAGER}.redact_latest_message", 'latest["content"] = clone(redact_message["content"])', "pass")],
    ),
    # sync_agent
    Mistake(
        "the end of a turn sends nothing",
        ["State.test_state_alone", "State.test_replaced_state"],
        "has the keys",
        [Edit(f"{MANAGER}.sync_agent", SAVE.format(True), "pass")],
    ),
    Mistake(
        "the end of a turn compares only its own messages",
        ["ExactRestore.test_arbitrary_edits"],
        "agent['messages']",
        [Edit(f"{MANAGER}.sync_agent", "everything=True", "everything=False")],
    ),
    Mistake(
        "the end of a turn sends the whole conversation",
        ["Sending.test_long_conversation"],
        "<= (1.2 *",
        [
            Edit(
                f"{MANAGER}.sync_agent",
                SAVE.format(True),
                "self._saver(agent).log._conversation.copies = [{} for _ in agent.messages]\n    " + SAVE.format(True),
            )
        ],
    ),
    Mistake(
        "the latest message is sent once more at the end of a turn",
        ["Sending.test_sync", "Sending.test_turn"],
        "== ",
        [Edit(f"{MANAGER}.sync_agent", "everything=True", "everything=True, redacted=agent.messages[-1]")],
    ),
    Mistake(
        "a state that could not be sent goes unnoticed",
        ["Healing.test_failed_state", "Healing.test_failed_update"],
        "DID NOT RAISE",
        [
            Edit(
                f"{MANAGER}.sync_agent",
                SAVE.format(True),
                f"try:\n        {SAVE.format(True)}\n    except SessionException:\n        pass",
            )
        ],
    ),
    Mistake(
        "the state is sent whether it changed or not",
        ["Sending.test_unchanged_state"],
        "< 10000",
        [
            Edit(
                "_log.AgentLog._capture_head",
                "state_at[0] is known.state_at[0] and state_at[1] == known.state_at[1]",
                "False",
            )
        ],
    ),
    # Graphs and swarms.
    Mistake(
        "a graph that cannot be read begins anew",
        ["Graphs.test_failed_restore"],
        "DID NOT RAISE",
        [
            Edit(
                f"{MANAGER}.initialize_multi_agent",
                READ_MULTI_AGENT,
                f"try:\n        {READ_MULTI_AGENT}\n    except SessionException:\n        stored = None",
            )
        ],
    ),
    Mistake(
        "a graph that the service knows begins anew",
        ["Graphs.test_swarm"],
        "is 'pending', not 'interrupted'",
        [Edit(f"{MANAGER}.initialize_multi_agent", "if stored is None:", "if True:")],
    ),
    Mistake(
        "the state of a graph is sent only when it is new",
        ["Graphs.test_killed_graph"],
        "== [0, 1, 1]",
        [
            Edit(
                f"{MANAGER}.sync_multi_agent",
                "self._journal.write_multi_agent(self.session_id, source.id, source.serialize_state())",
                "pass",
            )
        ],
    ),
    Mistake(
        "the state of a graph is sent twice, to be sure",
        ["Sending.test_graph"],
        "<= 5",
        [
            Edit(
                f"{MANAGER}.sync_multi_agent",
                "self._check_open()",
                "self._check_open()\n    "
                "self._journal.write_multi_agent(self.session_id, source.id, source.serialize_state())",
            )
        ],
    ),
    Mistake(
        "the state of a graph is sent on the thread of the event loop",
        ["Graphs.test_graph_does_not_block"],
        "the event loop stood still",
        [
            Edit(
                f"{HOOKS}._on_node",
                'await self._writers["multi_agent", event.source.id].run_async(capture)',
                "capture()()",
            )
        ],
    ),
    # The journal, and the service.
    Mistake(
        "whoever appends takes their own event for the first",
        ["Survival.test_second_writer", "Survival.test_two_writers_of_messages"],
        "DID NOT RAISE",
        [
            Edit(
                f"{JOURNAL}.write_log",
                "if not _is_among(event, counting, str(log)):",
                "if False:",
            )
        ],
    ),
    Mistake(
        "events count without regard to the messages before them",
        ["Survival.test_two_writers_of_messages"],
        "DID NOT RAISE",
        [
            Edit(
                "_journal._End.goes_on_with",
                "if (version, next_id) == (self.version, self.next_id):",
                "if version == self.version:",
            )
        ],
    ),
    Mistake(
        "a save that is repeated is another event, which nobody knows again",
        ["Healing.test_failed_saves", "Healing.test_failed_update", "Survival.test_lost_reply_then_redaction"],
        "SessionConflictError",
        [Edit("_journal._event", "known = {", 'known = {"sent": __import__("time").time_ns(),')],
    ),
    Mistake(
        "an event is appended to a log that is gone",
        ["Survival.test_session_lost_under_an_agent"],
        "begun anew",
        [
            Edit(f"{EVENTS}.append", "if after is not None:\n        self._check(log, path, after)", "pass"),
            Edit(f"{EVENTS}.append", "if after is None:\n            path", "if True:\n            path"),
            Edit(f"{EVENTS}.append", "_NEW if after is None else _KNOWN", "_NEW"),
        ],
    ),
    Mistake(
        "the log of an agent is named by what joins its id to that of the session",
        ["IdentifiersOfAgents.test_session_and_agent_run_together"],
        "==",
        [
            Edit(
                f"{EVENTS}._path",
                '(log.session_id, f"{log.kind} {log.id}")',
                '(f"{log.session_id}:{log.id}", log.kind)',
            )
        ],
    ),
    Mistake(
        "the names of logs do not tell a from A",
        ["IdentifiersOfAgents.test_similar_sessions_of_agents", "IdentifiersOfAgents.test_similar_agents_of_a_session"],
        "==",
        [Edit(f"{EVENTS}._path", "part.encode()", "part.casefold().encode()")],
    ),
    Mistake(
        "a manager that was closed takes new agents",
        ["Asynchrony.test_closed_manager"],
        "DID NOT RAISE",
        [Edit(f"{MANAGER}.initialize", "self._check_open()", "pass")],
    ),
    Mistake(
        "only the first page of a log is read",
        ["Sending.test_long_log"],
        "messages",
        [Edit(f"{EVENTS}.read", "return events\n", "return events[:1000]\n")],
    ),
]
