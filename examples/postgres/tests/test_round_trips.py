"""What a session costs on the wire, whoever owns the connections: BEGIN and COMMIT would count. This file is yours."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conformance.cost import TEXT, change_everything
from conformance.package import SessionConflictError, SessionManager
from conformance.scripted_model import scripted_agent
from conformance.wire import HOST, Wire
from psycopg.conninfo import make_conninfo
from sources import SOURCES
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands.types.exceptions import SessionException


@pytest.fixture
def wire(backend: Any) -> Iterator[Wire]:
    """A proxy in front of the server, through which no connection is left in the end."""
    with Wire(*backend.address()) as wire:
        yield wire
        wire.wait_until_open(0)


@pytest.fixture(params=SOURCES)
def options(request: pytest.FixtureRequest, backend: Any, wire: Wire) -> Iterator[dict[str, Any]]:
    """Arguments that lead through the proxy, by connections that are warm."""
    with SOURCES[request.param](make_conninfo(backend.url, host=HOST, port=wire.port)) as source:
        options = {**source, "schema": backend.schema}
        with SessionManager("warm", **options) as manager:
            change_everything(scripted_agent(manager), manager)
            manager.delete_session()
            yield options


def test_round_trips(wire: Wire, options: dict[str, Any], session_id: str) -> None:
    """Whatever is done takes one round trip, and an unchanged sync none."""
    counted = {}

    def count(name: str, action: Callable[[], Any]) -> Any:
        with wire.counting() as cost:
            result = action()
        counted[name] = cost.round_trips
        return result

    manager: Any = count("new session", lambda: SessionManager(session_id, **options))
    live = count("new agent in it", lambda: scripted_agent(manager))
    count("turn of two messages", lambda: live(TEXT))
    count("next turn", lambda: live(TEXT))
    count("unchanged sync", lambda: manager.sync_agent(live))
    live.state.set("changed", True)
    count("changed sync", lambda: manager.sync_agent(live))
    live.messages[-1]["content"] = [{"text": "[redacted]"}]
    count("redaction", lambda: manager.redact_latest_message(live.messages[-1], live))
    again: Any = count("session that exists", lambda: SessionManager(session_id, **options))
    count("restore", lambda: scripted_agent(again))
    count("look for an agent, and store it", lambda: scripted_agent(again, agent_id="second"))
    count("list messages", lambda: manager.list_messages(session_id, live.agent_id))
    count("delete session", manager.delete_session)
    for one in (manager, again):
        one.close()
    assert counted == {
        "new session": 1,
        "new agent in it": 1,
        "turn of two messages": 2,
        "next turn": 2,
        "unchanged sync": 0,
        "changed sync": 1,
        "redaction": 1,
        "session that exists": 1,
        "restore": 1,
        "look for an agent, and store it": 2,
        "list messages": 1,
        "delete session": 1,
    }


@pytest.mark.parametrize("ttl", [None, 1000])
def test_prepared_statement(wire: Wire, backend: Any, session_id: str, ttl: float | None) -> None:
    """The statement of nearly all saves is sent once; where that is not safe, `extras_pgbouncer.py` tests."""
    options = {"schema": backend.schema, "ttl": ttl}
    url = make_conninfo(backend.url, host=HOST, port=wire.port)
    with SessionManager(session_id, url, **options) as manager:
        live, sent, ends = scripted_agent(manager, *[TEXT] * 4), [], []
        for _ in range(4):
            with wire.counting() as cost:
                live(TEXT)
            sent.append(cost.sent)
            ends.append(end_of(session_id, backend))
        assert sent[-1] < sent[0] - 200
        assert [message.message_id for message in manager.list_messages()] == list(range(8))
        assert ends == sorted(set(ends)) if ttl else ends == [None] * 4, "each message puts off the end"

        with SessionManager(session_id, backend.url, **options) as other:
            scripted_agent(other)(TEXT)
        with pytest.raises(SessionConflictError):
            live(TEXT)
        assert len(manager.list_messages()) == 10
        manager.delete_session()
        with pytest.raises(SessionException):
            live(TEXT)


def end_of(session_id: str, backend: Any) -> Any:
    """When a session expires."""
    select = f"SELECT expires_at FROM {backend.schema}.sessions WHERE session_id = %s"
    ((end,),) = backend.connection.execute(select.encode(), [session_id]).fetchall()
    return end


def test_bytes(wire: Wire, options: dict[str, Any], session_id: str) -> None:
    """A turn of two messages of 500 bytes sends at most 5,000, also where it trims a window of 40 and has a ttl."""
    with SessionManager(session_id, ttl=3600, **options) as manager:
        messages: Any = [{"role": ("user", "assistant")[n % 2], "content": [{"text": TEXT}]} for n in range(40)]
        window = SlidingWindowConversationManager(40)
        live = scripted_agent(manager, *[TEXT] * 3, messages=messages, conversation_manager=window)
        live(TEXT)
        for _ in range(2):
            with wire.counting() as cost:
                live(TEXT)
            assert window.removed_message_count > 0
            assert cost.round_trips == 3, "two messages, and the agent whose window moved"
            assert cost.sent <= 5000
