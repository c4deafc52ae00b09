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

one_session = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 0, 1, 2])
one_agent = st.sampled_from([0, 0, 0, 0, 0, 0, 1])
one_writer = st.sampled_from([0, 1])
one_id = st.sampled_from([0, 1, 1, 3, 3, 2, 4])
gaps = st.sampled_from([0, 0, 0, 0, 1, 8, -1, -2, -3])
mostly = st.sampled_from([True, True, True, False])


def layout(runs: list[tuple[int, int]], more: int, is_reversed: bool) -> dict[str, Any]:
    """Return a layout as managers write it: runs of records, apart from each other, and what follows them."""
    entries: list[list[int]] = []
    end = 0
    for gap, length in runs:
        entries.append([end + gap, end + gap + length])
        end += gap + length + 1
    return {"layout": entries[::-1] if is_reversed else entries, "next": end + more}


lengths = st.integers(0, 3)
layouts = st.none() | st.builds(layout, st.lists(st.tuples(lengths, lengths), max_size=2), lengths, st.booleans())


class HistoryOfRecords(ComparedHistory):
    """One history. A step that the model refuses must be refused by the store, by the same error."""

    def __init__(self, stores: Stores, tally: Tally) -> None:
        """Start with nothing stored."""
        super().__init__(stores, tally)
        self.last_message: tuple[str, str, SessionMessage] = "", "", message(0)
        self.last_batches: tuple[Batch, Batch] | None = None
        self.seen: dict[tuple[str, str], tuple[str | None, str | None, int]] = {}
        self.secrets: set[str] = set()

    @initialize(
        sessions=st.lists(session_ids, min_size=3, max_size=3, unique=True),
        agents=st.lists(agent_ids, min_size=2, max_size=2, unique=True),
    )
    def start(self, sessions: list[str], agents: list[str]) -> None:
        """Choose ids, and store something, so that most steps meet something."""
        self.tally.runs += 1
        self.sessions = [template.replace("{}", self.token) for template in sessions]
        self.agents = agents
        for number in range(2):
            self.fill(number)

    def fill(self, number: int) -> None:
        """Store something in a session, as if somebody went on with it who has read it."""
        session_id = self.sessions[number]
        for agent_id in self.agents[: 1 if number else 2]:
            for repository in (self.model, self.stores.writers[0]):
                create(repository, session_id, *map(message, (0, 1, 3)), agent_id=agent_id)
            self.last_message = session_id, agent_id, message(3)
        if self.backend.multi_agent:
            self.put_multi_agent(number, 0, 0, False, {"filled": uuid.uuid4().hex})
        if self.backend.atomic_batch:
            self.see((session_id, self.agents[0]), 0)
        self.check(session_id)

    # -- Sessions and agents

    @rule(s=st.sampled_from([2, 2, 1, 0]), by=one_writer, at=times)
    def create_session(self, s: int, by: int, at: str) -> None:
        """Create a session, unless it is there."""
        self.write(by, "create_session", session(self.sessions[s], created_at=at))

    @rule(s=one_session, a=one_agent, by=one_writer, update=mostly, at=times, state=documents, kept=layouts)
    def put_agent(self, s: int, a: int, by: int, update: bool, at: str, state: Any, kept: Any) -> None:
        """Create or replace an agent, whatever a restore of it needs."""
        record = self.new_agent(a, at, state, kept)
        self.write(by, "update_agent" if update else "create_agent", self.sessions[s], record)

    @rule(s=one_session, by=one_writer, again=mostly)
    def delete_session(self, s: int, by: int, again: bool) -> None:
        """Delete a session, if it is there; mostly begin it anew."""
        if self.write(by, "delete_session", self.sessions[s]) and again:
            self.fill(s)

    @precondition(lambda self: self.backend.ttl)
    @rule(s=one_session, again=mostly)
    def expire(self, s: int, again: bool) -> None:
        """Let a session expire, if it is there; mostly begin it anew."""
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
        self.touched.add(session_id)
        self.check(session_id)
        if again:
            self.fill(s)

    # -- Messages

    @rule(s=one_session, a=one_agent, by=one_writer, gap=gaps, body=bodies, at=times)
    def create_message(self, s: int, a: int, by: int, gap: int, body: Any, at: str) -> None:
        """Append a message, sometimes behind a gap, or under an id that may be taken."""
        place = self.sessions[s], self.agents[a]
        last = self.model.read_log(*place)
        record = SessionMessage(body, max((last[2] if last else 0) + gap, 0), None, at, at)
        if self.write(by, "create_message", *place, record):
            self.last_message = (*place, record)

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
    @rule(
        s=one_session,
        a=one_agent,
        by=one_writer,
        fresh=mostly,
        create=st.lists(bodies, max_size=2),
        update=st.dictionaries(one_id, bodies, max_size=2),
        head=st.none() | st.tuples(documents, layouts),
        meanwhile=st.sampled_from([None, None, None, "create_message", "update_message", "update_agent"]),
        shift=st.sampled_from([0, 0, 0, 0, 0, 0, -1, 1]),
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
        meanwhile: str | None,
        shift: int,
        at: str,
    ) -> None:
        """Save as a manager does that read or wrote the agent just now, a while ago, or never, and maybe is late."""
        place = self.sessions[s], self.agents[a]
        if fresh:
            self.see(place, by)
        version, known, next_id = self.seen.get(place, (None, None, 0))
        if meanwhile == "update_agent":
            self.write(1 - by, meanwhile, place[0], self.new_agent(a, at, {}, None))
        elif meanwhile:
            self.write(1 - by, meanwhile, *place, message(next_id if meanwhile == "create_message" else 0, "meanwhile"))
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

    @rule(by=one_writer, batch=st.booleans())
    def write_again(self, by: int, batch: bool) -> None:
        """Repeat the last save or append, as after a lost reply, by whichever writer, whatever happened since."""
        if batch and self.last_batches:
            self.write_batch(by, *self.last_batches)
        else:
            self.write(by, "create_message", *self.last_message)

    # -- Graphs, listings

    @precondition(lambda self: self.backend.multi_agent)
    @rule(s=one_session, a=one_agent, by=one_writer, update=st.booleans(), state=documents)
    def put_multi_agent(self, s: int, a: int, by: int, update: bool, state: Any) -> None:
        """Create or replace the state of a graph."""
        graph = Orchestrator(self.agents[a])
        graph.state = state
        self.write(by, "update_multi_agent" if update else "create_multi_agent", self.sessions[s], graph)

    @precondition(lambda self: self.backend.list_sessions)
    @rule(s=one_session, by=one_writer, length=st.integers(0, 6), page_size=st.integers(1, 3))
    def list_sessions(self, s: int, by: int, length: int, page_size: int) -> None:
        """List by a prefix of an id, at least up to where it is this history's own."""
        session_id = self.sessions[s]
        prefix = session_id[: session_id.index(self.token) + len(self.token) + length]
        listed = sorted(
            self.stores.writers[by].list_sessions(prefix, page_size=page_size), key=lambda one: one.session_id
        )
        self.compare(listed, self.model.list_sessions(prefix), f"list_sessions({prefix!r})")

    # -- What goes wrong

    @rule(s=one_session, a=one_agent, by=one_writer, message_id=one_id, bad=malformed_ids, what=unstorable)
    def refuse(self, s: int, a: int, by: int, message_id: int, bad: Any, what: Any) -> None:
        """Use a malformed id, and write what no JSON can express, where there is something and where there is not."""
        repository, place = self.stores.writers[by], (self.sessions[s], self.agents[a])
        bad = bad.replace("{}", self.token) if isinstance(bad, str) else bad
        for call in (
            lambda: repository.create_agent(place[0], agent(bad)),
            lambda: repository.create_message(bad, place[1], message(0)),
            lambda: repository.delete_session(bad),
        ):
            error = outcome(call)
            assert isinstance(error, ValueError), f"{bad!r} is no ValueError, but {error!r}"
        content = {"toolUse": {"toolUseId": "1", "name": "t", "input": what}}
        self.write(by, "create_message", *place, message(message_id, content))
        self.write(by, "update_message", *place, message(message_id, content))
        self.write(by, "update_agent", place[0], agent(place[1], state={"what": what}))

    @rule(by=one_writer, cut=st.sampled_from([None, "now", "reply"]))
    def reconnect(self, by: int, cut: str | None) -> None:
        """Go on with a new connection, or cut those there are: now, or in place of the reply to a write."""
        if cut is None or self.stores.wire is None:
            self.stores.reopen(by)
            return
        self.loses_reply, self.stores.is_cut = cut == "reply", True
        if cut == "now":
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

    def see(self, place: tuple[str, str], by: int) -> None:
        """Read what a restore needs, as a manager does that writes later on: `write_log`."""
        self.check_log(self.stores.writers[by], *place)
        stored, expected = self.stores.writers[by].read_log(*place), self.model.read_log(*place)
        next_id = expected[2] if expected else 0
        self.seen[place] = (stored and stored.version, self.model.version(*place), next_id)

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
