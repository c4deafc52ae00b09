"""What it costs a synchronous turn that its writes happen beside the event loop: the same turn with inline writes.

Three agents take turns in interleaved rounds: one without a session, one as shipped, and one whose writes run where
they are captured, on the event loop. `uvx nox -s bench` runs it on a freshly rendered skeleton.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance.scripted_model import ScriptedModel
from strands import Agent
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands_session_cassandra import CassandraSessionManager
from strands_session_cassandra._executor import Job, Writer

WARM_UP, ROUNDS = 30, 300

beside_the_loop = Writer.run_async


async def inline(self: Writer, capture: Callable[[], Job | None]) -> None:
    """Write where the change is captured."""
    job = capture()
    if job is not None:
        job()


def main() -> None:
    """Measure and print the medians."""
    with tempfile.TemporaryDirectory() as folder:

        def agent(session_id: str | None) -> Agent:
            options: dict[str, Any] = {}
            if session_id is not None:
                options["session_manager"] = CassandraSessionManager(session_id, str(Path(folder) / "sessions.db"))
            # A short window, because the SDK's own cost of a turn grows with its messages.
            window = SlidingWindowConversationManager(10)
            return Agent(ScriptedModel(), conversation_manager=window, callback_handler=None, **options)

        variants = [
            ("without a session", agent(None), inline),
            ("written inline", agent("inline"), inline),
            ("written beside the loop", agent("beside"), beside_the_loop),
        ]
        times: dict[str, list[float]] = {name: [] for name, _, _ in variants}
        for turn in range(WARM_UP + ROUNDS):
            if turn % 30 == 0:
                print(f"round {turn} of {WARM_UP + ROUNDS}", file=sys.stderr)
            for name, talker, run_async in variants[:: -1 if turn % 2 else 1]:
                Writer.run_async = run_async  # type: ignore[method-assign]
                begin = time.perf_counter()
                talker("How much is it?")
                times[name].append((time.perf_counter() - begin) * 1000)
    pairs = zip(times["written beside the loop"], times["written inline"], strict=True)
    times["the difference"] = [beside - in_line for beside, in_line in pairs]
    for name, measured in times.items():
        low, *_, high = statistics.quantiles(measured[WARM_UP:], n=10)
        median = statistics.median(measured[WARM_UP:])
        print(f"{name:24} {median:6.3f} ms a turn (80 % of the turns: {low:.3f} to {high:.3f})")
    print("The aim is a difference of less than 0.5 ms.")


if __name__ == "__main__":
    main()
