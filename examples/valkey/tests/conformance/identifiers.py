"""Group H: ids are data. They never meet, reach no further than they say, and are checked before anything is sent."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from .backend import Backend
from .cases import Cases, agents, deletion, hint, messages, quick, requires, sessions
from .cases import multi_agents as needs_multi_agents
from .identifiers_of_agents import ALIKE, EMPTY, HOSTILE, NOT_TEXT, ODD
from .multi_agents import Orchestrator
from .records import AGENT_ID, agent, create, ids, message, session, texts

Reopen = Callable[..., Any]


@quick
class Identifiers(Cases):
    """Group H."""

    @messages
    @hint("Compare ids whole and byte by byte: no pattern, no prefix, no collation that folds case or accents.")
    def test_similar_sessions(self, repository: Any, reopen: Reopen, new_session_id: Callable[..., str]) -> None:
        """H1: of sessions with similar ids, one is listed and updated without the others."""
        token = new_session_id()
        session_ids = [new_session_id(template.replace("{}", token)) for template in ALIKE]
        for session_id in session_ids:
            create(repository, session_id, message(0, session_id))
        again = reopen()
        for session_id in session_ids:
            assert texts(again.list_messages(session_id, AGENT_ID)) == [session_id]
            repository.update_message(session_id, AGENT_ID, message(0, f"new {session_id}"))
            repository.update_agent(session_id, agent(state={"id": session_id}))
        for session_id in session_ids:
            assert texts(again.list_messages(session_id, AGENT_ID)) == [f"new {session_id}"]
            stored = again.read_agent(session_id, AGENT_ID)
            assert stored is not None
            assert stored.state == {"id": session_id}

    @deletion
    @hint(
        "delete_session takes an id, not a prefix or a pattern: LIKE, KEYS, SCAN and globs need escaping, or avoiding."
    )
    def test_deletion_among_similar_sessions(
        self, repository: Any, reopen: Reopen, new_session_id: Callable[..., str]
    ) -> None:
        """H1: of sessions with similar ids, one is deleted without the others."""
        token = new_session_id()
        left = [new_session_id(template.replace("{}", token)) for template in ALIKE]
        for session_id in left:
            create(repository, session_id, message(0, session_id))
        again = reopen()
        while left:
            gone = left.pop(0)
            repository.delete_session(gone)
            assert again.read_session(gone) is None
            for session_id in left:
                assert texts(again.list_messages(session_id, AGENT_ID)) == [session_id], f"after deleting {gone!r}"

    @messages
    @hint("Keys that join ids with a separator need it escaped within the ids.")
    def test_similar_agents(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """H1: of agents with similar ids in one session, one is listed and updated without the others."""
        agent_ids = [template.replace("{}", "") for template in ALIKE] + [
            "a:message",
            "a:message:0",
            "a:message:1",
            "agent:a",
        ]
        for agent_id in agent_ids:
            create(repository, session_id, message(0, agent_id), message(1), agent_id=agent_id)
        again = reopen()
        for agent_id in agent_ids:
            assert texts(again.list_messages(session_id, agent_id)) == [agent_id, "text 1"]
            repository.update_message(session_id, agent_id, message(0, f"new {agent_id}"))
        for agent_id in agent_ids:
            assert texts(again.list_messages(session_id, agent_id)) == [f"new {agent_id}", "text 1"]

    @messages
    @hint("A key made of a session's id and an agent's must tell where the one ends and the other begins.")
    def test_ids_that_run_together(self, repository: Any, reopen: Reopen, new_session_id: Callable[..., str]) -> None:
        """H1: session "x:a" with agent "b" is not session "x" with agent "a:b"."""
        token = new_session_id()
        pairs = [
            (f"{token}:a", "b"),
            (token, "a:b"),
            (f"{token}:agent", "a"),
            (token, "agent:a"),
            (f"{token}a", "b"),
            (token, "ab"),
        ]
        for session_id in sorted({session_id for session_id, _ in pairs}):
            repository.create_session(session(new_session_id(session_id)))
        for session_id, agent_id in pairs:
            create(repository, session_id, message(0, f"{session_id} {agent_id}"), agent_id=agent_id)
        again = reopen()
        for session_id, agent_id in pairs:
            assert texts(again.list_messages(session_id, agent_id)) == [f"{session_id} {agent_id}"]

    @sessions
    @pytest.mark.parametrize("template", [*HOSTILE, *EMPTY, *NOT_TEXT])
    @hint("Check ids first, in every method, and raise ValueError: `_records.check_ids` does.")
    def test_malformed_session_id(self, backend: Backend, repository: Any, session_id: str, template: Any) -> None:
        """H2, H3: a session id that is a path, blank, a control character or no text is a ValueError everywhere."""
        bad = template.replace("{}", session_id) if isinstance(template, str) else template
        with pytest.raises(ValueError, match="session_id"):
            repository.create_session(session(bad))
        with pytest.raises(ValueError, match="session_id"):
            repository.read_session(bad)
        assert session_id.encode() not in backend.dump()

    @messages
    @pytest.mark.parametrize("template", [*HOSTILE, *EMPTY, *NOT_TEXT])
    @hint("Check ids first, in every method, and raise ValueError: `_records.check_ids` does.")
    def test_malformed_session_id_of_records(
        self, backend: Backend, repository: Any, session_id: str, template: Any
    ) -> None:
        """H2, H3: a malformed session id is a ValueError for agents and messages, too."""
        bad = template.replace("{}", session_id) if isinstance(template, str) else template
        for call in (
            lambda: repository.create_agent(bad, agent()),
            lambda: repository.read_agent(bad, AGENT_ID),
            lambda: repository.update_agent(bad, agent()),
            lambda: repository.create_message(bad, AGENT_ID, message(0)),
            lambda: repository.read_message(bad, AGENT_ID, 0),
            lambda: repository.update_message(bad, AGENT_ID, message(0)),
            lambda: repository.list_messages(bad, AGENT_ID),
        ):
            with pytest.raises(ValueError, match="session_id"):
                call()
        assert session_id.encode() not in backend.dump()

    @messages
    @pytest.mark.parametrize("template", [*HOSTILE, *EMPTY, *NOT_TEXT])
    @hint("Check ids first, in every method, and raise ValueError: `_records.check_ids` does.")
    def test_malformed_agent_id(self, repository: Any, reopen: Reopen, session_id: str, template: Any) -> None:
        """H2, H3: a malformed agent id is a ValueError everywhere, and touches no record."""
        create(repository, session_id, message(0, "as it was"))
        bad = template.replace("{}", AGENT_ID) if isinstance(template, str) else template
        for call in (
            lambda: repository.create_agent(session_id, agent(bad)),
            lambda: repository.read_agent(session_id, bad),
            lambda: repository.update_agent(session_id, agent(bad)),
            lambda: repository.create_message(session_id, bad, message(1)),
            lambda: repository.read_message(session_id, bad, 0),
            lambda: repository.update_message(session_id, bad, message(0)),
            lambda: repository.list_messages(session_id, bad),
        ):
            with pytest.raises(ValueError, match="agent_id"):
                call()
        assert texts(reopen().list_messages(session_id, AGENT_ID)) == ["as it was"]

    @deletion
    @pytest.mark.parametrize("template", [*HOSTILE, *EMPTY, *NOT_TEXT])
    @hint("delete_session checks its id as well: an empty one must not mean all sessions.")
    def test_malformed_id_deletes_nothing(
        self, repository: Any, reopen: Reopen, session_id: str, template: Any
    ) -> None:
        """H2, H3: deleting by a malformed id is a ValueError, and deletes nothing."""
        create(repository, session_id, message(0))
        bad = template.replace("{}", session_id) if isinstance(template, str) else template
        with pytest.raises(ValueError, match="session_id"):
            repository.delete_session(bad)
        assert ids(reopen().list_messages(session_id, AGENT_ID)) == [0]

    @needs_multi_agents
    @requires("multi_agent")
    @pytest.mark.parametrize("bad", ["a/b", "..", "a\x00", "", "a\n"])
    @hint("Graphs and swarms have ids, too: check them as those of agents.")
    def test_malformed_multi_agent_id(self, repository: Any, session_id: str, bad: str) -> None:
        """H2, H3: a malformed id of a graph or swarm is a ValueError everywhere."""
        repository.create_session(session(session_id))
        with pytest.raises(ValueError, match="multi_agent_id"):
            repository.create_multi_agent(session_id, Orchestrator(bad))
        with pytest.raises(ValueError, match="multi_agent_id"):
            repository.read_multi_agent(session_id, bad)
        with pytest.raises(ValueError, match="multi_agent_id"):
            repository.update_multi_agent(session_id, Orchestrator(bad))

    @messages
    @pytest.mark.parametrize("template", ["{}", "\u00e9{}", "\U0001f600{}"])
    @hint("512 bytes of UTF-8 are the limit, on every backend, so that sessions can move between them. Count bytes.")
    def test_longest_id(
        self, repository: Any, reopen: Reopen, new_session_id: Callable[..., str], template: str
    ) -> None:
        """H3: ids of 512 bytes of UTF-8 work, for sessions and agents; one byte more is a ValueError."""
        short = template.replace("{}", new_session_id())
        longest = new_session_id(short + "x" * (512 - len(short.encode())))
        create(repository, longest, message(0, "longest"), agent_id=longest)
        assert texts(reopen().list_messages(longest, longest)) == ["longest"]
        # A store that cuts ids off would take this one for the same.
        assert reopen().read_session(longest[:-1] + "y") is None
        assert reopen().read_agent(longest, longest[:-1] + "y") is None
        for call in (
            lambda: repository.create_session(session(longest + "x")),
            lambda: repository.read_session(longest + "x"),
        ):
            with pytest.raises(ValueError, match="session_id"):
                call()
        with pytest.raises(ValueError, match="agent_id"):
            repository.create_agent(longest, agent(longest + "x"))

    @messages
    @pytest.mark.parametrize("odd", ODD)
    @hint("Pass ids as parameters, never as text of a query, a format or a pattern.")
    def test_odd_ids(self, repository: Any, reopen: Reopen, new_session_id: Callable[..., str], odd: str) -> None:
        """H4: ids with quotes, braces, percent signs, code and any script are data."""
        session_id = new_session_id(f"{odd} {uuid.uuid4().hex}")
        create(repository, session_id, message(0, odd), agent_id=odd)
        again = reopen()
        stored = again.read_session(session_id)
        assert stored is not None
        assert stored.session_id == session_id
        stored_agent = again.read_agent(session_id, odd)
        assert stored_agent is not None
        assert stored_agent.agent_id == odd
        assert texts(again.list_messages(session_id, odd)) == [odd]

    @messages
    @pytest.mark.parametrize("bad", ["0", "1", 1.0, None, "a", -1, b"0"])
    @hint(
        "A message id is an int from 0 on: check it, before it becomes part of a key or is converted by the datastore."
    )
    def test_malformed_message_id(self, repository: Any, reopen: Reopen, session_id: str, bad: Any) -> None:
        """H5: a message id that is no number from 0 on is a ValueError everywhere."""
        create(repository, session_id, message(0, "as it was"), message(1))
        for call in (
            lambda: repository.create_message(session_id, AGENT_ID, message(bad, "new")),
            lambda: repository.read_message(session_id, AGENT_ID, bad),
            lambda: repository.update_message(session_id, AGENT_ID, message(bad, "new")),
        ):
            with pytest.raises(ValueError, match="message_id"):
                call()
        assert texts(reopen().list_messages(session_id, AGENT_ID)) == ["as it was", "text 1"]

    @messages
    @hint("Message ids count per agent: the key of a message holds session, agent and number.")
    def test_agents_are_independent(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """H6: two agents of one session have histories and ids of their own."""
        create(repository, session_id, message(0, "a0"), agent_id="a")
        create(repository, session_id, message(0, "b0"), message(1, "b1"), agent_id="b")
        repository.update_message(session_id, "b", message(0, "new b0"))
        again = reopen()
        assert texts(again.list_messages(session_id, "a")) == ["a0"]
        assert texts(again.list_messages(session_id, "b")) == ["new b0", "b1"]

    @agents
    @hint("An agent belongs to its session: the same id in another session is another agent.")
    def test_same_agent_id_in_two_sessions(
        self, repository: Any, reopen: Reopen, new_session_id: Callable[..., str]
    ) -> None:
        """H6: agents with the same id in two sessions are two agents."""
        one, other = new_session_id(), new_session_id()
        for session_id in (one, other):
            repository.create_session(session(session_id))
            repository.create_agent(session_id, agent(state={"session": session_id}))
        repository.update_agent(one, agent(state={"changed": True}))
        stored = reopen().read_agent(other, AGENT_ID)
        assert stored is not None
        assert stored.state == {"session": other}

    @deletion
    @requires("prefix")
    @hint("The prefix, or the schema, is part of every key and every query, deletion among them.")
    def test_two_applications(self, backend: Backend, repository: Any, session_id: str) -> None:
        """H7: two applications on one server, with different prefixes or schemas, use the same ids and never meet."""
        elsewhere: Any = backend.elsewhere()
        create(repository, session_id, message(0, "here"))
        assert elsewhere.read_session(session_id) is None
        create(elsewhere, session_id, message(0, "elsewhere"))
        assert texts(repository.list_messages(session_id, AGENT_ID)) == ["here"]
        elsewhere.delete_session(session_id)
        assert texts(repository.list_messages(session_id, AGENT_ID)) == ["here"]
        elsewhere.close()

    @deletion
    @requires("prefix")
    @requires("list_sessions")
    @hint("The prefix, or the schema, is part of the pattern or the query that finds sessions and agents, too.")
    def test_listing_of_two_applications(self, backend: Backend, repository: Any, session_id: str) -> None:
        """H7: the sessions and agents of another application on the server are not listed."""
        elsewhere: Any = backend.elsewhere()
        create(repository, session_id)
        assert [list(elsewhere.list_sessions()), elsewhere.list_agents(session_id)] == [[], []]
        create(elsewhere, session_id, agent_id="other")
        assert repository.list_agents(session_id) == [AGENT_ID]
        assert [one.session_id for one in repository.list_sessions(session_id)] == [session_id]
        elsewhere.delete_session(session_id)
        elsewhere.close()

    @deletion
    @requires("list_sessions")
    @hint("A prefix is compared character by character: escape what a pattern would take for a wildcard.")
    def test_list_by_hostile_prefix(self, repository: Any, reopen: Reopen, new_session_id: Callable[..., str]) -> None:
        """H8: sessions are listed by a prefix that holds wildcards, and only those that start with it."""
        token = new_session_id()
        session_ids = sorted(new_session_id(template.replace("{}", token)) for template in ALIKE)
        for session_id in session_ids:
            repository.create_session(session(session_id))
        again = reopen()
        for prefix in (
            token,
            f"{token}a",
            f"{token}a*",
            f"{token}a%",
            f"{token}a_",
            f"{token}[a]",
            f"{token}A",
            f"{token}?",
            f"{token}x",
        ):
            listed = sorted(one.session_id for one in again.list_sessions(prefix))
            assert listed == [one for one in session_ids if one.startswith(prefix)], f"prefix {prefix!r}"

    @deletion
    @requires("list_sessions")
    @hint("Page by key or by a cursor, not by number: an offset slips when sessions come and go between two pages.")
    def test_list_while_sessions_come_and_go(
        self, repository: Any, reopen: Reopen, new_session_id: Callable[..., str]
    ) -> None:
        """H8: each session that stays is listed once, across small pages, while others are added and deleted."""
        token = new_session_id()
        session_ids = [new_session_id(f"{token}-{number:02}") for number in range(20)]
        for session_id in session_ids:
            repository.create_session(session(session_id))
        listed, deleted, other = [], "", reopen()
        for number, one in enumerate(repository.list_sessions(f"{token}-", page_size=3)):
            listed.append(one.session_id)
            if number == 4:
                deleted = next(one for one in session_ids if one not in listed)
                for gone in (listed[1], deleted):
                    other.delete_session(gone)
                other.create_session(session(new_session_id(f"{token}-00a")))
        assert len(set(listed)) == len(listed), "a session was listed twice"
        assert set(session_ids) - set(listed) <= {deleted}, "a session that stayed was not listed"
        assert list(repository.list_sessions(f"{token}-none")) == []
