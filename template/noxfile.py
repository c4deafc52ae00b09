# Shared: `copier update` merges what the template changes here into what you changed.
"""What a change must pass: `nox`. All there is: `nox --list`."""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2026.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "tests", "lowest", "build"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
PACKAGE = next(Path("src").iterdir()).name
ran: list[str] = []

os.environ["UV_PYTHON_DOWNLOADS"] = "never"
if shutil.which("pyenv"):  # its shims hide every Python that PYENV_VERSION does not name
    versions = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False)
    os.environ["PYENV_VERSION"] = ":".join(reversed(versions.stdout.split()))


@functools.cache
def found(python: str) -> bool:
    """Whether this machine has that Python, as uv sees it or, without uv, by its name on the path."""
    uv = shutil.which(os.environ.get("UV", "uv"))
    command = [uv, "python", "find", python] if uv else [shutil.which(f"python{python}") or "false", "-c", ""]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def todos() -> list[str]:
    """The bodies that still have to be replaced, each with its place."""
    files = sorted([*Path("src").rglob("*.py"), *Path("tests").glob("*.py")])
    return [
        f"{file}:{number}: {line.partition('TODO(backend):')[2].strip()}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if "TODO(backend):" in line
    ]


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting; `nox -s lint -- --fix` mends what it can."""
    session.install("ruff>=0.17,<0.18")
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []))
    session.run("ruff", "format", *([] if fix else ["--check", "--diff"]))


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package, strictly."""
    session.install("-e", ".[dev]")
    session.run("mypy", "src")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run every test on the newest Python there is, the quick ones on the others; arguments go to pytest."""
    session.install("-e", ".[dev]")
    newest = [python for python in PYTHONS if found(python)][-1:]
    session.run("pytest", *([] if session.python in newest else ["-m", "quick"]), *session.posargs)
    ran.append(str(session.python))


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run every test against the oldest versions that the dependencies allow."""
    if session.venv_backend != "uv":
        session.skip("only uv can install the oldest versions: pip install uv")
    session.install("--resolution", "lowest-direct", "-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """Run the conformance kit alone; `nox -s conformance -- -k messages` runs a part of it."""
    session.install("-e", ".[dev]")
    session.run("pytest", "tests/test_conformance.py", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel and the source distribution into dist/, and check what is in them."""
    session.install("build", "check-wheel-contents", "twine")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build")
    wheel, sdist = [str(file) for pattern in ("*.whl", "*.tar.gz") for file in Path("dist").glob(pattern)]
    session.run("check-wheel-contents", "--package", f"src/{PACKAGE}", wheel)
    session.run("twine", "check", "--strict", wheel, sdist)


@nox.session(python=False)
def todo(session: nox.Session) -> None:
    """List the bodies that are still the template's and that you replace."""
    left = todos()
    print(*left, f"{len(left)} left." if left else "Nothing left: every body is yours.", sep="\n")


@nox.session(python=False)
def release_check(session: nox.Session) -> None:
    """Refuse what must not be released; `nox -s release_check -- v0.1.0` compares a tag as well."""
    version = PROJECT["project"]["version"]
    if left := todos():
        session.error(f"{len(left)} bodies are still the template's (nox -s todo lists them): replace them first")
    if not re.search(rf"^## \[?{re.escape(version)}\b", Path("CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE):
        session.error(f"CHANGELOG.md has no entry for {version}: add '## {version}' and what it brings")
    for tag in session.posargs:
        if tag.removeprefix("v") != version:
            session.error(f"the tag is {tag}, the version in pyproject.toml is {version}: make them equal")


@atexit.register
def say_what_ran() -> None:
    """Say on which Pythons the tests passed and on which they could not run."""
    if ran:
        missing = [python for python in PYTHONS if not found(python)]
        print(f"\nTests passed on Python {', '.join(ran)}.", f"Not found here: {', '.join(missing)}." if missing else "")
        print(f"{len(todos())} bodies left to replace: nox -s todo" if todos() else "Next: nox -s release_check")
