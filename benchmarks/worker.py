"""A process of one contender, in its own environment: a line with a task comes in, a line with the times goes out."""

from __future__ import annotations

import gc
import importlib.metadata
import json
import logging
import os
import platform
import sys
import traceback
from pathlib import Path
from typing import Any

from contenders import contender

LISTED: tuple[str, ...] = (
    "strands-agents",
    "valkey",
    "psycopg",
    "psycopg-binary",
    "psycopg-pool",
    "psycopg2-binary",
    "sqlalchemy",
    "sqlmodel",
)
LISTED += ("strands-valkey-session-manager", "strands-postgresql-session-manager")
LISTED += ("strands-agents-session", "strands-session-sql")


def versions() -> dict[str, str]:
    """Return the versions of what matters, as far as it is here."""
    found = {"Python": platform.python_version()}
    for name in LISTED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def written() -> int:
    """Return how many bytes this process has written to files and connections, as Linux counts them; else 0."""
    try:
        counts = Path("/proc/self/io").read_text()
    except OSError:
        return 0
    return int(counts.split("wchar: ")[1].split()[0])


def main() -> None:
    """Serve tasks until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a package prints is no answer
    logging.disable(logging.WARNING)
    one = contender(sys.argv[1])
    gc.collect()
    gc.freeze()  # so that the collections before each task are short
    gc.disable()  # as `timeit` does: what is found within a task is mostly another one's
    for line in sys.stdin:
        gc.collect()
        request: dict[str, Any] = json.loads(line)
        name, arguments = request["task"], request["arguments"]
        try:
            if name == "versions":
                answer: Any = versions()
            elif name == "written":
                answer = written()
            else:
                answer = getattr(one, name)(**arguments)
        except Exception:
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
