"""Mistakes about what a restored agent, graph or swarm is made of."""

from __future__ import annotations

from doubles import Edit, Mistake

MANAGER = "session_manager.CorrectSessionManager"
REPOSITORY = "repository.CorrectSessionRepository"

MISTAKES = [
    # Conversation managers.
    Mistake(
        "trimmed messages come back",
        ["ConversationManagers.test_sliding_window"],
        "is 'question 0', not 'question 8'",
        [
            Edit("_layout.assemble", "if kept is None", "if True"),
            Edit("_layout.wanted", "return runs, 0", "return [(0, LAST_ID)], 0"),
        ],
    ),
    Mistake(
        "only the last run of messages is restored: pinned ones are lost",
        ["ConversationManagers.test_pinned_messages", "ExactRestore.test_pins_and_window"],
        "agent['messages'][0]",
        [Edit("_layout.describe", "return layout", "return layout[-1:]")],
    ),
    Mistake(
        "messages without a record of their own, such as summaries, are not restored",
        ["ConversationManagers.test_summary", "ExactRestore.test_summary_in_its_place"],
        "agent['messages']",
        [
            Edit(
                "_layout.assemble",
                'for entry in kept["layout"]',
                'for entry in [e for e in kept["layout"] if isinstance(e, list)]',
            )
        ],
    ),
    Mistake(
        "the summary is restored twice: by the conversation manager, and from the layout",
        ["ConversationManagers.test_summary"],
        "agent['messages']",
        [
            Edit(
                "_log.AgentLog.restore",
                "if kept is None:\n        conversation = [",
                "if True:\n        conversation = [",
            )
        ],
    ),
    Mistake(
        "ids go on from the number of messages in the window",
        ["ConversationManagers.test_window_of_nothing"],
        "SessionConflictError",
        [Edit("_log.AgentLog.restore", 'max(stored.next_id, kept["next"] if kept else 0)', "len(stored.messages)")],
    ),
    Mistake(
        "another conversation manager than the stored one is accepted",
        ["ConversationManagers.test_other_conversation_manager"],
        "DID NOT RAISE",
        [Edit("_log._load", "except ValueError as error:\n", "except ValueError as error:\n            return []\n")],
    ),
    Mistake(
        "broken tool calls are restored as they are",
        [
            "ConversationManagers.test_repaired_twice",
            "ConversationManagers.test_result_without_call",
            "ConversationsOfRecords.test_stored_and_repaired",
            "ConversationsOfRecords.test_stored_result_without_call",
        ],
        "==",
        [Edit("_log.AgentLog.restore", "repair_tool_use(agent.messages)", "True")],
    ),
    Mistake(
        "a repair keeps the result that answers no call",
        ["ConversationManagers.test_repaired_twice"],
        "['a', 'b'] == ['a', 'b', 'b']",
        [
            Edit(
                "_tool_use.repair_tool_use",
                "for tool_use_id in called] + others",
                "for tool_use_id in called] + message['content']",
            )
        ],
    ),
    # The conversation, whoever changed it.
    Mistake(
        "only the message that was announced is stored, not those appended beside it",
        ["ExactRestore.test_direct_appends"],
        "agent['messages']",
        [
            Edit(
                "_log.AgentLog.changes",
                "messages[len(self._conversation.live) :]",
                "messages[len(self._conversation.live) :][-1:]",
            )
        ],
    ),
    Mistake(
        "messages are compared by identity, which does not notice a change within one",
        ["ExactRestore.test_rewritten_by_a_hook", "ExactRestore.test_rewritten_after_restore"],
        "hunter2-hunter2",
        [
            Edit(
                "_log.AgentLog._stands",
                "if messages[:count] != known.copies:",
                "if any(one is not other for one, other in zip(messages, known.live)):",
            ),
            Edit("_log.AgentLog._stands", "messages[self._turn : count] == known.copies[self._turn :]", "True"),
        ],
    ),
    Mistake(
        "messages are kept by reference, not by copy, so that none ever differs",
        ["ExactRestore.test_rewritten_later"],
        "hunter2-hunter2",
        [Edit("_log.AgentLog.changes", "stored = clone(message)", "stored = message")],
    ),
    Mistake(
        "messages of the turn are compared at its end only",
        ["ExactRestore.test_rewritten_within_a_turn"],
        "[scrubbed]",
        [Edit("_log.AgentLog._stands", "messages[self._turn : count] == known.copies[self._turn :]", "True")],
    ),
    Mistake(
        "the save at the end of a turn comes before the other hooks",
        ["ExactRestore.test_rewritten_later"],
        "hunter2-hunter2",
        [Edit("_hooks.SessionHooks.register_hooks", ", order=HookOrder.SDK_LAST", "")],
    ),
    Mistake(
        "a message that takes the place of another one, with its tracking id, is stored beside it",
        ["ExactRestore.test_merged_continuation"],
        "== 4",
        [Edit("_log._keys", "return {id(live), tracking_id} if tracking_id else {id(live)}", "return {id(live)}")],
    ),
    Mistake(
        "a placeholder that is replaced is stored at the end only",
        ["EveryAgent.test_placeholder_is_replaced_at_once"],
        "agent['messages']",
        [Edit("_hooks.SessionHooks.register_hooks", "(MessageUpdatedEvent, *turn_ends)", "turn_ends")],
    ),
    Mistake(
        "the end of a voice conversation is not saved",
        ["EveryAgent.test_bidirectional_agent"],
        "agent['state']",
        [Edit("_hooks.SessionHooks.register_hooks", "BidiAgentStopEvent, BidiBeforeConnectionRestartEvent", "")],
    ),
    # All else that makes an agent.
    Mistake(
        "interrupts are not stored",
        ["State.test_interrupted_agent", "EveryAgent.test_interrupt_beside_a_result"],
        "agent['interrupt_state']",
        [lambda code: code.set("_log._INTERNAL", ("model_state",))],
    ),
    Mistake(
        "the state of the model is not stored",
        ["State.test_model_state"],
        "agent['model_state']",
        [lambda code: code.set("_log._INTERNAL", ("interrupt_state",))],
    ),
    Mistake(
        "the state of a conversation manager is kept by reference, so that it never differs",
        ["EveryAgent.test_custom_conversation_manager"],
        "agent['conversation_manager_state']",
        [Edit("_log.AgentLog._capture_head", "_Head(clone(values), state", "_Head(values, state")],
    ),
    Mistake(
        "a stored system prompt replaces the one in the code",
        ["EveryAgent.test_system_prompt"],
        "You are strict.",
        [Edit("_log._load", "agent.system_prompt_content is not None or ", "")],
    ),
    Mistake(
        "the system prompt is not stored",
        ["EveryAgent.test_system_prompt"],
        "agent['system_prompt']",
        [Edit("_log.AgentLog._agent_record", 'head.values.get("system_prompt")', "None")],
    ),
    Mistake(
        "what the SDK's own manager wrote is refused",
        ["Interoperability.test_stock_manager_goes_on", "Batches.test_log_without_layout"],
        "format=<None>",
        [Edit("_layout.read", "if kept is None", "if False")],
    ),
    Mistake(
        "the summary of the SDK's own manager is lost",
        ["Interoperability.test_summary_of_the_stock_manager"],
        "agent['messages']",
        [Edit("_log._load", "return prepended or []", "return []")],
    ),
    Mistake(
        "removed messages are not counted for the SDK's own manager",
        ["Interoperability.test_stock_manager_and_window"],
        "is 'stock 0', not 'stock 1'",
        [
            Edit(
                "_log.AgentLog._agent_record",
                'head.values.get("conversation_manager_state", {})',
                '{**head.values.get("conversation_manager_state", {}), "removed_message_count": 0}',
            )
        ],
    ),
    # Graphs and swarms.
    Mistake(
        "create_multi_agent is an upsert",
        ["MultiAgents.test_second_graph_is_refused"],
        "DID NOT RAISE",
        [Edit(f"{REPOSITORY}.create_multi_agent", "INSERT OR IGNORE", "INSERT OR REPLACE")],
    ),
    Mistake(
        "update_multi_agent passes where there is no such graph",
        ["MultiAgents.test_update_of_missing_graph"],
        "DID NOT RAISE",
        [
            Edit(
                f"{REPOSITORY}.update_multi_agent",
                'raise SessionNotFoundError(f"{name} | the graph or swarm does not exist")',
                "pass",
            )
        ],
    ),
    Mistake(
        "update_multi_agent changes all graphs of the session",
        ["MultiAgents.test_state_is_read_back"],
        "has the keys ['type', 'blob'], not ['other']",
        [Edit(f"{REPOSITORY}.update_multi_agent", "multi_agent_id = ?", "? != ''")],
    ),
    Mistake(
        "a graph whose state cannot be read is taken for a new one",
        ["Graphs.test_failed_restore", "MultiAgents.test_state_after_a_failed_restore"],
        "DID NOT RAISE",
        [
            Edit(
                f"{MANAGER}._open_multi_agent",
                "if not self._is_new:\n        stored = repository.read_multi_agent(self.session_id, source.id)",
                "try:\n        stored = repository.read_multi_agent(self.session_id, source.id)\n"
                "    except SessionException:\n        pass",
            )
        ],
    ),
    Mistake(
        "a graph that another process began meanwhile is an error",
        ["Graphs.test_graph_of_another_process"],
        "the graph or swarm exists already",
        [Edit(f"{MANAGER}._open_multi_agent", "except SessionConflictError:", "except ZeroDivisionError:")],
    ),
    Mistake(
        "the state of a graph is stored at its end only",
        ["Graphs.test_killed_graph"],
        "[1, 1, 1] == [0, 1, 1]",
        [
            Edit(
                "_hooks.SessionHooks.register_hooks", "registry.add_callback(AfterNodeCallEvent, self._on_node)", "pass"
            )
        ],
    ),
]
