"""The conformance kit finds mistakes: each in a double of the correct code, by the case that is there for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Render, seem_installed
from doubles import Mistake, files, mistakes

pytestmark = pytest.mark.proof
HERE = Path(__file__).parent
Run = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def run(render: Render, tmp_path: Path) -> Run:
    """Run the kit over the mistakes of a file, and over the correct code, in one process."""

    def run(file: str) -> list[dict[str, Any]]:
        repository = render(backend="Correct", starting_point=file.split("_")[1])
        seem_installed(repository)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment["PYTHONPATH"] = os.pathsep.join([str(repository / "src"), str(HERE)])
        environment |= {"PROOF_MISTAKES": file, "PROOF_OUTCOMES": str(tmp_path / "outcomes.json")}
        options = ["-p", "proof_plugin", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short", "-q", "-k", "test_"]
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "tests/test_conformance.py"],
            cwd=repository,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert (tmp_path / "outcomes.json").exists(), ran.stdout + ran.stderr
        outcomes: list[dict[str, Any]] = json.loads((tmp_path / "outcomes.json").read_text(encoding="utf-8"))
        return outcomes

    return run


@pytest.mark.parametrize("file", files())
def test_mistakes_are_found(run: Run, subtests: pytest.Subtests, file: str) -> None:
    """Each mistake fails the cases that it names, for its own reason; without it they pass."""
    outcomes = run(file)
    for mistake in mistakes(file):
        with subtests.test(mistake.name):
            for case in mistake.cases:
                assert_found(mistake, case, [one for one in outcomes if one["case"] == case])


def assert_found(mistake: Mistake, case: str, ran: list[dict[str, Any]]) -> None:
    """Fail unless a case passes on the correct code, and fails on the mistake, saying what is wrong."""
    broken = [one for one in ran if one["mistake"] == mistake.name]
    assert not [one for one in broken if one["outcome"] == "error in setup"], f"{case}: {broken}"
    reasons = [one["reason"] for one in broken if one["outcome"] == "failed"]
    assert reasons, f"{case} does not find it"
    assert any(mistake.shows in reason for reason in reasons), f"{case} fails for another reason: {reasons}"
    assert {one["outcome"] for one in ran if one["mistake"] == "correct"} == {"passed"}, f"{case}: {ran}"


def test_mistakes_are_told_apart() -> None:
    """No two mistakes have one name, and each says what its failure shows."""
    named = [mistake for file in files() for mistake in mistakes(file)]
    assert len({mistake.name for mistake in named}) == len(named)
    assert [mistake.name for mistake in named if not mistake.shows or not mistake.cases] == []
