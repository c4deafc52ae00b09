"""What the README says of the session manager and of snapshots: bytes written by a conversation, and its restore.

Run it in an example: `cd examples/valkey && PYTHONPATH=src:tests python ../../benchmarks/snapshots.py`. The bytes are
counted on the wire, in front of the server that the tests start; they do not depend on the machine. Of the times only
the ratio is worth anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from conformance import package
from conformance.scripted_model import scripted_agent
from conformance.wire import HOST, Wire
from conftest import pytest_conformance_backend
from strands.session import SnapshotSessionManager

TURNS = 500  # of two messages
TEXT = "x" * 2000
RESTORES = 40


def main() -> None:
    """Measure, and print a row for each way to keep the conversation."""
    backend: Any = pytest_conformance_backend()
    with TemporaryDirectory() as folder:
        backend.start(Path(folder))
        try:
            with Wire(*backend.address()) as wire:
                count(backend.through(HOST, wire.port), wire)
            compare(backend.options())  # without the proxy, which would take most of the time
        finally:
            backend.stop()


def managers(options: dict[str, Any], storage: Any) -> dict[str, Callable[[], Any]]:
    """The ways to keep a conversation."""
    return {
        "session manager": lambda: package.SessionManager("s", **options),
        "snapshots, by turn": lambda: SnapshotSessionManager("t", storage=storage),
        "snapshots, by message": lambda: SnapshotSessionManager("m", storage=storage, save_latest_on="message"),
    }


def count(options: dict[str, Any], wire: Wire) -> None:
    """Hold the same conversation in each way."""
    with package.Storage(**options) as storage:
        for name, manager in managers(options, storage).items():
            agent = scripted_agent(manager(), *[TEXT] * TURNS, agent_id="a")
            sent = []
            for _ in range(TURNS):
                with wire.counting() as cost:
                    agent(TEXT)
                sent.append(cost.sent)
            print(f"{name}: {sum(sent):,} bytes; first turn {sent[0]:,}, last {sent[-1]:,}", flush=True)


def compare(options: dict[str, Any]) -> None:
    """Restore it in each way."""
    with package.Storage(**options) as storage, package.SessionRepository(**options):
        ways = managers(options, storage)
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(RESTORES):  # by turns, so that what else the machine does is spread evenly
            for name, manager in ways.items():
                start = time.perf_counter()
                restored = scripted_agent(manager(), agent_id="a")
                times[name].append(time.perf_counter() - start)
                assert len(restored.messages) == 2 * TURNS
        for name, spent in times.items():
            ratio = min(spent) / min(times["session manager"])
            print(f"restore, {name}: {1000 * min(spent):.1f} ms, {ratio:.2f} of the session manager's time")


if __name__ == "__main__":
    main()
