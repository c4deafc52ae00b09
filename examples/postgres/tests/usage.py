"""Everything that the package does with a server, in one go: what every client, and every user of a server, must do."""

import asyncio
import uuid
from typing import Any

from conformance.multi_agents import Orchestrator
from conformance.package import SessionManager, Storage
from conformance.records import agent, ids, message, session, texts
from conformance.same import assert_same_agent, assert_same_record
from conformance.scripted_model import scripted_agent


def use_everything(**options: Any) -> None:
    """Use all methods of a manager, its repository and a storage with these options, and look at what they return.

    The ids are not ASCII, and so is what is said.
    """
    session_id = f"é:{uuid.uuid4().hex}"
    with SessionManager(session_id, **options) as manager:
        live = scripted_agent(manager, agent_id="ä")
        live("Grüße \U0001f600")
        live.state.set("count", 1)
        manager.redact_latest_message({"role": "assistant", "content": [{"text": "[redacted]"}]}, live)
        live("two")

    with SessionManager(session_id, auto_create=False, **options) as manager:
        assert_same_agent(scripted_agent(manager, agent_id="ä"), live)
        assert texts(manager.list_messages()) == ["Grüße \U0001f600", "[redacted]", "two", "answer 2"]
        assert manager.list_agents() == ["ä"]
        assert [found.session_id for found in manager.list_sessions(session_id[:-1])] == [session_id]

        repository: Any = manager.session_repository
        repository.create_agent(session_id, agent("second"))
        repository.update_agent(session_id, agent("second", state={"count": 2}))
        for number in range(3):
            repository.create_message(session_id, "second", message(number))
        repository.update_message(session_id, "second", message(1, "new"))
        assert repository.read_agent(session_id, "second").state == {"count": 2}
        assert_same_record(repository.read_message(session_id, "second", 2), message(2))
        assert ids(repository.list_messages(session_id, "second", limit=1, offset=1)) == [1]

        repository.create_multi_agent(session_id, Orchestrator("graph", {"step": 1}))
        repository.update_multi_agent(session_id, Orchestrator("graph", {"step": 2}))
        assert repository.read_multi_agent(session_id, "graph") == {"step": 2}

        manager.delete_session()
        assert manager.read_session() is None
        repository.create_session(session(session_id))
        manager.delete_session()

    with Storage(**{name: value for name, value in options.items() if not name.startswith("ttl")}) as storage:
        asyncio.run(use_storage(storage.namespace(session_id)))


async def use_storage(storage: Any) -> None:
    """Use all methods of a storage, with what is no text."""
    for key in ("ä/b", "ä/b/c", "ä"):
        await storage.write(key, b"\xff\x00" + key.encode())
    await storage.write("ä", b"")
    await storage.delete("ä/b")
    assert [await storage.read(key) for key in ("ä/b", "ä/b/c", "ä")] == [None, b"\xff\x00" + "ä/b/c".encode(), b""]
    assert await storage.list("ä/") == ["ä/b/c"]
    assert [found.key for found in await storage.search("c")] == ["ä/b/c"]
    for key in await storage.list():
        await storage.delete(key)


def assert_restored(live: Any, session_id: str, connection_string: str | None = None, **options: Any) -> None:
    """Fail unless a new agent in another manager is what the live one is."""
    with SessionManager(session_id, connection_string, auto_create=False, **options) as manager:
        assert_same_agent(scripted_agent(manager, agent_id=live.agent_id), live)
