"""Groups J and Q, at the repository: a whole save in one step, and a whole restore in one read."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from . import package
from .backend import Backend
from .cases import Cases, hint, lacks, lifecycle, quick, requires
from .faults_of_records import use_single_methods
from .package import Batch
from .records import AGENT_ID, agent, create, ids, message, session, texts
from .same import assert_same, assert_same_record

Reopen = Callable[..., Any]


@quick
@lifecycle
class Batches(Cases):
    """Groups J and Q, at the repository."""

    @pytest.fixture(params=["batch", "single methods"])
    def logs(self, request: pytest.FixtureRequest, reopen: Reopen) -> Any:
        """A repository that reads logs: once by its own method, once by the single methods."""
        repository = reopen()
        if request.param == "single methods":
            use_single_methods(repository)
        return repository

    @requires("atomic_batch")
    @hint("Everything that a batch holds is there when write_log returns.")
    def test_batch_is_written(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """P1: a batch creates an agent with its messages; the next one appends, replaces, and writes the agent."""
        repository.create_session(session(session_id))
        first = batch(session_id, create=[message(0), message(1)], agent=agent(), new_version="v1")
        repository.write_log(first)
        assert_same_record(reopen().read_agent(session_id, AGENT_ID), agent())
        later = "2024-05-01T00:00:00+00:00"
        changed = agent(state={"a": 1}, _internal_state={"model_state": {"blob": b"\x00"}}, updated_at=later)
        new = message(0, "new", updated_at=later)
        second = batch(session_id, create=[message(2)], update=[new], agent=changed, version="v1", next_id=2)
        repository.write_log(second)
        again = reopen()
        assert_same_record(again.read_message(session_id, AGENT_ID, 0), new)
        assert_same_record(again.read_agent(session_id, AGENT_ID), changed)
        assert texts(again.list_messages(session_id, AGENT_ID)) == ["new", "text 1", "text 2"]
        assert again.read_log(session_id, AGENT_ID).version == second.new_version

    @requires("atomic_batch")
    @hint("A store answers with so many records at a time, and a script takes so many values: fetch them in portions.")
    def test_long_conversation(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """P1: 10,000 messages, appended by 100 batches, come back by one restore: all of them, in order."""
        create(repository, session_id)
        version = repository.read_log(session_id, AGENT_ID).version
        for first in range(0, 10_000, 100):
            new = [message(number) for number in range(first, first + 100)]
            repository.write_log(batch(session_id, create=new, version=version, new_version=version, next_id=first))
        assert ids(reopen().read_log(session_id, AGENT_ID).messages) == list(range(10_000))

    @requires("atomic_batch")
    @hint("Ids and versions are those of one agent in one session: a condition that names one of the two is too weak.")
    def test_logs_are_independent(self, repository: Any, reopen: Reopen, new_session_id: Callable[..., str]) -> None:
        """H6: batches for two agents in each of two sessions, with the same ids and versions, keep to their own."""
        places = [(session_id, name) for session_id in (new_session_id(), new_session_id()) for name in ("a", "b")]
        lengths = dict(zip(places, (1, 1, 1, 2), strict=True))  # equal with the same session, and with the same id
        for session_id, _ in places[::2]:
            repository.create_session(session(session_id))
        for session_id, name in places:
            old = [message(number, f"{session_id} {name}") for number in range(lengths[session_id, name])]
            values = {"agent_id": name, "create": old, "agent": agent(name), "new_version": "v1"}
            repository.write_log(batch(session_id, **values))
        repository.create_agent(places[0][0], agent("c"))
        for number in range(5):
            repository.create_message(places[0][0], "c", message(number))
        repository.update_message(places[0][0], "c", message(0, "changed"))
        repository.update_agent(places[0][0], agent("c", state={"a": 1}))
        for session_id, name in places:
            length = lengths[session_id, name]
            new, changed = [message(length, f"new {name}")], [message(0, f"changed {name}")]
            values = {"agent_id": name, "create": new, "update": changed, "version": "v1", "new_version": "v2"}
            values |= {"agent": agent(name, state={"name": name}), "next_id": length}
            repository.write_log(batch(session_id, **values))
            last = {"create": [message(length + 1, f"last {name}")], "next_id": length + 1}
            repository.write_log(batch(session_id, agent_id=name, version="v2", new_version="v2", **last))
        for session_id, name in places:
            stored, length = reopen().read_log(session_id, name), lengths[session_id, name]
            old = [f"{session_id} {name}"] * (length - 1)
            assert texts(stored.messages) == [f"changed {name}", *old, f"new {name}", f"last {name}"]
            assert (stored.next_id, stored.agent.state) == (length + 2, {"name": name})

    @requires("atomic_batch")
    @pytest.mark.parametrize("fault", ["taken id", "missing message", "stale version", "missing agent"])
    @hint("One transaction, one script, one request: a batch of which a part cannot be written leaves nothing.")
    def test_all_or_nothing(self, repository: Any, reopen: Reopen, session_id: str, fault: str) -> None:
        """Q2: a batch of which one part is refused is refused as a whole, by the error that says why."""
        create(repository, session_id, message(0), message(1))
        before = reopen().read_log(session_id, AGENT_ID)
        good = batch(
            session_id,
            create=[message(2), message(3)],
            update=[message(0, "new")],
            agent=agent(state={"a": 1}),
            version=before.version,
            next_id=2,
        )
        bad, error = {
            "taken id": (
                replace(good, create=[message(1, "other"), message(2)], next_id=1),
                package.SessionConflictError,
            ),
            "missing message": (replace(good, update=[message(0, "new"), message(9)]), package.SessionNotFoundError),
            "stale version": (replace(good, version="stale"), package.SessionConflictError),
            "missing agent": (replace(good, agent_id="nobody", agent=agent("nobody")), package.SessionNotFoundError),
        }[fault]
        with pytest.raises(error):
            repository.write_log(bad)
        again = reopen()
        assert again.read_log(session_id, AGENT_ID) == before
        assert again.read_agent(session_id, "nobody") is None
        repository.write_log(good)
        assert texts(reopen().list_messages(session_id, AGENT_ID)) == ["new", "text 1", "text 2", "text 3"]

    @requires("atomic_batch")
    @hint(
        "A batch names the first id that its writer holds for free: a message there, or behind it, is another writer's."
    )
    def test_message_of_another_writer(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """Q6: a batch without new messages is refused where another writer appended, and nothing of it is written."""
        create(repository, session_id, message(0))
        stored = reopen().read_log(session_id, AGENT_ID)
        repository.create_message(session_id, AGENT_ID, message(1, "another writer's"))
        for change in (
            {"agent": agent(state={"a": 1})},
            {"update": [message(0, "new")]},
            {"create": [message(1, "mine")]},
        ):
            with pytest.raises(package.SessionConflictError):
                repository.write_log(batch(session_id, version=stored.version, next_id=1, **change))
        assert texts(reopen().list_messages(session_id, AGENT_ID)) == ["text 0", "another writer's"]
        assert_same_record(reopen().read_agent(session_id, AGENT_ID), agent())

    @requires("atomic_batch")
    @hint("The next id is the one behind the highest, whichever message was stored last.")
    def test_batch_behind_single_messages(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """G2: messages that were stored one by one, the highest first, are followed by those of a batch."""
        create(repository, session_id, *(message(number) for number in (7, 2, 3)))
        stored = reopen().read_log(session_id, AGENT_ID)
        assert stored.next_id == 8
        repository.write_log(batch(session_id, create=[message(8)], version=stored.version, next_id=8))
        assert ids(reopen().list_messages(session_id, AGENT_ID)) == [2, 3, 7, 8]

    @requires("atomic_batch")
    @pytest.mark.parametrize("left", [0, 1])
    @hint("A server that lost its last writes has fewer messages than its writer knows: an append would leave a gap.")
    def test_store_that_fell_back(self, repository: Any, reopen: Reopen, session_id: str, left: int) -> None:
        """Q4: a batch that knows of messages after the last one stored is refused, and nothing of it is written."""
        create(repository, session_id, message(7), agent_id="other")
        create(repository, session_id, *(message(number) for number in range(left)))
        stored = reopen().read_log(session_id, AGENT_ID)
        for change in (
            {"agent": agent(state={"a": 1})},
            {"update": [message(0, "new")]},
            {"create": [message(3, "mine")]},
            {"create": [message(3, "mine")], "new_version": stored.version},
        ):
            with pytest.raises(package.SessionConflictError, match=f"message_id=<{left}>"):
                repository.write_log(batch(session_id, version=stored.version, next_id=3, **change))
        assert reopen().read_log(session_id, AGENT_ID) == stored

    @requires("atomic_batch")
    @pytest.mark.parametrize("kind", ["new agent", "append", "rewrite", "agent"])
    @hint("A batch whose reply was lost is repeated to the byte: recognise it by its new version, or by its records.")
    def test_repeated_batch(self, repository: Any, reopen: Reopen, session_id: str, kind: str) -> None:
        """J3, Q7: the same batch again, as after a lost reply, is success, and changes nothing."""
        repository.create_session(session(session_id))
        first = batch(session_id, create=[message(0)], agent=agent(), new_version="v1")
        repository.write_log(first)
        repeated = {
            "new agent": first,
            "append": batch(session_id, create=[message(1), message(2)], version="v1", new_version="v1", next_id=1),
            "rewrite": batch(session_id, update=[message(0, "new")], create=[message(1)], version="v1", next_id=1),
            "agent": batch(session_id, agent=agent(state={"a": 1}), version="v1", next_id=1),
        }[kind]
        if kind != "new agent":
            repository.write_log(repeated)
        before = reopen().read_log(session_id, AGENT_ID)
        repository.write_log(repeated)
        reopen().write_log(repeated)
        assert reopen().read_log(session_id, AGENT_ID) == before

    @requires("atomic_batch")
    @hint(
        "Only an append may go on under the version that it was read at. Every other batch gives the agent a new one."
    )
    def test_append_that_is_not_the_same(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """J3: a batch that appends other messages under the same ids, or does more, is no repeat: it is refused."""
        create(repository, session_id)
        version = reopen().read_log(session_id, AGENT_ID).version
        mine = batch(session_id, create=[message(0), message(1)], version=version, new_version=version)
        repository.write_log(mine)
        for other in ([message(0), message(1, "other")], [message(0)], [message(0), message(1), message(2)]):
            with pytest.raises(package.SessionConflictError):
                repository.write_log(replace(mine, create=other))
        with pytest.raises(package.SessionConflictError):
            repository.write_log(replace(mine, agent=agent(state={"a": 1}), new_version="v2"))
        assert_same_record(reopen().read_agent(session_id, AGENT_ID), agent())
        assert texts(reopen().list_messages(session_id, AGENT_ID)) == ["text 0", "text 1"]

    @requires("atomic_batch")
    @hint("The agent is created by one of two batches, as a session is by one of two processes.")
    def test_agent_created_twice(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A3: of two batches that create the same agent the second one is refused, and the first one's agent stays."""
        repository.create_session(session(session_id))
        repository.write_log(batch(session_id, create=[message(0)], agent=agent(state={"who": "first"})))
        with pytest.raises(package.SessionConflictError):
            reopen().write_log(batch(session_id, agent=agent(state={"who": "second"})))
        stored = reopen().read_log(session_id, AGENT_ID)
        assert_same(stored.agent.state, {"who": "first"})
        assert ids(stored.messages) == [0]

    @requires("atomic_batch")
    @pytest.mark.parametrize("change", ["agent", "message"])
    @hint("The single methods change what a batch builds on: give the agent a new version there, too.")
    def test_version_of_single_methods(self, repository: Any, reopen: Reopen, session_id: str, change: str) -> None:
        """Q6: after an update by a single method, as the SDK's manager makes it, an older batch is refused."""
        create(repository, session_id, message(0))
        version = reopen().read_log(session_id, AGENT_ID).version
        if change == "agent":
            repository.update_agent(session_id, agent(state={"a": 1}))
        else:
            repository.update_message(session_id, AGENT_ID, message(0, "new"))
        with pytest.raises(package.SessionConflictError):
            repository.write_log(batch(session_id, agent=agent(), version=version, next_id=1))

    @requires("atomic_batch")
    @hint("A batch for a session that is gone is an error, and creates neither a session nor an agent without one.")
    def test_session_is_gone(self, backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> None:
        """Q3, Q4: a batch for a deleted session is refused, whether it appends or creates, and leaves nothing."""
        create(repository, session_id, message(0))
        version = reopen().read_log(session_id, AGENT_ID).version
        reopen().delete_session(session_id)
        append = batch(session_id, create=[message(1)], version=version, new_version=version, next_id=1)
        for gone in (append, batch(session_id, agent=agent(), create=[message(0)])):
            with pytest.raises(package.SessionNotFoundError):
                repository.write_log(gone)
        assert session_id.encode() not in backend.dump()

    @hint("None, as read_agent returns it: the manager then creates the agent.")
    def test_log_of_nobody(self, logs: Any, repository: Any, session_id: str) -> None:
        """A1: the log of an agent, or of a session, that does not exist is None."""
        assert logs.read_log(session_id, AGENT_ID) is None
        repository.create_session(session(session_id))
        assert logs.read_log(session_id, AGENT_ID) is None

    @hint("Ask `wanted` which records the agent's layout names, and fetch those: not all, and not fewer.")
    @pytest.mark.parametrize("distance", [1, 10**9])
    def test_log_is_what_a_restore_needs(self, logs: Any, repository: Any, session_id: str, distance: int) -> None:
        """P4: a log holds the records that the layout names and all that follow it, in order, and the next free id."""
        runs = [[0, 1], [12, 12], [9, 10], [1, 1]]
        layout: list[Any] = [[first * distance, last * distance] for first, last in runs]
        layout.insert(1, {"role": "user", "content": []})
        create(repository, session_id, *(message(number * distance) for number in range(16) if number != 5))
        kept = {"strands_session": {"format": 1, "layout": layout, "next": 14 * distance}}
        repository.update_agent(session_id, agent(_internal_state=kept))
        stored = logs.read_log(session_id, AGENT_ID)
        assert ids(stored.messages) == [number * distance for number in (0, 1, 9, 10, 12, 14, 15)]
        assert stored.next_id == 15 * distance + 1
        for record in stored.messages:
            assert_same_record(record, message(record.message_id))

    @hint("An agent record without a layout was written by the SDK's manager: all records but those that it removed.")
    def test_log_without_layout(self, logs: Any, repository: Any, session_id: str) -> None:
        """N12: the log of an agent that the SDK's manager wrote holds all records from its offset on."""
        create(repository, session_id, *(message(number) for number in range(12)))
        assert ids(logs.read_log(session_id, AGENT_ID).messages) == list(range(12))
        repository.update_agent(session_id, agent(conversation_manager_state={"removed_message_count": 9}))
        stored = logs.read_log(session_id, AGENT_ID)
        assert (ids(stored.messages), stored.next_id) == ([9, 10, 11], 12)

    @lacks("atomic_batch")
    @hint("Declare atomic_batch in tests/conftest.py, or remove write_log and read_log.")
    def test_no_batch(self, repository: Any) -> None:
        """A backend that does not declare atomic_batch has no batch of its own."""
        for name in ("write_log", "read_log"):
            assert getattr(type(repository), name) is getattr(package.LogRepository, name)


def batch(session_id: str, **values: Any) -> Batch:
    """Make a batch. Without a version it creates the agent; its own version is new, unless it is given."""
    defaults: dict[str, Any] = {
        "agent_id": AGENT_ID,
        "create": [],
        "update": [],
        "agent": None,
        "next_id": 0,
        "version": None,
        "new_version": uuid.uuid4().hex,
    }
    return Batch(session_id=session_id, **defaults | values)
