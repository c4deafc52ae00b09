"""The run: a process for each contender, and rounds in which they take turns, so that all meet the same machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plan import CONTENDERS, LOCAL, STORES, Row, interleaved, rows
from stores import COPIED, OTHERS, TABLES, TEMPLATE, WIRES, Stores
from tqdm import tqdm  # type: ignore[import-untyped]

HERE = Path(__file__).parent
Times = dict[str, list[float]]


class TaskError(Exception):
    """A contender could not do a task."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        is_quick: Whether only the rows of the quick run are.
        least: How many rounds there are at least.
        seconds: How long rounds go on after that, for each row.
        most: After how many seconds in a row a contender is measured no more.
        turns: How long the conversation is whose bytes are counted.
    """

    is_quick: bool
    least: int
    seconds: float
    most: float
    turns: int


QUICK = Effort(is_quick=True, least=2, seconds=0.7, most=0.7, turns=60)
WHOLE = Effort(is_quick=False, least=5, seconds=5, most=5, turns=500)
SIZE = 2000  # of each message whose bytes are counted
STEPS = 20  # how often they are


class Worker:
    """The process of a contender."""

    def __init__(self, name: str, python: str, log: Path) -> None:
        """Start it.

        Args:
            name: The contender.
            python: The Python of its environment.
            log: Where what it prints goes.
        """
        self.name = name
        self._command, self._log = [python, str(HERE / "worker.py"), name], log
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        with self._log.open("ab") as errors:
            return subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def restart(self) -> None:
        """Go on in a new process."""
        self.stop()
        self._process = self._start()

    def ask(self, task: str, **arguments: Any) -> None:
        """Have a task begun."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"task": task, "arguments": arguments}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Wait for the task that was begun.

        Raises:
            TaskError: If it failed.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the process ended"}
        if isinstance(answer, dict) and "error" in answer:
            raise TaskError(answer["error"])
        return answer

    def call(self, task: str, **arguments: Any) -> Any:
        """Do a task."""
        self.ask(task, **arguments)
        return self.answer()

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Run:
    """Measures all rows, and keeps the results.

    Attributes:
        times: For each row and contender, what was measured.
        written: For each contender, the bytes of a long conversation.
    """

    def __init__(self, stores: Stores, workers: dict[str, Worker], effort: Effort, only: str) -> None:
        """Plan the run."""
        self._stores, self._workers, self._effort = stores, workers, effort
        self._rows = [row for row in rows() if (row.is_quick or not effort.is_quick) and re.search(only, row.key)]
        self._has_bytes = re.search(only, "bytes") is not None
        self._made: set[tuple[str, str]] = set()  # sessions that there are: where, and their ids
        self.times: dict[str, dict[str, Any]] = {}
        self.written: dict[str, dict[str, Any]] = {}

    def measure(self) -> None:
        """Measure everything."""
        groups = [[row for row in self._rows if interleaved(row) == key] for key in self._keys()]
        steps = len(self._rows) + len(self._workers) * self._has_bytes
        with tqdm(total=steps, file=sys.stderr, bar_format="{percentage:3.0f} % |{bar:30}| {elapsed} {desc}") as bar:
            if self._has_bytes:  # first, while the stores are empty
                bar.set_description_str("bytes written")
                self._count_all(bar.update)
            self._load({row.place for row in self._rows} & set(OTHERS), bar.set_description_str)
            for group in groups:
                bar.set_description_str(group[0].title)
                self._measure(group)
                bar.update(len(group))

    def _keys(self) -> Iterable[str]:
        return dict.fromkeys(interleaved(row) for row in self._rows)

    def _takers(self, row: Row) -> list[Worker]:
        absent = {*row.without, *(row.slow if self._effort.is_quick else ())}
        return [worker for name, worker in self._workers.items() if name not in absent]

    def _load(self, places: set[str], announce: Callable[[str], None]) -> None:
        """Put other sessions into the places that want them."""
        for place in sorted(places - {"none"}):
            announce(f"making {place} others")
            if any(name.startswith("valkey") for name in self._workers):
                self._stores.fill_valkey(place)
            names = [name for name in self._workers if name in TABLES and not name.endswith("-snapshots")]
            failed = self._fill([(self._workers[name], place, TEMPLATE, COPIED, 100) for name in names])
            for name in [name for name in names if name not in failed]:
                self._stores.fill_tables(name, place)

    def _fill(self, wanted: list[tuple[Worker, str, str, int, int]]) -> dict[str, str]:
        """Make sessions, all contenders at once, and return which of them failed, and how."""
        for worker, place, session_id, messages, size in wanted:
            at = self._stores.place(worker.name, place)
            worker.ask("fill", place=at, session_id=session_id, messages=messages, size=size)
        failed = {}
        for worker, *_ in wanted:
            try:
                worker.answer()
            except TaskError as error:
                failed[worker.name] = str(error)
        return failed

    def _measure(self, group: list[Row]) -> None:
        """Measure rows in rounds, in which the contenders take turns."""
        spent: dict[tuple[str, str], float] = defaultdict(float)
        for row in group:
            self.times[row.key] = {worker.name: defaultdict(list) for worker in self._takers(row)}
            if row.messages and not row.is_used_up:
                # Rows share these sessions. They are not made through a proxy, which leads to the same store.
                place = "none" if row.place in WIRES else row.place
                wanted = [(one, place, session_of(row, one), row.messages, row.size) for one in self._takers(row)]
                for name, error in self._fill([one for one in wanted if (one[1], one[2]) not in self._made]).items():
                    self.times[row.key][name], spent[row.key, name] = {"error": error}, float("inf")
                self._made |= {(one[1], one[2]) for one in wanted}
        begin, budget = time.monotonic(), self._effort.seconds * len(group)
        for number in range(max(row.rounds for row in group)):
            if number >= self._effort.least and time.monotonic() - begin > budget:
                break
            # A contender's rows one after another, and its neighbours before and after it: what is compared is close in
            # time, as a machine that others use as well is not always as fast.
            shift = number % len(self._workers)
            workers = list(self._workers.values())
            for worker in [*workers[shift:], *workers[:shift]]:
                first = number % len(group)  # not always the same row is the one that comes after others' work
                for row in [*group[first:], *group[:first]]:
                    if worker not in self._takers(row) or spent[row.key, worker.name] >= self._effort.most:
                        continue
                    started = time.monotonic()
                    try:
                        self._once(row, worker, number)
                    except TaskError as error:
                        self.times[row.key][worker.name] = {"error": str(error)}
                        spent[row.key, worker.name] = float("inf")
                    spent[row.key, worker.name] += time.monotonic() - started

    def _once(self, row: Row, worker: Worker, number: int) -> None:
        session_id = session_of(row, worker)
        arguments = dict(row.arguments)
        if row.is_used_up or not row.messages:
            session_id += f"-{number:03}"
        if row.is_used_up:
            for error in self._fill([(worker, row.place, session_id, row.messages, row.size)]).values():
                raise TaskError(error)
        elif row.messages:
            arguments["messages"] = row.messages
        place = self._stores.place(worker.name, row.place)
        measured: Times = worker.call(row.task, place=place, session_id=session_id, **arguments)
        for name, samples in measured.items():
            self.times[row.key][worker.name][name] += samples

    def _count_all(self, advance: Callable[[], object]) -> None:
        """Count for all contenders, those of different stores at once: bytes do not depend on what else is going on."""

        def count(names: list[str]) -> None:
            for name in names:
                self._count(name)
                # The memory of a process that held a long conversation is scattered, which short tasks feel most.
                self._workers[name].restart()
                advance()

        with ThreadPoolExecutor() as pool:
            stores = [[name for name in self._workers if name.startswith(f"{store}-")] for store in STORES]
            list(pool.map(count, stores))

    def _count(self, name: str) -> None:
        """Count what a long conversation writes, and how much room it takes then."""
        worker, session_id = self._workers[name], f"bytes-{name}"
        at = self._stores.place(name, "counted")

        def total() -> int:
            return int(worker.call("written")) if name in LOCAL else self._stores.sent(name)

        try:
            worker.call("converse", place=at, session_id=session_id, turns=0, size=SIZE)
            size, start, series = self._stores.size(name, session_id), total(), []
            for _ in range(STEPS):
                worker.call("converse", place=at, session_id=session_id, turns=self._effort.turns // STEPS, size=SIZE)
                series.append(total() - start)
            worker.call("hang_up")
            stored = self._stores.size(name, session_id) - size
            self.written[name] = {"series": series, "stored": stored}
        except TaskError as error:
            self.written[name] = {"error": str(error)}


def session_of(row: Row, worker: Worker) -> str:
    """Return the session of a row and a contender."""
    if row.messages and not row.is_used_up:
        return f"long-{row.messages}-{row.size}-{worker.name}"
    return re.sub(r"\W+", "-", f"{row.key} {worker.name}")


def start(pythons: dict[str, str], logs: Path) -> dict[str, Worker]:
    """Start the processes of all contenders whose environment there is."""
    return {
        name: Worker(name, pythons[environment], logs / f"{name}.log")
        for name, (environment, _) in CONTENDERS.items()
        if environment in pythons
    }
