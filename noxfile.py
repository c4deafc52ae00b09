"""All that a change must pass: `uvx nox`. What the template is for, in a minute: `uvx nox -s demo`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
COPIER = "copier>=9.19,<10"
# More than there are cores: a good part of it is waiting for servers and for races. `-- -n 0` for one after the other.
PARALLEL = ["-n", str((os.cpu_count() or 1) + 1)]

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["plan", "lint", "tests", "examples", "generated", "demo", "summary"]


def select_all_of_pyenv() -> None:
    """Let uv and nox see all versions that pyenv has: its shims hide those that are not selected."""
    if os.name != "posix" or not shutil.which("pyenv"):
        return
    listing = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False).stdout

    def age(version: str) -> tuple[bool, list[int]]:
        return version[0].isdigit(), [int(part) for part in re.findall(r"\d+", version)]

    # The newest first, since plain `python` is the first. The old ones stay, because uv may be installed in one.
    newest_first = sorted(listing.split(), key=age, reverse=True)
    os.environ["PYENV_VERSION"] = ":".join([*newest_first, "system"])


def is_installed(version: str) -> bool:
    """Tell whether nox will find a Python."""
    uv = os.environ.get("UV") or shutil.which("uv")
    search = [uv, "python", "find", "--no-project", version] if uv else [f"python{version}", "--version"]
    try:
        return subprocess.run(search, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


select_all_of_pyenv()
os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")
FOUND = [version for version in PYTHONS if is_installed(version)]
NEWEST = FOUND[-1] if FOUND else f"{sys.version_info.major}.{sys.version_info.minor}"
RAN: dict[str, str] = {}  # Python: how the tests of a generated repository ended on it.


@nox.session(python=False)
def plan(session: nox.Session) -> None:
    """Says what is going to happen."""
    session.log("About twelve minutes on two cores, once packages are in the cache:")
    session.log("lint      this repository's own code, texts and workflows")
    session.log("tests     the template: every combination rendered, odd names, wheel, updates, what a save costs")
    session.log(f"examples  examples/ is what the template renders, and passes its own tests on Python {NEWEST}")
    session.log(f"generated a fresh repository and its own nox: the whole kit on Python {NEWEST},")
    session.log(f"          a part of it on {', '.join(FOUND[:-1]) or 'no other, since none is installed'};")
    session.log(f"          another one, for a service without records, on Python {NEWEST}")
    session.log("demo      conversations that survive kill -9: on SQLite, Valkey, PostgreSQL and a file of events")


@nox.session(python=NEWEST)
def demo(session: nox.Session) -> None:
    """Scaffolds a repository, talks to its agent, kills the process, goes on in another; less than a minute."""
    session.install(COPIER)
    session.run("python", "scripts/demo.py", *session.posargs)


@nox.session(python=NEWEST)
def tests(session: nox.Session) -> None:
    """Tests the template, all but what `proof` does; arguments after -- go to pytest."""
    run_pytest(session, *(session.posargs or ["-m", "not proof"]))


@nox.session(python=NEWEST)
def proof(session: nox.Session) -> None:
    """Tests the kit: on mistakes that it has to find, on the SDK's own manager, on sessions of other packages."""
    run_pytest(session, "-m", "proof", *session.posargs)


@nox.session(python=NEWEST)
def faults(session: nox.Session) -> None:
    """Tries in full what can go wrong, and writes docs/reliability.md; `-- --trials-seed N` repeats a run."""
    session.install(*nox.project.dependency_groups(PROJECT, "test"))
    session.log("Some twelve minutes on two cores: the wire, kills, crowds, load, random histories, controls.")
    session.run("python", "scripts/reliability.py", *session.posargs)


@nox.session(python=NEWEST)
def lint(session: nox.Session) -> None:
    """Checks this repository's own code, texts and workflows; changes nothing."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    python_files = ["benchmarks", "noxfile.py", "scripts", "tests"]
    session.run("ruff", "check", *python_files)
    session.run("ruff", "format", "--check", *python_files)
    session.run("mypy", *python_files[1:])  # a benchmark imports what it measures
    session.log("codespell, on all files under version control")
    session.run("codespell", *tracked(session), log=False)
    workflows = sorted(str(path) for path in Path(".github/workflows").iterdir())
    session.run("zizmor", "--offline", "--quiet", ".github")
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")
    forms = sorted(str(path) for path in Path(".github/ISSUE_TEMPLATE").glob("[!c]*.yml"))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-issue-forms", *forms)
    session.run("python", "scripts/pin_actions.py", "--check")


@nox.session(python=NEWEST)
def render(session: nox.Session) -> None:
    """Renders examples/ and writes docs/kit.md; with `-- --check` only fails where that would change something."""
    session.install(*nox.project.dependency_groups(PROJECT, "test"))
    session.run("python", "scripts/render.py", *session.posargs)
    session.run("python", "scripts/kit_docs.py", *session.posargs)


@nox.session(python=NEWEST)
def calibration(session: nox.Session) -> None:
    """Runs the kit over the SDK's own FileSessionManager and writes docs/calibration.md; `-- --check` only compares."""
    session.install(*nox.project.dependency_groups(PROJECT, "test"))
    session.run("python", "scripts/calibrate.py", *session.posargs)


@nox.session(python=NEWEST)
def peers(session: nox.Session) -> None:
    """Runs the kit's repository groups over packages that others published, and writes docs/peers.md."""
    session.install("uv>=0.8,<1")
    session.run("python", "scripts/peers.py", *session.posargs)


@nox.session(python=NEWEST)
def examples(session: nox.Session) -> None:
    """Checks that examples/ is what the template renders, then runs each one's own nox; arguments after -- go to that.

    Without arguments that is what a change of the template can break: everything else is run on the fresh repository of
    the session `generated`.
    """
    session.install(COPIER, "nox")
    session.run("python", "scripts/render.py", "--check")
    for noxfile in sorted(Path("examples").glob("*/noxfile.py")):
        with session.chdir(noxfile.parent):
            # What is tried at random takes minutes: the fresh repository does that here, the instances on their own.
            default = ["-s", "lint", "types", f"tests-{NEWEST}", "--", "tests", "-m", "not faults"]
            run_its_nox(session, *(session.posargs or default))


@nox.session(python=NEWEST)
def generated(session: nox.Session) -> None:
    """Scaffolds a repository and runs its own nox; arguments after -- go to that, or `-- lifecycle ...` to another one.

    Without arguments both are scaffolded, and of `lifecycle` what it does not share with the skeleton is run.
    """
    session.install(COPIER, "nox")
    starting_point, arguments = "skeleton", session.posargs
    if arguments[:1] == ["lifecycle"]:
        starting_point, *arguments = arguments
    with scaffolded(session, starting_point) as repository, session.chdir(repository):
        run_its_nox(session, *arguments)
    if not session.posargs:
        with scaffolded(session, "lifecycle") as repository, session.chdir(repository):
            run_its_nox(session, "-s", "lint", "types", f"tests-{NEWEST}")


@nox.session(python=NEWEST)
def counts(session: nox.Session) -> None:
    """Counts anew what a save and a restore cost, and writes tests/counts.json, with which `tests` compares."""
    session.env["RECORD_COUNTS"] = "1"
    run_pytest(session, "-n0", "tests/test_counts.py")  # one after the other: they write one file


@nox.session(python=NEWEST)
def bench(session: nox.Session) -> None:
    """Measures our packages beside others and the bare drivers, and writes docs/benchmarks.md; `-- --quick` prints."""
    session.install(*nox.project.dependency_groups(PROJECT, "bench"))
    session.run("python", "benchmarks/bench.py", *session.posargs)


@nox.session(python=False)
def summary(session: nox.Session) -> None:
    """Says on which Pythons a generated repository was tested; fails without those in REQUIRED_PYTHONS."""
    for version in PYTHONS:
        outcome = RAN.get(version, "did not run") if version in FOUND else "is not installed"
        session.log(f"Python {version}: {outcome}")
    missing = [v for v in os.environ.get("REQUIRED_PYTHONS", "").split() if RAN.get(v) != "success"]
    if missing:
        session.error(f"required, and not tested with success: {', '.join(missing)}")
    if "success" in RAN.values():
        session.log("Next: uvx nox -s demo shows what it is for; README.md says how to scaffold your own.")


def run_pytest(session: nox.Session, *arguments: str) -> None:
    """Run tests of this repository, several at once."""
    session.install(*nox.project.dependency_groups(PROJECT, "test"))
    # Tests make environments of their own, for which uv must not take this one.
    no_environment = dict.fromkeys(["UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "VIRTUAL_ENV"])
    session.run("pytest", *PARALLEL, *arguments, env=no_environment)


@nox.session(python=False)
def release_check(session: nox.Session) -> None:
    """Refuses a tag that is not ready, and prints what CHANGELOG.md says of it: `-- v1.0.0`."""
    tag = session.posargs[0] if session.posargs else ""
    reasons = []
    if not re.fullmatch(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?", tag):
        reasons.append(f"the tag is {tag or 'missing'}: it has to look like v1.2.3, or v1.2.3rc1 before it")
    heading = rf"^## {re.escape(tag.removeprefix('v'))}\n+(.*?)(?=^## |\Z)"
    entry = re.search(heading, Path("CHANGELOG.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    if not (entry and entry[1].strip()):
        reasons.append(f"CHANGELOG.md has no entry for {tag}: rename `## Unreleased`")
    if session.run("git", "status", "--porcelain", external=True, silent=True, log=False):
        reasons.append("not all is committed, and Copier takes what the tag holds")
    if reasons:
        session.error("not ready to release:\n- " + "\n- ".join(reasons))
    print(entry[1].strip() if entry else "")


@contextmanager
def scaffolded(session: nox.Session, starting_point: str) -> Iterator[Path]:
    """Render the working tree, as the README says, into a temporary git repository."""
    with tempfile.TemporaryDirectory(prefix="generated-", ignore_cleanup_errors=True) as folder:
        repository = Path(folder).resolve() / "strands-session-cassandra"
        answers = ["--defaults", "--quiet", "-d", "backend=Cassandra", "-d", f"starting_point={starting_point}"]
        session.run("copier", "copy", *answers, "--vcs-ref", "HEAD", str(ROOT), str(repository))
        session.run("git", "init", "--quiet", str(repository), external=True)
        yield repository


def run_its_nox(session: nox.Session, *arguments: str) -> None:
    """Run the nox of the repository in the current folder and note which Pythons it tested."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        try:
            session.run("nox", "--report", str(report), *arguments)
        finally:
            if report.exists():
                for ran in json.loads(report.read_text())["sessions"]:
                    for signature in ran["signatures"]:
                        name, _, version = signature.rpartition("-")
                        if name == "tests" and RAN.get(version) in (None, "success"):
                            RAN[version] = ran["result"]


def tracked(session: nox.Session) -> list[str]:
    """Return the files that are under version control."""
    listing = session.run("git", "ls-files", external=True, silent=True, log=False)
    return [name for name in (listing or "").splitlines() if name != "LICENSE"]
