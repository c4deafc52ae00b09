"""The environments of the contenders: packages rendered from the template, and those that others published."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
STARTING_POINTS = {"valkey": "Valkey", "postgres": "Postgres", "skeleton": "Skeleton"}
PACKAGES = {
    "valkey-peer": ("strands-valkey-session-manager==0.1.0",),
    # Its own dependencies have no upper bounds, and it does not work with the newest ones.
    "postgres-peer": ("strands-postgresql-session-manager==0.2.0", "sqlmodel<0.0.31", "sqlalchemy<2.1"),
    "sql-peer": ("strands-session-sql==0.2.0", "psycopg[binary]"),
}


def render(folder: Path) -> dict[str, Path]:
    """Render the repositories that take part from the working tree, and return where they are."""
    repositories = {}
    for starting_point, backend in STARTING_POINTS.items():
        repositories[starting_point] = folder / starting_point
        answers = ["--defaults", "--quiet", "-d", f"backend={backend}", "-d", f"starting_point={starting_point}"]
        execute("copier", "copy", *answers, "--vcs-ref", "HEAD", str(ROOT), str(repositories[starting_point]))
    return repositories


def install(folder: Path, repositories: dict[str, Path]) -> dict[str, str]:
    """Make all environments, and return the Python of each. Those of other packages may fail: they are left out."""
    pythons = {"ours": environment(folder / "ours", *map(str, repositories.values()), "psycopg[binary]")}
    for name, requirements in PACKAGES.items():
        try:
            pythons[name] = environment(folder / name, *requirements)
        except subprocess.CalledProcessError as error:
            print(f"{name} is left out: {error.stderr.strip().splitlines()[-1]}", file=sys.stderr)
    return pythons


def environment(folder: Path, *requirements: str) -> str:
    """Make an environment, and return its Python."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    execute("uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
    execute("uv", "pip", "install", "--quiet", "--python", str(python), *requirements)
    return str(python)


def execute(module: str, *arguments: str) -> None:
    """Run a tool of this environment."""
    subprocess.run([sys.executable, "-m", module, *arguments], check=True, capture_output=True, text=True)
