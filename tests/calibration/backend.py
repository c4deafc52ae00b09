"""Takes the place of conftest.py: the SDK's own FileSessionManager, and what it is known not to do, with the reason.

The kit runs what is exempted here, and fails where it passes: the list is what the last run has shown.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from conformance import Backend, package

pytest_plugins = ["conformance.plugin"]

NOT_REFUSED = [r"{}\\a", r"{}\x00", r"{}\na", r"\t{}", r"{}\x1f", r"{}\x7f", "", " ", "   ", r"\u2003", ".", ".."]
NOT_REFUSED += ["None", "7", "bytes"]

KNOWN = {
    "stricter than the SDK: what is created writes over what is there, but for sessions": [
        "test_second_agent_is_refused",
        "test_second_message_is_refused",
        "test_second_graph_is_refused",
        "test_message_is_created_once",
    ],
    "stricter than the SDK: what is stored need not belong to a session, or to an agent, that exists": [
        "test_graph_without_session",
        "test_deleted_session",
        "test_message_without_agent",
        "test_session_lost_under_an_agent[turn]",
        "test_session_lost_under_an_agent[rewrite]",
    ],
    "stricter than the SDK: of ids it refuses those with path separators, and no more": [
        *(f"test_malformed_session_id[{one}]" for one in NOT_REFUSED),
        *(f"test_malformed_session_id_of_records[{one}]" for one in NOT_REFUSED),
        *(f"test_malformed_agent_id[{one}]" for one in NOT_REFUSED),
        *(f"test_malformed_id_deletes_nothing[{one}]" for one in NOT_REFUSED),
        *(f"test_malformed_id_in_manager[{one}]" for one in ("..", r"a\x00", "", " ", r"a\n")),
        "test_malformed_multi_agent_id",
        "test_malformed_agent_id_in_manager",
        "test_malformed_message_id[-1]",
        "test_refused_ids",
        "test_largest_message_id",
    ],
    "stricter than the SDK: an id is part of the name of a file, which has 255 bytes at most": [
        "test_longest_id",
        "test_longest_ids_of_agents",
        "test_malformed_id_in_manager[bad6]",
    ],
    "stricter than the SDK: limit and offset are those of a slice of Python, unchecked": [
        *(f"test_malformed_limit_and_offset[{one}]" for one in ("-1", "1.5", "1")),
    ],
    "stricter than the SDK: keyword arguments that it does not know are ignored": ["test_no_expiry"],
    "stricter than the SDK: what JSON cannot express is a TypeError": ["test_unstorable"],
    "stricter than the SDK: an update of an agent reads the record that it replaces": ["test_new_session_is_not_read"],
    "stricter than the SDK: a redacted record keeps the original beside what replaces it (harness-sdk#446)": [
        "test_original_is_not_at_rest",
        "test_redaction_by_another_message",
    ],
    "stricter than the SDK: a message is stored when it is appended or redacted, and not when it changes otherwise": [
        "test_append_message",
        "test_arbitrary_edits",
        "test_bidirectional_agent",
        "test_call_without_result",
        "test_copied_messages",
        "test_direct_appends",
        "test_dropped_within_a_turn",
        "test_inserted_and_rewritten_after_restore",
        "test_mark_lasts",
        "test_merged_continuation",
        "test_placeholder_is_replaced_at_once",
        "test_redaction_lasts",
        "test_repaired_and_trimmed",
        "test_repaired_twice",
        "test_rewritten_after_restore",
        "test_rewritten_by_a_hook",
        "test_rewritten_later",
        "test_rewritten_within_a_turn",
        "test_stored_and_repaired",
        "test_stored_call_without_result",
        "test_stored_repaired_and_trimmed",
        "test_times_of_a_rewritten_message",
    ],
    "stricter than the SDK: a restore leaves out as many of the oldest messages as were removed, wherever they stood": [
        "test_custom_conversation_manager",
    ],
    "stricter than the SDK: a stored record that is no message, agent or graph is whatever error comes of it": [
        "test_agent_of_another_type",
        "test_deep_record",
        "test_graph_of_another_type",
        "test_message_of_another_type",
        "test_record_of_another_type",
    ],
    "stricter than the SDK: system prompts are not stored": ["test_system_prompt"],
    "stricter than the SDK: that a context manager keeps something in memory alone is not said": [
        "test_volatile_stash"
    ],
    "defect: of a graph's state only the task is encoded (harness-sdk#1864), bytes elsewhere are a TypeError": [
        "test_state_is_read_back",
        "test_interrupted_graph",
    ],
    "defect: a graph that another process stored meanwhile is written over; no report found": [
        "test_graph_of_another_process",
    ],
    "defect: a second writer is not noticed, and writes over the first one's messages (harness-sdk#2531)": [
        "test_two_writers_of_messages",
    ],
    "defect: the offset of a restore takes no account of pinned messages (harness-sdk#4027)": [
        "test_pinned_messages",
        "test_pins_and_window",
        "test_summary_in_its_place",
    ],
    "defect: what a context manager does to messages is not stored (harness-sdk#4270)": ["test_offloaded_result"],
    "defect: a record that lacks a field is a TypeError (harness-sdk#2655)": ["test_message_without_its_id"],
    "defect: malformed interrupts are a TypeError or an AttributeError (harness-sdk#4009)": [
        "test_malformed_interrupts[damage1]",
        "test_malformed_interrupts[damage2]",
    ],
}


class FileBackend(Backend):
    """The SDK's FileSessionManager in a folder of its own."""

    multi_agent = True
    redacts = True
    stores_lone_surrogates = False
    exemptions: ClassVar = {name: reason for reason, names in KNOWN.items() for name in names}

    def start(self, folder: Path) -> None:
        """Choose the folder."""
        self.folder = folder

    def options(self) -> dict[str, Any]:
        """Reach the folder."""
        return {"storage_dir": str(self.folder)}

    def repository(self, **options: Any) -> Any:
        """Make a repository, which is a manager of a session of its own."""
        return package.SessionRepository("adapter", **self.options(), **options)

    def dump(self) -> bytes:
        """Read the names of all files and folders, and what the files hold."""
        paths = sorted(self.folder.rglob("*"))
        return b"\n".join(bytes(path) + (path.read_bytes() if path.is_file() else b"") for path in paths)

    def rewrite(self, session_id: str, agent_id: str, message_id: int, change: Callable[[str], str]) -> None:
        """Rewrite the file of a message."""
        path = self.folder / f"session_{session_id}/agents/agent_{agent_id}/messages/message_{message_id}.json"
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def pytest_conformance_backend() -> Backend:
    """Tell the kit which backend it tests."""
    return FileBackend()
