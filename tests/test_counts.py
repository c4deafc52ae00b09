"""What a save and a restore cost, counted: round trips, bytes, and calls of Python. Nothing here is timed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, Render, seem_installed

RECORDED = ROOT / "tests/counts.json"
WHAT_TO_DO = "If that is meant: uvx nox -s counts records it, and the commit that changes tests/counts.json says why."


@pytest.mark.parametrize("starting_point", ["skeleton", "valkey", "postgres"])
def test_costs_are_those_recorded(starting_point: str, render: Render) -> None:
    """Nothing costs more than it did, and what costs less is recorded; `nox -s counts` does that."""
    repository = render(backend=starting_point.capitalize(), starting_point=starting_point)
    seem_installed(repository)
    path = os.pathsep.join(str(repository / folder) for folder in ("src", "tests"))
    command = [sys.executable, "tests/counts/measure.py"]
    environment = os.environ | {"PYTHONPATH": path}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    counted = json.loads(ran.stdout)
    everything = json.loads(RECORDED.read_text(encoding="utf-8"))
    if "RECORD_COUNTS" in os.environ:
        text = json.dumps({**everything, starting_point: counted}, indent=2)
        RECORDED.write_text(f"{text}\n", encoding="utf-8", newline="\n")
        return

    recorded = everything.get(starting_point, {})
    differences = []
    for work in counted | recorded:
        now, before = counted.get(work, {}), recorded.get(work, {})
        for unit in now | before:
            new, old = now.get(unit, 0), before.get(unit, 0)
            # A server or a client of another version may send a few bytes more, or call the package once more.
            allowed = {"round trips": 0.0, "calls": max(0.5, 0.05 * old)}.get(unit, 0.02 * old)
            if abs(new - old) > allowed:
                differences.append(f"{starting_point}, {work}: {new:,} {unit}, {old:,} recorded")
    if differences:
        pytest.fail("\n".join([*differences, WHAT_TO_DO]), pytrace=False)
