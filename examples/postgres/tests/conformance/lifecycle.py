"""Group A: sessions, agents and messages come into being once, and are read back as they were written."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from strands.types.exceptions import SessionException

from . import package
from .backend import Backend
from .cases import Cases, agents, hint, messages, quick, sessions
from .records import AGENT_ID, EARLY, LATER, agent, create, ids, message, session, texts
from .same import assert_same, assert_same_record

Reopen = Callable[..., Any]


@quick
class Lifecycle(Cases):
    """Group A, at the repository."""

    @sessions
    @hint("A read must not create what it looks for, and a record that is not there is None, not an error.")
    def test_missing_session_reads_as_none(
        self, backend: Backend, repository: Any, reopen: Reopen, session_id: str
    ) -> None:
        """A1: a session that does not exist reads as None, and reading it leaves nothing behind."""
        assert repository.read_session(session_id) is None
        assert reopen().read_session(session_id) is None
        assert session_id.encode() not in backend.dump()

    @agents
    @hint("A read must not create what it looks for. An agent of a session that does not exist is None as well.")
    def test_missing_agent_reads_as_none(
        self, backend: Backend, repository: Any, reopen: Reopen, session_id: str
    ) -> None:
        """A1: an agent that does not exist reads as None, in a session and without one, and leaves nothing behind."""
        assert repository.read_agent(session_id, "nobody") is None
        assert session_id.encode() not in backend.dump()
        repository.create_session(session(session_id))
        assert repository.read_agent(session_id, "nobody") is None
        assert reopen().read_agent(session_id, "nobody") is None

    @messages
    @hint("A read must not create what it looks for. A message of an agent that does not exist is None as well.")
    def test_missing_message_reads_as_none(
        self, backend: Backend, repository: Any, reopen: Reopen, session_id: str
    ) -> None:
        """A1: a message that does not exist reads as None, with and without its agent, and leaves nothing behind."""
        assert repository.read_message(session_id, "nobody", 0) is None
        assert session_id.encode() not in backend.dump()
        create(repository, session_id, message(0))
        assert repository.read_message(session_id, AGENT_ID, 1) is None
        assert repository.read_message(session_id, "nobody", 0) is None
        assert ids(reopen().list_messages(session_id, AGENT_ID)) == [0]

    @sessions
    @hint("Timestamps are ISO strings: a column of a timestamp type comes back as a datetime, or in another form.")
    def test_session_is_read_back(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A2: a session is read back with its id, type and timestamps, which stay the strings they were."""
        written = session(session_id, updated_at=LATER)
        created = repository.create_session(written)
        assert_same_record(created, written)
        assert_same_record(reopen().read_session(session_id), written)

    @agents
    @hint("Store all fields of SessionAgent, `_internal_state` and the timestamps among them, as they are.")
    def test_agent_is_read_back(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A2: an agent is read back with all its fields."""
        written = agent(state={"mood": "good"}, _internal_state={"model_state": {"id": 1}}, updated_at=LATER)
        repository.create_session(session(session_id))
        repository.create_agent(session_id, written)
        assert_same_record(reopen().read_agent(session_id, AGENT_ID), written)

    @messages
    @hint("Store all fields of SessionMessage, the timestamps among them, as they are.")
    def test_message_is_read_back(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A2: a message is read back with all its fields, alone and in the list."""
        written = message(0, "hello", updated_at=LATER)
        create(repository, session_id, written)
        again = reopen()
        assert_same_record(again.read_message(session_id, AGENT_ID, 0), written)
        assert_same_record(again.list_messages(session_id, AGENT_ID)[0], written)

    @sessions
    @hint("create_session is an insert, not an upsert: two processes may start one session at the same time.")
    def test_second_session_is_refused(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A3: a session that exists is not created again, and stays as it was."""
        repository.create_session(session(session_id))
        with pytest.raises(package.SessionConflictError):
            reopen().create_session(session(session_id, created_at=LATER))
        assert_same_record(reopen().read_session(session_id), session(session_id))

    @messages
    @hint("create_session must not clear what the session holds.")
    def test_second_session_leaves_the_first_intact(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A3: a refused second create leaves the agents and messages of the session untouched."""
        create(repository, session_id, message(0))
        with pytest.raises(package.SessionConflictError):
            repository.create_session(session(session_id))
        assert_same_record(reopen().read_agent(session_id, AGENT_ID), agent())
        assert_same_record(reopen().read_message(session_id, AGENT_ID, 0), message(0))

    @agents
    @hint("create_agent is an insert, not an upsert: the second of two new agents must not wipe out the first's state.")
    def test_second_agent_is_refused(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A3: an agent that exists is not created again, and stays as it was."""
        create(repository, session_id)
        with pytest.raises(package.SessionConflictError):
            reopen().create_agent(session_id, agent(state={"mood": "bad"}))
        assert_same_record(reopen().read_agent(session_id, AGENT_ID), agent())

    @messages
    @hint("create_message is an insert, not an upsert: two live agents of one session take the same id.")
    def test_second_message_is_refused(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A3: a message id that is taken is refused to another message, and the first one stays."""
        create(repository, session_id, message(0, "first"))
        with pytest.raises(package.SessionConflictError):
            reopen().create_message(session_id, AGENT_ID, message(0, "second"))
        assert_same_record(reopen().read_message(session_id, AGENT_ID, 0), message(0, "first"))

    @messages
    @hint("A create that was repeated because its reply was lost is the same record: success, not a conflict.")
    def test_message_created_twice_is_stored_once(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A3: the very same message created again, as after a lost reply, is stored once."""
        create(repository, session_id, message(0, "hello"))
        reopen().create_message(session_id, AGENT_ID, message(0, "hello"))
        assert texts(reopen().list_messages(session_id, AGENT_ID)) == ["hello"]

    @agents
    @hint(
        "The SDK's manager makes a record anew for each update: `created_at` is the stored one's, not the given one's."
    )
    def test_updated_agent(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A4: an updated agent has the new values, the old creation time, and an update time that is not older."""
        repository.create_session(session(session_id))
        repository.create_agent(session_id, agent(state={"count": 1}))
        changed = agent(
            state={"count": 2},
            conversation_manager_state={"__name__": "SlidingWindowConversationManager", "removed_message_count": 7},
            created_at=LATER,
            updated_at=LATER,
        )
        repository.update_agent(session_id, replace(changed))
        stored = reopen().read_agent(session_id, AGENT_ID)
        assert stored is not None
        assert stored.updated_at >= EARLY
        assert_same_record(replace(stored, updated_at=LATER), replace(changed, created_at=EARLY))

    @agents
    @hint("An update of a record that is not there is an error: an upsert would bring back a deleted session in part.")
    def test_update_of_missing_agent_is_refused(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A5: an agent that does not exist cannot be updated, and is not created by it."""
        with pytest.raises(package.SessionNotFoundError):
            repository.update_agent(session_id, agent())
        repository.create_session(session(session_id))
        with pytest.raises(package.SessionNotFoundError):
            repository.update_agent(session_id, agent())
        assert reopen().read_agent(session_id, AGENT_ID) is None

    @messages
    @hint("An update of a record that is not there is an error. In SQL: look at the number of rows that it changed.")
    def test_update_of_missing_message_is_refused(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A5: a message that does not exist cannot be updated, and is not created by it."""
        create(repository, session_id, message(0))
        with pytest.raises(package.SessionNotFoundError):
            repository.update_message(session_id, AGENT_ID, message(1))
        with pytest.raises(package.SessionNotFoundError):
            repository.update_message(session_id, "nobody", message(0))
        assert ids(reopen().list_messages(session_id, AGENT_ID)) == [0]

    @sessions
    @hint("Name the parameters as strands' SessionRepository does, and take **kwargs: the SDK calls by keyword.")
    def test_session_methods_take_keywords(self, repository: Any, session_id: str) -> None:
        """A6: the methods for sessions take the interface's keywords, and keywords of a later SDK."""
        repository.create_session(session=session(session_id), later=1)
        assert repository.read_session(session_id=session_id, later=1) is not None

    @agents
    @hint("Name the parameters as strands' SessionRepository does, and take **kwargs: the SDK calls by keyword.")
    def test_agent_methods_take_keywords(self, repository: Any, session_id: str) -> None:
        """A6: the methods for agents take the interface's keywords, and keywords of a later SDK."""
        repository.create_session(session(session_id))
        repository.create_agent(session_id=session_id, session_agent=agent(), later=1)
        repository.update_agent(session_id=session_id, session_agent=agent(), later=1)
        assert repository.read_agent(session_id=session_id, agent_id=AGENT_ID, later=1) is not None

    @messages
    @hint("Name the parameters as strands' SessionRepository does, and take **kwargs: the SDK calls by keyword.")
    def test_message_methods_take_keywords(self, repository: Any, session_id: str) -> None:
        """A6: the methods for messages take the interface's keywords, and keywords of a later SDK."""
        create(repository, session_id)
        key: dict[str, Any] = {"session_id": session_id, "agent_id": AGENT_ID, "later": 1}
        repository.create_message(**key, session_message=message(0))
        repository.update_message(**key, session_message=message(0, "changed"))
        assert repository.read_message(**key, message_id=0) is not None
        assert texts(repository.list_messages(**key, limit=1, offset=0)) == ["changed"]

    @agents
    @hint("Refuse the agent with a SessionException, not with the driver's own error; or store it so that it is found.")
    def test_agent_without_session(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A7: an agent of a session that never existed is refused, or can be read; group I deletes it."""
        try:
            repository.create_agent(session_id, agent())
        except SessionException:
            assert reopen().read_agent(session_id, AGENT_ID) is None
        else:
            assert_same_record(reopen().read_agent(session_id, AGENT_ID), agent())

    @agents
    @hint("Serialise when the method is called, and build a new object at each read: callers change what they get.")
    def test_agent_is_a_copy(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A12: changing an agent record after it was written, or after it was read, changes nothing stored."""
        written = agent(state={"list": [1]})
        repository.create_session(session(session_id))
        repository.create_agent(session_id, written)
        written.state["list"].append(2)
        changed = agent(state={"list": [3]})
        repository.update_agent(session_id, changed)
        changed.state["list"].append(4)
        read = repository.read_agent(session_id, AGENT_ID)
        assert read is not None
        read.state["list"].append(5)
        for place in (repository, reopen()):
            stored = place.read_agent(session_id, AGENT_ID)
            assert stored is not None
            assert_same(stored.state, {"list": [3]})

    @messages
    @hint("Serialise when the method is called, and build a new object at each read: callers change what they get.")
    def test_message_is_a_copy(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A12: changing a message after it was written, or after it was read, changes nothing stored."""
        written = message(0, "as written")
        create(repository, session_id, written)
        written.message["content"][0]["text"] = "changed"
        repository.list_messages(session_id, AGENT_ID)[0].message["content"][0]["text"] = "changed"
        read = repository.read_message(session_id, AGENT_ID, 0)
        assert read is not None
        read.message["content"].clear()
        for place in (repository, reopen()):
            assert_same_record(place.read_message(session_id, AGENT_ID, 0), message(0, "as written"))
            assert_same_record(place.list_messages(session_id, AGENT_ID)[0], message(0, "as written"))
