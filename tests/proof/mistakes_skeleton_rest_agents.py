"""More mistakes about agents: what is saved and when, healing, restores, event loops, and other writers."""

from __future__ import annotations

from doubles import Code, Edit, Mistake

MANAGER = "session_manager.CorrectSessionManager"
REPOSITORY = "repository.CorrectSessionRepository"
READ = "None if self._is_new else self.session_repository.read_log(self.session_id, agent_id)"
SAVE = "await self._saver(event.agent).save_async(event.agent, everything=False)"
FORGET = Edit(
    "_saver.AgentSaver._write",
    "except SessionUnavailableError:",
    "except SessionUnavailableError:\n        self._unsure = None",
)
ENDS_CHILD = """
import pytest
from doubles import Code, Edit
Edit("_executor._after_fork_in_child", "_pool, _lock = None, threading.Lock()",
     "_lock = threading.Lock()\\n    _pool.shutdown()")(Code(pytest.MonkeyPatch()))
"""


def ends_the_threads(code: Code) -> None:
    """Change the program that forks, which is a process of its own."""
    program = "conformance.asynchrony.FORK"
    imports, start, rest = __import__("conformance.asynchrony").asynchrony.FORK.partition("manager = ")
    code._monkeypatch.setattr(program, imports + ENDS_CHILD + start + rest)


MISTAKES = [
    # Event loops, and the end of a connection.
    Mistake(
        "a manager knows only its latest agent",
        ["Asynchrony.test_agents_side_by_side"],
        "another agent took this one's place",
        [Edit(f"{MANAGER}._saver", "self._agents.get(agent.agent_id)", "[*self._agents.values()][-1]")],
    ),
    Mistake(
        "an agent is read on an event loop of its own",
        ["Asynchrony.test_made_within_a_loop"],
        "asyncio.run() cannot be called from a running event loop",
        [
            Edit(
                f"{MANAGER}.initialize",
                READ,
                "__import__('asyncio').run(__import__('asyncio').to_thread("
                "self.session_repository.read_log, self.session_id, agent_id))",
            )
        ],
    ),
    Mistake(
        "a closed manager saves nothing, and does not say so",
        ["Asynchrony.test_closed_manager"],
        "DID NOT RAISE",
        [
            Edit(f"{MANAGER}._on_message", "await self", "self._closed or await self"),
            Edit(f"{MANAGER}._on_turn_end", "await self", "self._closed or await self"),
        ],
    ),
    Mistake(
        "close() does not wait for what a cancelled turn left in flight",
        ["Asynchrony.test_closed_with_a_write_in_flight"],
        "[] == ['hi']",
        [Edit("_saver.AgentSaver.settle", "self._writer.settle()", "pass")],
    ),
    Mistake(
        "after a fork the child ends the threads of its parent, and starts none",
        ["Asynchrony.test_fork"],
        "cannot schedule new futures after shutdown",
        [ends_the_threads],
    ),
    # Conversation managers.
    Mistake(
        "a restore fetches a page of 20 messages",
        ["ConversationManagers.test_no_conversation_manager"],
        "has 20 items, not 24",
        [Edit("repository.CorrectSessionRepository.read_log", "[offset:]", "[offset:][:20]")],
    ),
    Mistake(
        "what was removed from the messages stays in the layout",
        [
            "ConversationManagers.test_overflow",
            "ExactRestore.test_dropped_within_a_turn",
            "Healing.test_unsaved_and_removed",
        ],
        "agent['messages']",
        [Edit("_log.AgentLog._capture_head", "if kept is not None or layout is None:", "if layout is None:")],
    ),
    Mistake(
        "the answer to a call in the last message is inserted before it",
        ["ConversationManagers.test_call_without_result", "ConversationsOfRecords.test_stored_call_without_result"],
        "[] == ['a']",
        [
            Edit(
                "_tool_use.repair_tool_use",
                "del messages[position]",
                "del messages[position]\n    if open_calls := _ids(messages[-1], 'toolUse') if messages else []:\n"
                "        messages.insert(-1, {'role': 'user', 'content': [_failed(one) for one in open_calls]})",
            )
        ],
    ),
    Mistake(
        "the window is found by counting the messages that were removed",
        ["ConversationManagers.test_repaired_and_trimmed", "ConversationsOfRecords.test_stored_repaired_and_trimmed"],
        "agent['messages']",
        [
            Edit("_layout.assemble", "if kept is None", "if True"),
            Edit("_layout.wanted", "if kept is None", "if True"),
        ],
    ),
    # The conversation, whoever changed it.
    Mistake(
        "copies that are equal are not taken for the messages that they are",
        ["ExactRestore.test_copied_messages"],
        "Left contains 3 more items",
        [Edit("_log.AgentLog._stands", "known.live = messages[:count]", "pass")],
    ),
    Mistake(
        "a run of messages goes on over a gap",
        ["ExactRestore.test_arbitrary_edits"],
        "is missing, or is in it twice",
        [Edit("_layout.describe", "last[1] == message_id - 1", "last[1] < message_id")],
    ),
    Mistake(
        "tool results are taken for unchanged once they are stored",
        ["ExactRestore.test_offloaded_result"],
        "agent['messages']",
        [
            Edit(
                "_log.AgentLog._stands",
                "if messages[:count] != known.copies:",
                "if any(a != b for a, b in zip(messages, known.copies) if 'toolResult' not in a['content'][0]):",
            ),
            Edit(
                "_log.AgentLog._stands",
                "return messages[self._turn : count] == known.copies[self._turn :]",
                "return all(a == b for a, b in list(zip(messages, known.copies))[self._turn :]"
                " if 'toolResult' not in a['content'][0])",
            ),
        ],
    ),
    Mistake(
        "nobody is warned of contents that are kept in memory",
        ["ExactRestore.test_volatile_stash"],
        "'volatile' in ",
        [Edit("_hooks._warn_of_volatile_stash", "if context_manager is not None", "if False")],
    ),
    Mistake(
        "everybody is warned of contents that are kept in memory, also those who keep them in a store",
        ["ExactRestore.test_volatile_stash"],
        "'storage' not in ",
        [Edit("_hooks._warn_of_volatile_stash", " and not context_manager.stash_is_durable", "")],
    ),
    Mistake(
        "messages are stored at the end of a turn only",
        ["ExactRestore.test_direct_tool_call", "Turns.test_killed_process"],
        "items, not",
        [Edit(f"{MANAGER}._on_message", SAVE, "pass")],
    ),
    Mistake(
        "what an agent says after it was cancelled is taken for stored, and is not",
        ["ExactRestore.test_cancelled_by_the_user"],
        "lost messages of the conversation",
        [
            Edit(
                "_saver.AgentSaver._write",
                "self._store.write_log(batch)",
                "self.agent()._cancel_signal.is_set() or self._store.write_log(batch)",
            )
        ],
    ),
    Mistake(
        "the stored messages are looked at without regard to how many the agent still has",
        ["ExactRestore.test_dropped_within_a_turn"],
        "list index out of range",
        [Edit("_log.AgentLog._stands", "if len(messages) < count:", "if False:")],
    ),
    # Failed saves.
    Mistake(
        "over the single methods a save that was written in part is taken for done",
        ["HealingOfRecords.test_save_in_part"],
        "agent['",
        [
            Edit(
                "_log_repository.LogRepository.write_log",
                "SessionUnavailableError):\n        raise",
                "OSError):\n        raise",
            ),
            Edit(
                "_log_repository.LogRepository.write_log",
                'raise SessionUnavailableError(f"{name} | a save was written in part: {error}") from error',
                "return",
            ),
        ],
    ),
    Mistake(
        "the agent record is taken for stored before it is",
        [
            "Healing.test_failed_state",
            "HealingOfRecords.test_failed_agent_record",
            "Healing.test_failure_within_a_turn",
        ],
        "agent['state']",
        [
            FORGET,
            Edit(
                "_log.AgentLog.changes",
                "self._agent_record(head, now)",
                "self._agent_record(head, now)\n    self._head = head",
            ),
        ],
    ),
    Mistake(
        "a save that is repeated gets a version of its own",
        ["Healing.test_failed_update"],
        "another writer changed the agent",
        [
            Edit(
                "_saver.AgentSaver._repeat",
                "partial(self._write, save)",
                "partial(self._write, __import__('copy').replace(save, batch="
                "__import__('copy').replace(save.batch, new_version='another')))".replace("copy", "dataclasses"),
            )
        ],
    ),
    Mistake(
        "an agent whose first save failed keeps its id taken",
        ["Healing.test_failed_start"],
        "must be unique in a session",
        [Edit(f"{MANAGER}.initialize", "stored = None if", "self._agents[agent_id] = saver\n    stored = None if")],
    ),
    Mistake(
        "an agent that cannot be read is taken for a new one",
        ["Healing.test_failed_restore"],
        "DID NOT RAISE",
        [
            Edit(
                f"{MANAGER}.initialize",
                f"stored = {READ}",
                f"stored = None\n    try:\n        stored = {READ}\n    except SessionException:\n        pass",
            )
        ],
    ),
    Mistake(
        "the record of a new agent names messages that are not there yet",
        ["HealingOfRecords.test_new_agent_in_part"],
        "a message of the conversation is missing",
        [Edit("_log.AgentLog._capture_head", "if self._version is None:\n        layout", "if False:\n        layout")],
    ),
    # Graphs and swarms.
    Mistake(
        "NUL is taken out of the state of a graph",
        ["MultiAgents.test_odd_text_in_state"],
        "value['current_task']",
        [
            Edit(
                f"{REPOSITORY}.create_multi_agent",
                "encode(multi_agent.serialize_state(), name)",
                "encode(multi_agent.serialize_state(), name).replace('\\\\u0000', '')",
            )
        ],
    ),
    Mistake(
        "the methods for graphs take no keywords of a later SDK",
        ["MultiAgents.test_methods_take_keywords"],
        "unexpected keyword argument 'later'",
        [Edit(f"{REPOSITORY}.update_multi_agent", ", **kwargs: Any", "")],
    ),
    Mistake(
        "a graph or swarm that is stored is not loaded",
        ["Graphs.test_swarm", "EveryAgent.test_interrupted_graph"],
        "interrupt",
        [Edit(f"{MANAGER}._open_multi_agent", "source.deserialize_state(stored)", "pass")],
    ),
    Mistake(
        "the hook for nodes writes on the event loop's own thread",
        ["Graphs.test_graph_does_not_block"],
        "the event loop stood still",
        [
            Edit(
                f"{MANAGER}._on_node",
                "await self._multi_agent_writer(event.source).run_async",
                "self._multi_agent_writer(event.source).run",
            )
        ],
    ),
    Mistake(
        "an agent of the SDK's own manager is taken to have a message",
        ["Interoperability.test_empty_session_of_the_stock_manager"],
        "list index out of range",
        [Edit("_layout.assemble", "return list(messages)", "return [messages[0], *messages[1:]]")],
    ),
    # Turns.
    Mistake(
        "ids go on from where the layout ends",
        ["Turns.test_restored_again"],
        "another writer appended",
        [
            Edit(
                "_log.AgentLog.restore",
                'max(stored.next_id, kept["next"] if kept else 0)',
                'kept["next"] if kept else stored.next_id',
            )
        ],
    ),
    Mistake(
        "auto_create=False refuses a session that exists",
        ["TurnsOfRecords.test_existing_session"],
        "the session does not exist",
        [Edit(f"{MANAGER}._open", "read_session(self.session_id) is None", "read_session(self.session_id)")],
    ),
    Mistake(
        "of several agents the first one is taken for the one that is meant",
        ["TurnsOfRecords.test_inspection"],
        "DID NOT RAISE",
        [Edit("_inspection.SessionInspection._ids", "if len(agents) != 1:", "if not agents:")],
    ),
    # Other writers.
    Mistake(
        "another writer's messages are taken for a repetition of this one's",
        ["Survival.test_two_writers"],
        "' in [",
        [Edit("repository._is_written", "elif found != create or batch.new_version != batch.version:", "elif False:")],
    ),
    Mistake(
        "a message takes the place of another writer's",
        ["Survival.test_two_writers_of_messages"],
        "DID NOT RAISE",
        [
            Edit("repository._is_written", "raise batch.taken()", "return False"),
            Edit(f"{REPOSITORY}.write_log", "INSERT INTO messages", "INSERT OR REPLACE INTO messages"),
        ],
    ),
    Mistake(
        "versions are counted from 1, also in a session that was begun anew",
        ["Survival.test_old_and_new_history"],
        "DID NOT RAISE",
        [
            Edit("_log.AgentLog.changes", "uuid.uuid4().hex", "str(int(self._version or 0) + 1)"),
            Edit("_batch.Batch.check_next_id", "if stored_next_id < self.next_id:", "if False:"),
        ],
    ),
]
