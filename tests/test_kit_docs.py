"""docs/kit.md says what is there."""

from __future__ import annotations

import subprocess
import sys

from conftest import ROOT


def test_kit_docs_are_current() -> None:
    """The groups, the numbers and the mistakes are those of the kit and of its proof."""
    check = [sys.executable, "scripts/kit_docs.py", "--check"]
    ran = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
