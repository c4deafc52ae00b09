"""Group Q, of records: nothing is written where there is no session, and a deletion reaches no further than it says."""

from collections.abc import Callable
from typing import Any

import pytest

from . import package
from .backend import Backend
from .cases import Cases, deletion, hint, messages, quick
from .records import AGENT_ID, agent, assert_json, create, message, session, texts

Reopen = Callable[..., Any]


@quick
class SurvivalOfRecords(Cases):
    """Group Q, of records."""

    @deletion
    @pytest.mark.parametrize(
        ("gone", "stays"), [("{}-1", "{}-10"), ("{}-*", "{}-1"), ("{}-?", "{}-1"), ("{}-[1]", "{}-1")]
    )
    @hint("A session is deleted by its id, the whole id, which is no prefix and no pattern.")
    def test_deletion_reaches_no_further(
        self, repository: Any, reopen: Reopen, new_session_id: Callable[..., str], gone: str, stays: str
    ) -> None:
        """Q1: deleting u-1 leaves u-10, and deleting u-*, u-? or u-[1] leaves u-1."""
        token = new_session_id()
        gone, stays = (new_session_id(one.replace("{}", token)) for one in (gone, stays))
        for session_id in (gone, stays):
            create(repository, session_id, message(0, session_id))
        repository.delete_session(gone)
        assert reopen().read_session(gone) is None
        assert texts(reopen().list_messages(stays, AGENT_ID)) == [stays]

    @deletion
    @hint("Agents and messages belong to a session: look for it in the same step that inserts, or use a foreign key.")
    def test_deleted_session(self, backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> None:
        """Q3: nothing can be written into a session that somebody deleted, and nothing is left of the attempt."""
        create(repository, session_id, message(0))
        reopen().delete_session(session_id)
        for call in (
            lambda: repository.create_agent(session_id, agent()),
            lambda: repository.update_agent(session_id, agent()),
            lambda: repository.create_message(session_id, AGENT_ID, message(1)),
            lambda: repository.update_message(session_id, AGENT_ID, message(0)),
        ):
            with pytest.raises(package.SessionNotFoundError):
                call()
        assert reopen().read_session(session_id) is None
        assert session_id.encode() not in backend.dump()

    @messages
    @hint("A message belongs to an agent: one whose agent does not exist would never be found, and never be deleted.")
    def test_message_without_agent(self, repository: Any, session_id: str) -> None:
        """Q3: a message for an agent that does not exist is refused."""
        repository.create_session(session(session_id))
        with pytest.raises(package.SessionNotFoundError):
            repository.create_message(session_id, "nobody", message(0))

    @messages
    @hint("json.dumps of to_dict() is what exporters do: timestamps are strings, bytes are encoded.")
    def test_records_are_json(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """Q9: every record that is read can be written as JSON, and its timestamps are ISO strings."""
        create(repository, session_id, message(0, {"image": {"format": "png", "source": {"bytes": b"\x00\xff"}}}))
        again = reopen()
        records: list[Any] = [again.read_session(session_id), again.read_agent(session_id, AGENT_ID)]
        records += [again.read_message(session_id, AGENT_ID, 0), *again.list_messages(session_id, AGENT_ID)]
        assert_json(records)
