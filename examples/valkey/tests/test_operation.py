"""What servers do in operation: they restart, load, follow, fill up and lose replies. This file is yours."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from conformance.multi_agents import Orchestrator
from conformance.package import SessionManager, SessionNotFoundError, SessionRepository, SessionUnavailableError
from conformance.records import AGENT_ID, agent, create, ids, message, session, texts
from conformance.same import assert_same_agent
from conformance.scripted_model import scripted_agent
from conformance.wire import HOST, Wire
from servers import Server, wait_for
from strands.types.exceptions import StorageError
from usage import assert_restored, use_everything

NewServer = Callable[..., Server]


def test_restart_without_persistence(new_server: NewServer) -> None:
    """A server that forgot everything: an agent that was alive says so at its next save, and re-creates nothing."""
    server = new_server()
    with SessionManager("s", server.url) as manager:
        live = scripted_agent(manager)
        live("one")
        server.stop(keep=True)
        server.restart()
        with pytest.raises(SessionNotFoundError, match="session_id=<s>"):
            live("two")
    assert server.client().dbsize() == 0


WRITES: dict[str, Callable[[Any], Any]] = {
    "create_session": lambda repository: repository.create_session(session("new")),
    "create_agent": lambda repository: repository.create_agent("s", agent("new")),
    "update_agent": lambda repository: repository.update_agent("s", agent(state={"a": 1})),
    "create_message": lambda repository: repository.create_message("s", AGENT_ID, message(1)),
    "update_message": lambda repository: repository.update_message("s", AGENT_ID, message(0, "new")),
    "create_multi_agent": lambda repository: repository.create_multi_agent("s", Orchestrator("new")),
    "update_multi_agent": lambda repository: repository.update_multi_agent("s", Orchestrator("graph")),
    "delete_session": lambda repository: repository.delete_session("s"),
}


@pytest.mark.parametrize("write", WRITES)
def test_lost_reply(new_server: NewServer, write: str) -> None:
    """The reply to a write is lost after the server has executed it: it is repeated, and recognised."""
    server = new_server()
    use_everything(connection_string=server.url)  # so that it knows the scripts: that reply is not the one to lose
    with SessionRepository(server.url) as repository:
        create(repository, "s", message(0))
        repository.create_multi_agent("s", Orchestrator("graph"))
    with Wire(HOST, server.port) as wire, SessionRepository(f"valkey://{HOST}:{wire.port}") as repository:
        repository.read_session("s")
        # Nor is that of the read that an update begins with.
        wire.lose_reply(after=1 if write in ("update_agent", "update_message") else 0)
        WRITES[write](repository)
        assert not wire.loses_reply, "no reply was lost"


def test_lost_reply_about_somebody_elses_hash(new_server: NewServer) -> None:
    """A deletion that is repeated leaves a hash alone that is no session, as the first request did."""
    server = new_server()
    use_everything(connection_string=server.url)
    server.client().hset("session:t", "theirs", "1")
    with Wire(HOST, server.port) as wire, SessionRepository(f"valkey://{HOST}:{wire.port}") as repository:
        repository.read_session("t")
        wire.lose_reply()
        repository.delete_session("t")
        assert not wire.loses_reply, "no reply was lost"
    assert server.client().hgetall("session:t") == {b"theirs": b"1"}


def test_lost_reply_in_a_turn(new_server: NewServer) -> None:
    """The replies to all saves of a conversation are lost, after they were executed: it is stored once."""
    server = new_server()
    with Wire(HOST, server.port) as wire, SessionManager("s", f"valkey://{HOST}:{wire.port}") as manager:
        live = scripted_agent(manager)
        live("one")  # from here on the server knows the scripts
        for change in ("two", "three"):
            wire.lose_reply()
            live(change)
            live.state.set("last", change)
            wire.lose_reply()
            manager.sync_agent(live)
        assert ids(manager.list_messages()) == [0, 1, 2, 3, 4, 5]
        assert_restored(live, "s", server.url)


def test_flushed_scripts(new_server: NewServer) -> None:
    """A server that does not know the scripts, or not any more, is told them: no call is lost."""
    server = new_server()
    with SessionManager("s", server.url) as manager:
        live = scripted_agent(manager)
        for turn in range(3):
            server.client().script_flush()
            live(f"turn {turn}")
        server.client().script_flush()
        assert len(manager.list_messages()) == 6


def test_loading_server(new_server: NewServer) -> None:
    """A server that still reads its data from disk is an error that says so. When it is done, the next call works."""
    server = new_server("appendonly no", "loading-process-events-interval-bytes 1024")
    with SessionManager("s", server.url) as manager:
        live = scripted_agent(manager)
        live("one")
        server.client().mset({f"other-{number}": os.urandom(10_000) for number in range(20)})
        server.client().save()
        server.stop(keep=True)
        server.restart("key-load-delay 50000", wait=False)
        with pytest.raises(SessionUnavailableError, match=r"(?i)session_id=<s>.*loading"):
            live("two")
        server.wait_until_loaded()
        live("three")
        assert len(manager.list_messages()) == 5


def test_read_only_replica(new_server: NewServer) -> None:
    """A replica can be read. A write is an error that says why, and the same in a turn."""
    primary = new_server("repl-diskless-sync-delay 0")
    replica = new_server(f"replicaof {HOST} {primary.port}")
    with SessionManager("s", primary.url) as manager:
        live = scripted_agent(manager)
        live("one")
        wait_for(lambda: replica.client().hgetall("session:s") == primary.client().hgetall("session:s"))
    with SessionRepository(replica.url) as repository:
        assert texts(repository.list_messages("s", live.agent_id)) == ["one", "answer 1"]
        with pytest.raises(SessionUnavailableError, match=r"(?i)session_id=<s>.*read.?only"):
            repository.create_message("s", live.agent_id, message(2))
    with SessionManager("s", replica.url, auto_create=False) as manager:
        restored = scripted_agent(manager)
        assert_same_agent(restored, live)
        with pytest.raises(SessionUnavailableError, match=r"(?i)read.?only"):
            restored("two")


def test_full_server(new_server: NewServer) -> None:
    """A full server refuses a save as a whole; reading and deleting go on. With more memory the next one heals."""
    server = new_server("maxmemory-policy noeviction")
    client = server.client()
    with SessionManager("s", server.url) as manager, SessionManager("t", server.url) as other:
        live = scripted_agent(manager)
        live("one")
        before = client.hgetall("session:s")
        client.config_set("maxmemory", 1)
        live.state.set("count", 1)
        for prompt in ("two", "three"):
            with pytest.raises(SessionUnavailableError, match=r"(?i)session_id=<s>.*maxmemory"):
                live(prompt)
        assert client.hgetall("session:s") == before
        assert len(manager.list_messages()) == 2
        other.delete_session()
        client.config_set("maxmemory", 0)
        live("four")
        assert texts(manager.list_messages()) == ["one", "answer 1", "two", "three", "four", "answer 2"]
        assert_restored(live, "s", server.url)


def test_user_with_the_documented_rights(new_server: NewServer, documented_rights: list[str]) -> None:
    """A user with the rights that the README lists can do everything in its prefix, and needs each of them."""
    name, *rules = documented_rights
    password = next(rule[1:] for rule in rules if rule.startswith(">"))
    server = new_server()
    admin: Any = server.client()
    admin.execute_command("ACL SETUSER", name, *rules)
    url = server.url.replace("//", f"//{name}:{password}@")
    options: dict[str, Any] = {"connection_string": url, "ttl": 100, "ttl_on_read": True}
    use_everything(**options)
    use_everything(connection_string=f"{url}?db=1")
    with pytest.raises(SessionUnavailableError, match=r"(?i)permission|can't run"):
        SessionManager("s", url, key_prefix="other")
    elsewhere = {"+ping", "+select", "+cluster|slots", "+command", "+asking"}  # for idle connections and clusters
    for rule in {rule for rule in rules if rule.startswith("+")} - elsewhere:
        admin.script_flush()
        admin.execute_command("ACL SETUSER", name, f"-{rule[1:]}")
        with pytest.raises((SessionUnavailableError, StorageError), match=r"(?i)permission|can't run"):
            use_everything(**options)
        admin.execute_command("ACL SETUSER", name, rule)


def test_among_10000_sessions(new_server: NewServer) -> None:
    """With 10,000 other sessions nothing takes more round trips, and an agent never searches. A listing finds all."""
    server = new_server()
    client = server.client()
    with SessionManager("other", server.url) as manager:
        scripted_agent(manager)("hi")
    pipeline = client.pipeline()
    for number in range(10_000):
        pipeline.copy("session:other", f"session:other-{number}")
    pipeline.execute()
    with Wire(HOST, server.port) as wire:
        url = f"valkey://{HOST}:{wire.port}"
        with SessionManager("warm", url) as warm:
            use_everything(connection_string=url)
            client.config_resetstat()
            with wire.counting() as new, SessionManager("s", url) as manager:
                scripted_agent(manager)("hi")
            assert new.round_trips <= 2 + 2
            with wire.counting() as restored, SessionManager("s", url) as manager:
                scripted_agent(manager)
            assert restored.round_trips <= 2
            with wire.counting() as listing:
                assert len(warm.list_messages("s", "default")) == 2
            assert listing.round_trips == 1
            with wire.counting() as deletion:
                warm.delete_session("s")
            assert deletion.round_trips == 1
            assert {"cmdstat_scan", "cmdstat_keys"}.isdisjoint(client.info("commandstats"))
            listed = [one.session_id for one in warm.list_sessions("other-", page_size=1000)]
    assert len(listed) == len(set(listed)) == 10_000
