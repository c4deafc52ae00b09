"""Measure our packages beside others and the bare drivers: `uvx nox -s bench`, `-- --quick` for a first look.

The whole run takes some twelve minutes and writes docs/benchmarks.md with its plots. The quick one takes two minutes
and prints its tables. `--only REGEX` measures only some rows, `--json FILE` keeps the numbers, and `--report FILE`
writes the document anew from such a file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import report
from coordinator import QUICK, WHOLE, Effort, Run, start
from environments import ROOT, install, render
from plan import rows
from stores import Stores


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure less: two minutes")
    parser.add_argument("--only", default="", metavar="REGEX", help="the rows to measure, and `bytes`")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument("--report", type=Path, help="the numbers of an earlier run, to report on them")
    parser.add_argument("--workspace", type=Path, help="a folder with the environments of an earlier run, or for them")
    arguments = parser.parse_args()
    keys = [row.key for row in rows() if row.is_quick or not arguments.quick] + ["bytes"]
    if not any(re.search(arguments.only, key) for key in keys):
        parser.error(f"--only={arguments.only} | matches no row; there are: {', '.join(keys)}")
    if arguments.report:
        results = json.loads(arguments.report.read_text(encoding="utf-8"))
    else:
        results = run(QUICK if arguments.quick else WHOLE, arguments.only, arguments.workspace)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if arguments.only or results["quick"]:
        sys.stdout.write(report.document(results))
    else:
        report.write(results, ROOT / "docs")


def run(effort: Effort, only: str, workspace: Path | None) -> dict[str, Any]:
    """Make the environments, start everything, and measure."""
    described = machine()  # before the run is its load
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary).resolve()
        home = workspace or folder
        kept = home / "pythons.json"
        if not kept.exists():
            print("rendering our packages, and installing all", file=sys.stderr)
            home.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(install(home / "environments", render(home / "repositories"))))
        pythons = json.loads(kept.read_text())
        repositories = home / "repositories"
        stores = Stores(folder / "files", repositories / "valkey", repositories / "postgres")
        workers = start(pythons, folder)
        try:
            measuring = Run(stores, workers, effort, only)
            versions = {name: worker.call("versions") for name, worker in workers.items()}
            measuring.measure()
            return {
                "date": datetime.now(timezone.utc).date().isoformat(),
                "quick": effort.is_quick,
                "turns": effort.turns,
                "machine": described,
                "servers": stores.versions(),
                "versions": versions,
                "times": measuring.times,
                "written": measuring.written,
            }
        finally:
            for worker in workers.values():
                worker.stop()
            stores.stop()


def machine() -> str:
    """Describe this machine in words."""
    cores = os.cpu_count() or 1
    words = f"{platform.system()} on {platform.machine()}, {cores} core{'s' if cores > 1 else ''}"
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > cores / 2:
        words += f", busy with something else (a load of {os.getloadavg()[0]:.0f} before the run)"
    return words


if __name__ == "__main__":
    main()
