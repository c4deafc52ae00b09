"""The conformance kit on the SDK's own FileSessionManager: what it fails there is known, with the reason."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.proof


def test_calibration() -> None:
    """The kit fails the cases that are listed with a reason, and no others; docs/calibration.md is that list."""
    command = [sys.executable, "scripts/calibrate.py", "--check"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
