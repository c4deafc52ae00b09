"""Group I: a deleted session is gone, with everything in it."""

from collections.abc import Callable
from typing import Any

import pytest
from strands.types.exceptions import SessionException

from . import package
from .backend import Backend
from .cases import Cases, deletion, hint, lacks, quick, requires
from .records import AGENT_ID, agent, create, ids, message, session

Reopen = Callable[..., Any]


@deletion
class Deletion(Cases):
    """Group I."""

    @quick
    @hint("All kinds of record go with the session, in one step: cascade, or one key for the whole session.")
    def test_nothing_is_left(self, backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> None:
        """I1: of a deleted session with two agents and 50 messages nothing can be read, and nothing is at rest."""
        for agent_id in ("one", "two"):
            create(repository, session_id, *(message(number, session_id) for number in range(25)), agent_id=agent_id)
        assert session_id.encode() in backend.dump(), "Backend.dump does not show what is stored"
        repository.delete_session(session_id)
        again = reopen()
        assert again.read_session(session_id) is None
        for agent_id in ("one", "two"):
            assert again.read_agent(session_id, agent_id) is None
            assert again.read_message(session_id, agent_id, 0) is None
            assert listed(again, session_id, agent_id) == []
        assert session_id.encode() not in backend.dump()

    @quick
    @hint("A session that is created again under an old id starts empty: nothing of the old one may have stayed.")
    def test_session_starts_anew(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """I1: a session that is created again after its deletion starts empty."""
        create(repository, session_id, message(0), message(1))
        repository.delete_session(session_id)
        create(repository, session_id)
        assert ids(reopen().list_messages(session_id, AGENT_ID)) == []

    @quick
    @hint("Look at the number of records that the deletion removed.")
    def test_missing_session(self, repository: Any, session_id: str) -> None:
        """I2: deleting a session that does not exist, or not any more, is an error."""
        with pytest.raises(package.SessionNotFoundError):
            repository.delete_session(session_id)
        repository.create_session(session(session_id))
        repository.delete_session(session_id)
        with pytest.raises(package.SessionNotFoundError):
            repository.delete_session(session_id)

    @hint("Delete in bulk, or by pages until nothing is left: the first page of keys is not all.")
    def test_many_messages(self, backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> None:
        """I3: a session with 2,000 messages is deleted completely."""
        create(repository, session_id, *(message(number, session_id) for number in range(2000)))
        repository.delete_session(session_id)
        assert listed(reopen(), session_id, AGENT_ID) == []
        assert session_id.encode() not in backend.dump()

    @quick
    @hint("Name the parameter `session_id`, and take **kwargs, as the other methods do.")
    def test_deletion_takes_keywords(self, repository: Any, session_id: str) -> None:
        """A6: delete_session takes its argument by keyword, and keywords of a later SDK."""
        repository.create_session(session(session_id))
        repository.delete_session(session_id=session_id, later=1)
        assert repository.read_session(session_id) is None

    @quick
    @hint(
        "Refuse the agent, or make sure that it is found and deleted with the session: it must not stay as an orphan."
    )
    def test_agent_without_session(self, backend: Backend, repository: Any, session_id: str) -> None:
        """A7: an agent that was accepted without a session is deleted with it; of a refused one nothing is at rest."""
        try:
            repository.create_agent(session_id, agent())
        except SessionException:
            pass
        else:
            repository.delete_session(session_id)
        assert session_id.encode() not in backend.dump()

    @quick
    @requires("list_sessions")
    @hint("In the order of their ids, so that a caller finds one. A session that does not exist has no agents.")
    def test_list_agents(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """H8: the agents of a session are listed by id, and only those of this session; of a deleted one, none."""
        repository.create_session(session(session_id))
        for agent_id in ("b", "a", "a:message:0", "A", "10", "9", "\u00e4"):
            repository.create_agent(session_id, agent(agent_id))
            repository.create_message(session_id, agent_id, message(0))
        assert reopen().list_agents(session_id) == ["10", "9", "A", "a", "a:message:0", "b", "\u00e4"]
        assert reopen().list_agents(f"{session_id}-other") == []
        repository.delete_session(session_id)
        assert reopen().list_agents(session_id) == []

    @quick
    @requires("list_sessions")
    @pytest.mark.parametrize("page_size", [0, -1])
    @hint("Check it first: a page of 0 sessions never ends, or is taken for no limit.")
    def test_malformed_page_size(self, repository: Any, page_size: int) -> None:
        """H8: a page that does not hold at least one session is a ValueError."""
        with pytest.raises(ValueError, match="page_size"):
            list(repository.list_sessions(page_size=page_size))

    @quick
    @requires("list_sessions")
    @pytest.mark.parametrize("bad", ["a/b", "..", "", "a\n", None])
    @hint("Check ids first, in every method, and raise ValueError: `_records.check_ids` does.")
    def test_malformed_id_lists_nothing(self, repository: Any, bad: Any) -> None:
        """H2, H3: listing the agents of a malformed session id is a ValueError."""
        with pytest.raises(ValueError, match="session_id"):
            repository.list_agents(bad)

    @quick
    @lacks("list_sessions")
    @hint(
        "Declare list_sessions in tests/conftest.py, or remove the methods: an empty list would be taken for an answer."
    )
    def test_no_listing(self, repository: Any, session_id: str) -> None:
        """H8: a backend that does not declare list_sessions says so when it is asked for sessions or agents."""
        for call in (lambda: list(repository.list_sessions()), lambda: repository.list_agents(session_id)):
            with pytest.raises((NotImplementedError, AttributeError), match="list"):
                call()


def listed(repository: Any, session_id: str, agent_id: str) -> list[int]:
    """The messages of an agent that may be gone: a backend may answer with none of them, or with an error."""
    try:
        return ids(repository.list_messages(session_id, agent_id))
    except SessionException:
        return []
