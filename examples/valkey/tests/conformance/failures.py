"""Group K, second part: what cannot be read, and what broke in the middle."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from strands.session.repository_session_manager import RepositorySessionManager
from strands.types.exceptions import SessionException

from . import package
from .backend import Backend
from .cases import Cases, hint, lifecycle, messages, quick
from .conversation import assert_paired
from .faults import failing
from .records import AGENT_ID, agent, create, ids, message, texts
from .restore import user
from .same import assert_same, assert_same_agent, assert_same_record

NewAgent = Callable[..., Any]
Reopen = Callable[..., Any]


@quick
class Failures(Cases):
    """Group K, second part."""

    @lifecycle
    @hint("With the SDK's manager a message whose write failed is lost, and its id stays free: a gap is no damage.")
    def test_gap_of_the_stock_manager(self, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """K3: after a failed write of the SDK's manager, its session is restored as far as it goes, and goes on."""
        repository = reopen()
        theirs = new_agent(
            session_manager=RepositorySessionManager(session_id=session_id, session_repository=repository)
        )
        theirs("one")
        with failing(repository, "create_message"), pytest.raises(SessionException):
            theirs("two")
        theirs("three")
        ours = new_agent()
        assert texts(ours.messages) == ["one", "answer 1", "three", "answer 2"]
        ours("four")
        assert_paired(ours.model.calls[0])
        assert_same_agent(new_agent(), ours)

    @messages
    @hint("Turn the parser's error into SessionCorruptError, with the ids, and touch nothing.")
    def test_truncated_message(self, backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> None:
        """K4: a message of which half is missing is an error that names it, and the record is left alone."""
        create(repository, session_id, *(message(number) for number in range(3)))
        backend.rewrite(session_id, AGENT_ID, 1, first_half)
        before = backend.dump()
        again = reopen()
        for call in (
            lambda: again.read_message(session_id, AGENT_ID, 1),
            lambda: again.list_messages(session_id, AGENT_ID),
        ):
            with pytest.raises(package.SessionCorruptError, match=f"(?s){session_id}.*{AGENT_ID}.*1") as raised:
                call()
            assert raised.value.__cause__ is not None
        assert_same_record(again.read_message(session_id, AGENT_ID, 2), message(2))
        assert backend.dump() == before

    @lifecycle
    @hint("A conversation with an unreadable message is not restored without it: the agent would go on with a hole.")
    def test_truncated_conversation(self, backend: Backend, new_agent: NewAgent, session_id: str) -> None:
        """K4: an agent of whose messages one cannot be read is an error, and nothing is written."""
        live = new_agent()
        live("one")
        backend.rewrite(session_id, live.agent_id, 0, first_half)
        before = backend.dump()
        with pytest.raises(package.SessionCorruptError, match=session_id):
            new_agent()
        assert backend.dump() == before

    @messages
    @hint("The number is also in the key, or in a column: take it from there. The SDK's from_dict raises a TypeError.")
    def test_message_without_its_id(self, backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> None:
        """K5: a stored message without its message_id is read by its key, or an error. It is not left out."""
        create(repository, session_id, *(message(number) for number in range(3)))
        backend.rewrite(session_id, AGENT_ID, 1, without_id)
        again = reopen()
        try:
            listed, read = again.list_messages(session_id, AGENT_ID), again.read_message(session_id, AGENT_ID, 1)
        except SessionException:
            return
        assert ids([*listed, read]) == [0, 1, 2, 1]
        assert texts([*listed, read]) == ["text 0", "text 1", "text 2", "text 1"]

    @lifecycle
    @pytest.mark.parametrize(
        "layout",
        [{"format": 99, "layout": [], "next": 0}, {"format": 1}, {"format": 1, "layout": [[0, 5]], "next": 6}, "none"],
    )
    @hint(
        "Read only the formats that this version knows, and leave others alone: a newer version may have written them."
    )
    def test_other_layout(
        self, new_agent: NewAgent, repository: Any, reopen: Reopen, session_id: str, layout: Any
    ) -> None:
        """K4: an agent whose layout is newer, damaged, or names a message that is gone is an error, and stays."""
        create(repository, session_id, message(0))
        damaged = agent(_internal_state={"strands_session": layout})
        repository.update_agent(session_id, damaged)
        with pytest.raises(package.SessionCorruptError, match=AGENT_ID):
            new_agent(agent_id=AGENT_ID)
        assert_same_record(reopen().read_agent(session_id, AGENT_ID), damaged)
        assert texts(reopen().list_messages(session_id, AGENT_ID)) == ["text 0"]

    @lifecycle
    @hint("This is what version 1 wrote. Later versions of the package read it, whatever they write themselves.")
    def test_first_layout(self, new_agent: NewAgent, repository: Any, session_id: str) -> None:
        """D8: an agent as the first version of the layout wrote it is restored, and goes on."""
        summary = user("a summary")
        kept = {"format": 1, "layout": [[0, 0], summary, [3, 4]], "next": 6, "system_prompt": [{"text": "Be kind."}]}
        internal = {"model_state": {"a": 1}, "strands_session": kept}
        create(repository, session_id, *(message(n, role="assistant" if n % 2 else "user") for n in range(7)))
        repository.update_agent(session_id, agent(state={"mood": "good"}, _internal_state=internal))
        restored = new_agent(agent_id=AGENT_ID)
        assert texts(restored.messages) == ["text 0", "a summary", "text 3", "text 4", "text 6"]
        assert (restored.system_prompt, restored.state.get()) == ("Be kind.", {"mood": "good"})
        assert_same(restored.take_snapshot(preset="session").data["model_state"], {"a": 1})
        restored("go on")
        assert_same_agent(new_agent(agent_id=AGENT_ID), restored)

    @messages
    @pytest.mark.parametrize("value", [{1, 2}, object(), complex(1, 2)], ids=["set", "object", "complex"])
    @hint("Serialise before anything is sent: the error is a SessionException that names the record, not a TypeError.")
    def test_unstorable(self, repository: Any, reopen: Reopen, session_id: str, value: Any) -> None:
        """K: a message or a state that JSON cannot express is an error that names the record; nothing is written."""
        create(repository, session_id, message(0))
        bad = message(1, {"toolUse": {"toolUseId": "1", "name": "t", "input": {"value": value}}})
        with pytest.raises(SessionException, match=session_id):
            repository.create_message(session_id, AGENT_ID, bad)
        bad.message_id = 0
        with pytest.raises(SessionException, match=session_id):
            repository.update_message(session_id, AGENT_ID, bad)
        with pytest.raises(SessionException, match=session_id):
            repository.update_agent(session_id, agent(state={"value": value}))
        again = reopen()
        assert texts(again.list_messages(session_id, AGENT_ID)) == ["text 0"]
        assert_same_record(again.read_agent(session_id, AGENT_ID), agent())


def first_half(text: str) -> str:
    """Cut a text in half, as a broken disk does."""
    return text[: len(text) // 2]


def without_id(text: str) -> str:
    """Take the message_id out of a message."""
    return json.dumps({name: value for name, value in json.loads(text).items() if name != "message_id"})
