"""One random history of a repository: each step is done to the store and to a model of it, and must end alike."""

import contextlib
import time
import uuid
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from strands.types.exceptions import SessionException
from strands.types.session import SessionMessage

from .batches import batch
from .compared import ComparedHistory, Stores, Tally, close, outcome
from .model import agent_ids, bodies, documents, malformed_ids, session_ids, times, unstorable
from .multi_agents import Orchestrator
from .package import Batch
from .records import EARLY, agent, create, message, session

one_session = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1, 1, 2])
one_agent = st.sampled_from([0, 0, 0, 0, 0, 1])
one_writer = st.sampled_from([0, 1])
one_id = st.integers(0, 4)


def layout(runs: list[tuple[int, int]], more: int, is_reversed: bool) -> dict[str, Any]:
    """Return a layout as managers write it: runs of records, apart from each other, and what follows them."""
    entries: list[list[int]] = []
    end = 0
    for gap, length in runs:
        entries.append([end + gap, end + gap + length])
        end += gap + length + 1
    return {"layout": entries[::-1] if is_reversed else entries, "next": end + more}


layouts = st.none() | st.builds(layout, st.lists(st.tuples(one_id, one_id), max_size=2), one_id, st.booleans())


class HistoryOfRecords(ComparedHistory):
    """One history. A step that the model refuses must be refused by the store, by the same error."""

    def __init__(self, stores: Stores, tally: Tally) -> None:
        """Start with nothing stored."""
        super().__init__(stores, tally)
        self.last_message: tuple[str, str, SessionMessage] | None = None
        self.last_batches: tuple[Batch, Batch] | None = None
        self.seen: dict[tuple[str, str], tuple[str | None, str | None, int]] = {}
        self.secrets: set[str] = set()

    @initialize(
        sessions=st.lists(session_ids, min_size=3, max_size=3, unique=True),
        agents=st.lists(agent_ids, min_size=2, max_size=2, unique=True),
    )
    def start(self, sessions: list[str], agents: list[str]) -> None:
        """Choose ids, and store something, so that most steps meet something."""
        self.sessions = [template.replace("{}", self.token) for template in sessions]
        self.agents = agents
        first = [message(message_id) for message_id in (0, 1, 3)]
        for repository in (self.model, self.stores.writers[0]):
            create(repository, self.sessions[0], *first, agent_id=agents[0])
            create(repository, self.sessions[0], *first, agent_id=agents[1])
            create(repository, self.sessions[1], *first, agent_id=agents[0])
        self.last_message = self.sessions[0], agents[0], first[-1]
        self.check(self.sessions[0])

    # -- Sessions and agents

    @rule(s=one_session, by=one_writer, at=times)
    def create_session(self, s: int, by: int, at: str) -> None:
        """Create a session, unless it is there."""
        self.write(by, "create_session", session(self.sessions[s], created_at=at))

    @rule(s=one_session, a=one_agent, by=one_writer, create=st.booleans(), at=times, state=documents, kept=layouts)
    def put_agent(self, s: int, a: int, by: int, create: bool, at: str, state: Any, kept: Any) -> None:
        """Create or replace an agent, whatever a restore of it needs."""
        record = self.new_agent(a, at, state, kept)
        self.write(by, "create_agent" if create else "update_agent", self.sessions[s], record)

    @rule(s=one_session, by=one_writer)
    def delete_session(self, s: int, by: int) -> None:
        """Delete a session, if it is there."""
        self.write(by, "delete_session", self.sessions[s])

    @precondition(lambda self: self.backend.ttl)
    @rule(s=one_session)
    def expire(self, s: int) -> None:
        """Let a session expire, if it is there."""
        session_id = self.sessions[s]
        if self.model.read_session(session_id) is None:
            return
        repository = self.backend.repository(ttl=0.005)
        repository.create_agent(session_id, agent(f"{uuid.uuid4()}"))
        end = time.monotonic() + 20
        while self.stores.reader.read_session(session_id) is not None:
            assert time.monotonic() < end, "the session did not expire"
            time.sleep(0.005)
        close(repository)
        self.model.expire(session_id)
        self.check(session_id)

    # -- Messages

    @rule(s=one_session, a=one_agent, by=one_writer, gap=st.sampled_from([0, 0, 0, 1, 8]), body=bodies, at=times)
    def append(self, s: int, a: int, by: int, gap: int, body: Any, at: str) -> None:
        """Append a message, sometimes behind a gap."""
        place = self.sessions[s], self.agents[a]
        last = self.model.read_log(*place)
        record = SessionMessage(body, (last[2] if last else 0) + gap, None, at, at)
        if self.write(by, "create_message", *place, record):
            self.last_message = (*place, record)

    @rule(s=one_session, a=one_agent, by=one_writer, message_id=one_id, body=bodies)
    def create_anywhere(self, s: int, a: int, by: int, message_id: int, body: Any) -> None:
        """Create a message under an id that may be taken."""
        self.write(by, "create_message", self.sessions[s], self.agents[a], SessionMessage(body, message_id))

    @rule(by=one_writer)
    def append_again(self, by: int) -> None:
        """Repeat the last append, as after a lost reply, by whichever writer, whatever happened since."""
        if self.last_message:
            self.write(by, "create_message", *self.last_message)

    @rule(s=one_session, a=one_agent, by=one_writer, message_id=one_id, body=bodies, at=times)
    def update_message(self, s: int, a: int, by: int, message_id: int, body: Any, at: str) -> None:
        """Replace a message, if it is there."""
        record = SessionMessage(body, message_id, None, at, at)
        self.write(by, "update_message", self.sessions[s], self.agents[a], record)

    @rule(s=one_session, a=one_agent, by=one_writer, message_id=one_id, body=bodies)
    def redact(self, s: int, a: int, by: int, message_id: int, body: Any) -> None:
        """Write a secret where there is a message, and redact it."""
        secret, place = f"secret {uuid.uuid4().hex}", (self.sessions[s], self.agents[a])
        if self.write(by, "update_message", *place, message(message_id, secret)):
            original = message(message_id, secret).message
            if self.write(by, "update_message", *place, SessionMessage(original, message_id, body, EARLY, EARLY)):
                self.secrets.add(secret)

    @rule(s=one_session, a=one_agent, by=one_writer, limit=st.none() | st.integers(0, 3), offset=st.integers(0, 3))
    def list_messages(self, s: int, a: int, by: int, limit: int | None, offset: int) -> None:
        """Read a page."""
        self.read(self.stores.writers[by], "list_messages", self.sessions[s], self.agents[a], limit, offset)

    # -- The batch

    @precondition(lambda self: self.backend.atomic_batch)
    @rule(s=one_session, a=one_agent, by=one_writer)
    def read_log(self, s: int, a: int, by: int) -> None:
        """Read what a restore needs, as a manager does that writes later on: `write_log`."""
        place = self.sessions[s], self.agents[a]
        self.check_log(self.stores.writers[by], *place)
        stored, expected = self.stores.writers[by].read_log(*place), self.model.read_log(*place)
        next_id = expected[2] if expected else 0
        self.seen[place] = (stored and stored.version, self.model.version(*place), next_id)

    @precondition(lambda self: self.backend.atomic_batch)
    @rule(
        s=one_session,
        a=one_agent,
        by=one_writer,
        fresh=st.booleans(),
        create=st.lists(bodies, max_size=2),
        update=st.dictionaries(one_id, bodies, max_size=2),
        head=st.none() | st.tuples(documents, layouts),
        shift=st.sampled_from([0, 0, 0, 0, -1, 1]),
        at=times,
    )
    def write_log(
        self,
        s: int,
        a: int,
        by: int,
        fresh: bool,
        create: list[Any],
        update: dict[int, Any],
        head: Any,
        shift: int,
        at: str,
    ) -> None:
        """Save as a manager does that read or wrote the agent just now, a while ago, or never."""
        place = self.sessions[s], self.agents[a]
        if fresh:
            self.read_log(s, a, by)
        version, known, next_id = self.seen.get(place, (None, None, 0))
        next_id = max(next_id + shift, 0) if version else 0
        stored = self.model.read_agent(*place)
        new = [SessionMessage(body, message_id, None, at, at) for message_id, body in enumerate(create, next_id)]
        changed = [
            self.changed(place, message_id, body, at) for message_id, body in update.items() if message_id < next_id
        ]
        record = self.new_agent(a, stored.created_at if stored else at, *head) if head else None
        if version is None:
            changed, record = [], record or self.new_agent(a, at, {}, None)
        if not (new or changed or record):
            return
        new_version = uuid.uuid4().hex if record or changed else None
        values = {"agent_id": place[1], "create": new, "update": changed, "agent": record, "next_id": next_id}
        expected = batch(place[0], **values, version=known, new_version=new_version or known)
        actual = replace(expected, version=version, new_version=new_version or str(version))
        if self.write_batch(by, actual, expected):
            self.seen[place] = (actual.new_version, expected.new_version, next_id + len(new))
            self.last_batches = actual, expected

    @precondition(lambda self: self.backend.atomic_batch)
    @rule(by=one_writer)
    def write_log_again(self, by: int) -> None:
        """Repeat the last save, as after a lost reply, by whichever writer, whatever happened since."""
        if self.last_batches:
            self.write_batch(by, *self.last_batches)

    # -- Graphs, listings

    @precondition(lambda self: self.backend.multi_agent)
    @rule(s=one_session, a=one_agent, by=one_writer, create=st.booleans(), state=documents)
    def put_multi_agent(self, s: int, a: int, by: int, create: bool, state: Any) -> None:
        """Create or replace the state of a graph."""
        graph = Orchestrator(self.agents[a])
        graph.state = state
        self.write(by, "create_multi_agent" if create else "update_multi_agent", self.sessions[s], graph)

    @precondition(lambda self: self.backend.list_sessions)
    @rule(s=one_session, by=one_writer, length=st.integers(0, 6))
    def list_sessions(self, s: int, by: int, length: int) -> None:
        """List by a prefix of an id, at least up to where it is this history's own."""
        session_id = self.sessions[s]
        prefix = session_id[: session_id.index(self.token) + len(self.token) + length]
        listed = sorted(self.stores.writers[by].list_sessions(prefix), key=lambda one: one.session_id)
        self.compare(listed, self.model.list_sessions(prefix), f"list_sessions({prefix!r})")

    # -- What goes wrong

    @rule(s=one_session, a=one_agent, by=one_writer, bad=malformed_ids)
    def malformed(self, s: int, a: int, by: int, bad: Any) -> None:
        """Use a malformed id."""
        repository, other = self.stores.writers[by], (self.sessions[s], self.agents[a])
        bad = bad.replace("{}", self.token) if isinstance(bad, str) else bad
        for call in (
            lambda: repository.create_session(session(bad)),
            lambda: repository.create_agent(other[0], agent(bad)),
            lambda: repository.create_message(bad, other[1], message(0)),
            lambda: repository.update_message(other[0], bad, message(0)),
            lambda: repository.delete_session(bad),
        ):
            error = outcome(call)
            assert isinstance(error, ValueError), f"{bad!r} is no ValueError, but {error!r}"
        self.check(other[0])

    @rule(s=one_session, a=one_agent, by=one_writer, message_id=one_id, what=unstorable)
    def unstorable(self, s: int, a: int, by: int, message_id: int, what: Any) -> None:
        """Write something that no JSON can express, where there is something, and where there is not."""
        place, content = (self.sessions[s], self.agents[a]), {"toolUse": {"toolUseId": "1", "name": "t", "input": what}}
        self.write(by, "create_message", *place, message(message_id, content))
        self.write(by, "update_message", *place, message(message_id, content))
        self.write(by, "create_agent", place[0], agent(place[1], state={"what": what}))
        self.write(by, "update_agent", place[0], agent(place[1], state={"what": what}))

    @rule(by=one_writer)
    def reopen(self, by: int) -> None:
        """Go on with a new connection."""
        self.stores.reopen(by)

    @precondition(lambda self: self.stores.wire)
    @rule(reply=st.booleans())
    def cut(self, reply: bool) -> None:
        """Cut the connections: now, or in place of the reply to a write."""
        assert self.stores.wire
        self.loses_reply, self.stores.is_cut = reply, True
        if not reply:
            self.stores.wire.cut()

    # -- The end

    def teardown(self) -> None:
        """Look at everything once more, and delete it."""
        try:
            for session_id in self.sessions:
                self.check(session_id, whole=session_id in self.touched)
            self.stores.check_redacted(self.secrets)
        finally:
            for session_id in self.model.sessions:
                with contextlib.suppress(SessionException):  # a step that failed
                    self.stores.reader.delete_session(session_id)

    # -- What is written

    def new_agent(self, a: int, at: str, state: Any, kept: Any) -> Any:
        """An agent with a layout as a manager writes it, or with the SDK's own rule."""
        internal = {} if kept is None else {"strands_session": {"format": 1, "system_prompt": None, **kept}}
        trimmed = {"__name__": "NullConversationManager", "removed_message_count": len(state)}
        return agent(
            self.agents[a], created_at=at, state=state, conversation_manager_state=trimmed, _internal_state=internal
        )

    def changed(self, place: tuple[str, str], message_id: int, body: Any, at: str) -> SessionMessage:
        """A message that takes the place of one that is there, which has kept when it was created."""
        stored = self.model.read_message(*place, message_id)
        return SessionMessage(body, message_id, None, stored.created_at if stored else at, at)
