"""The conformance kit finds mistakes: each in a double of the correct code, by the case that is there for it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Render
from doubles import Mistake, files, mistakes

HERE = Path(__file__).parent
Outcomes = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def outcomes(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """Run the kit over the mistakes of a file, once for all tests that look at the outcomes."""

    @functools.cache
    def repository(over: str) -> Path:
        rendered = render(backend="Correct", starting_point=over)
        # As if it were installed: the package asks for its own version.
        metadata = rendered / "src/strands_session_correct-0.1.0.dist-info/METADATA"
        metadata.parent.mkdir()
        metadata.write_text("Metadata-Version: 2.1\nName: strands-session-correct\nVersion: 0.1.0\n", encoding="utf-8")
        return rendered

    @functools.cache
    def outcomes(file: str) -> list[dict[str, Any]]:
        over = file.split("_")[1]
        result = tmp_path_factory.mktemp(file) / "outcomes.json"
        path = os.pathsep.join([str(repository(over) / "src"), str(HERE)])
        more = {"PYTHONPATH": path, "PROOF_MISTAKES": file, "PROOF_OUTCOMES": str(result)}
        options = ["-p", "proof_plugin", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short", "-q"]
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "tests/test_conformance.py"],
            cwd=repository(over),
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | more,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert result.exists(), ran.stdout + ran.stderr
        found: list[dict[str, Any]] = json.loads(result.read_text(encoding="utf-8"))
        return found

    return outcomes


@pytest.mark.parametrize(
    ("file", "mistake"),
    [pytest.param(file, mistake, id=mistake.name) for file in files() for mistake in mistakes(file)],
)
def test_mistake_is_found(outcomes: Outcomes, file: str, mistake: Mistake) -> None:
    """A mistake fails the cases that name it, for its own reason; without it they pass."""
    for case in mistake.cases:
        ran = [one for one in outcomes(file) if one["case"] == case]
        assert {one["outcome"] for one in ran if one["mistake"] == "correct"} == {"passed"}, f"{case}: {ran}"
        broken = [one for one in ran if one["mistake"] == mistake.name]
        assert not [one for one in broken if one["outcome"].startswith("error in setup")], f"{case}: {broken}"
        reasons = [one["reason"] for one in broken if one["outcome"] == "failed"]
        assert reasons, f"{case} does not find it"
        assert any(mistake.shows in reason for reason in reasons), f"{case} fails for another reason: {reasons}"
