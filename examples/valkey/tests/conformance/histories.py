"""Group R, fifth part: whatever is done in whatever order, the store holds what a model of it holds."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from .backend import Backend
from .cases import Cases, faults, hint, lifecycle
from .compared import Stores, Tally
from .history_of_agents import HistoryOfAgents
from .history_of_records import HistoryOfRecords
from .trials import Trials

PARTS = 10
"""Into how many parts the histories are split, so that xdist spreads them. On a server there are half as many of them:
each of their steps takes round trips."""
AT_ONCE = 50
"""How many histories Hypothesis remembers, so that it does not repeat one: with more it gets slow."""
PATIENCE = 2, 30
"""Seconds for making the steps of a failure fewer, in short and in full: they are printed as they are by then."""


class RandomHistories(Cases):
    """Group R, fifth part."""

    @faults
    @lifecycle
    @pytest.mark.parametrize("part", range(PARTS))
    @hint("The last step is where store and model differ. Hypothesis says minutes, and gives up after seconds here.")
    def test_records(
        self, backend: Backend, trials: Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
    ) -> None:
        """R51: after any sequence of calls, by any of two connections, the store holds what it acknowledged."""
        with closing(Stores(backend)) as stores, quickly_shrunk(trials, tmp_path, monkeypatch):
            counts = 150, 1000 if backend.round_trips else 2000
            try_histories(lambda tally: HistoryOfRecords(stores, tally), trials, part, counts, steps=12)

    @faults
    @lifecycle
    @pytest.mark.parametrize("part", range(PARTS))
    @hint("The last step is where the agent that is restored differs from the one that was saved.")
    def test_agents(
        self, backend: Backend, trials: Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
    ) -> None:
        """R52: after any sequence of turns, edits, failures and restores, a restore gives what was last saved."""
        with closing(Stores(backend)) as stores, quickly_shrunk(trials, tmp_path, monkeypatch):
            counts = 50, 250 if backend.round_trips else 500
            try_histories(lambda tally: HistoryOfAgents(stores, tally), trials, part, counts, steps=8)


@contextmanager
def quickly_shrunk(trials: Trials, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep Hypothesis from writing into the author's repository, and from shrinking for five minutes."""
    monkeypatch.setattr(
        "hypothesis.internal.conjecture.engine.MAX_SHRINKING_SECONDS", trials.count(*PATIENCE), raising=False
    )
    set_hypothesis_home_dir(folder)
    try:
        yield
    finally:
        set_hypothesis_home_dir(None)


def try_histories(
    history: Callable[[Tally], RuleBasedStateMachine],
    trials: Trials,
    part: int,
    counts: tuple[int, int],
    *,
    steps: int,
) -> None:
    """Run histories of so many steps, and print the steps of one that fails."""
    tally, failed, left = Tally(), True, trials.count(*counts) // PARTS
    try:
        while left > 0:
            settings = hypothesis.settings(
                max_examples=min(left, AT_ONCE),
                stateful_step_count=steps,
                database=None,  # a folder in the author's repository
                deadline=None,
                derandomize=False,
                print_blob=False,
                report_multiple_bugs=False,
                suppress_health_check=list(hypothesis.HealthCheck),
                phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
            )
            seeded: Any = hypothesis.seed(trials.random(part, left).getrandbits(64))
            run_state_machine_as_test(seeded(lambda: history(tally)), settings=settings)
            left -= AT_ONCE
        failed = False
    finally:
        trials.record(runs=tally.runs, acknowledged=tally.acknowledged, lost=int(failed))
