"""Count what the package of a rendered repository costs, on a store of its own tests, and print it as JSON.

`tests/test_counts.py` runs it, with `src` and `tests` of the repository on the path.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from strands import tool

backend = import_module("conftest").pytest_conformance_backend()
kit, model, package, wire = (
    import_module(f"conformance.{name}") for name in ("cost", "scripted_model", "package", "wire")
)
AGENT_ID, TEXT = kit.records.AGENT_ID, kit.TEXT
FOLDER = str(Path(package.package.__file__).parent)
counts: dict[str, dict[str, float]] = {}


@tool
def price(item: str) -> str:
    """Say what something costs.

    Args:
        item: What it is.
    """
    return f"{item}: 3.20"


@contextmanager
def traffic(proxy: Any, name: str) -> Iterator[None]:
    """Count what passes within the block, where there is a wire."""
    if proxy is None:
        yield
        return
    with proxy.counting() as passed:
        yield
    counts[name] = {"round trips": passed.round_trips, "bytes sent": passed.sent, "bytes received": passed.received}


def calls(work: Callable[[], object]) -> int:
    """Count how often something calls functions of the package, on this thread."""
    number = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal number
        code = frame.f_code
        # Comprehensions, whose names begin with <, are calls on some Pythons only.
        number += event == "call" and code.co_filename.startswith(FOLDER) and not code.co_name.startswith("<")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return number


def measure(run: str, length: int, proxy: Any, manager: Callable[[str], Any]) -> None:
    """Count everything once.

    Args:
        run: What its sessions are called after.
        length: How many messages a long conversation has.
        proxy: What the traffic passes; None where there is no wire.
        manager: Makes the manager of a session.
    """
    script = ["Three.", model.Call("price", {"item": "coffee"}, "call-1"), "3.20."]
    with traffic(proxy, "a new session"):
        sessions = manager(f"{run}-new")
        agent = model.scripted_agent(sessions, *script, agent_id=AGENT_ID, tools=[price])
    with traffic(proxy, "a text turn"):
        agent(TEXT)
    with traffic(proxy, "a turn with a tool"):
        agent(TEXT)
    agent.state.set("changed", True)
    with traffic(proxy, "a changed state"):
        sessions.sync_agent(agent)
    with traffic(proxy, "an unchanged sync"):
        sessions.sync_agent(agent)
    agent.messages[-1]["content"] = [{"text": "[redacted]"}]
    with traffic(proxy, "a redaction"):
        sessions.redact_latest_message(agent.messages[-1], agent)

    sessions = manager(f"{run}-{length // 10}")
    kit.fill(sessions, length // 10)
    with traffic(proxy, "delete_session of 100 messages"):
        sessions.delete_session()

    restores = []
    for size in (2 * length, length):
        sessions = manager(f"{run}-{size}")
        kit.fill(sessions, size)
        restores.append(calls(partial(sessions.initialize, model.scripted_agent(None, agent_id=AGENT_ID))))
    counts["each message of a restore"] = {"calls": round((restores[0] - restores[1]) / length, 2)}
    with traffic(proxy, "list_messages of 1,000"):
        sessions.list_messages(agent_id=AGENT_ID)
    with traffic(proxy, "a restore of 1,000 messages"):
        sessions = manager(f"{run}-{length}")
        agent = model.scripted_agent(sessions, agent_id=AGENT_ID)

    for name, content in (
        ("one message more after 1,000", [{"text": TEXT}]),
        ("one message of 100 kB more", [{"text": "x" * 1000} for _ in range(100)]),
    ):
        agent.messages.append({"role": "user", "content": content})
        counts[name] = {"calls": calls(partial(sessions.append_message, agent.messages[-1], agent))}
        counts["an unchanged sync after 1,000"] = {"calls": calls(partial(sessions.sync_agent, agent))}


def main() -> None:
    """Count until nothing happens for the first time any more."""
    with ExitStack() as stack:
        backend.start(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        stack.callback(backend.stop)
        proxy, options = None, backend.options()
        if backend.round_trips:
            proxy = stack.enter_context(wire.Wire(*backend.address()))
            options = backend.through(wire.HOST, proxy.port)

        def manager(session_id: str) -> Any:
            return stack.enter_context(backend.manager(session_id, **options))

        for run in range(8):  # what counts is the last: psycopg, for one, prepares what it has executed five times
            measure(f"run-{run}", 1000 if run == 7 else 10, proxy, manager)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
