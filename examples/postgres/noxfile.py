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
nox.options.sessions = ["plan", "lint", "types", "checks", "tests", "lowest", "build"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
# More than there are cores: a good part of it is waiting for the store. `-- -n 0` for one test after the other.
PARALLEL = ["-n", str((os.cpu_count() or 1) + 1)]
TAG = re.compile(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?")
SCHEMAS = {
    "dependabot": [".github/dependabot.yml"],
    "github-issue-config": [".github/ISSUE_TEMPLATE/config.yml"],
    "github-issue-forms": [".github/ISSUE_TEMPLATE/[!c]*.yml"],
    "github-workflows": [".github/workflows/*.yml"],
}
passed: list[str] = []

os.environ["UV_PYTHON_DOWNLOADS"] = "never"
if shutil.which("pyenv"):  # its shims hide every Python that PYENV_VERSION does not name
    versions = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False)
    os.environ["PYENV_VERSION"] = ":".join(reversed(versions.stdout.split()))


@functools.cache
def found(python: str) -> bool:
    """Whether this machine has that Python, as uv sees it or, without uv, by its name on the path."""
    uv, executable = shutil.which(os.environ.get("UV", "uv")), shutil.which(f"python{python}")
    if not (uv or executable):
        return False
    command = [uv, "python", "find", python] if uv else [executable, "-c", ""]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def todos(kind: str) -> list[str]:
    """The bodies ("backend") or texts ("text") that are still the template's, each with its place and what to do."""
    return [
        f"{file}:{number}: {line.partition(f'TODO({kind}):')[2].removesuffix('-->').strip()}"
        for file in sorted([*Path("src").rglob("*.py"), *Path("tests").glob("*.py"), *Path().glob("*.md")])
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if f"TODO({kind}):" in line
    ]


def changelog() -> dict[str, str]:
    """What CHANGELOG.md says of each version, the newest first."""
    text = Path("CHANGELOG.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"^## (\S+).*\n", text, flags=re.MULTILINE)
    return {version: entry.strip() for version, entry in zip(parts[::2], parts[1::2], strict=True)}


def git(*arguments: str) -> str:
    """What git answers, or nothing where it fails."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()


def install(session: nox.Session) -> None:
    """Install the package and its tools: from the files, or the wheel in the folder that TEST_DIST names."""
    package, folder = ["-e", ".[dev]"], os.environ.get("TEST_DIST")
    if folder:
        package = [f"{wheel}[dev]" for wheel in Path(folder).glob("*.whl")]
        if len(package) != 1:
            session.error(f"TEST_DIST={folder} is no folder with one wheel: `nox -s build` makes it in dist")
    session.install(*package)


def distributions(session: nox.Session, *, version: str | None = None) -> None:
    """Build both distributions into dist/, under the version that git tells or that one, and check what is in them."""
    session.install(*nox.project.dependency_groups(PROJECT, "build"))
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", env={"SETUPTOOLS_SCM_PRETEND_VERSION": version} if version else None)
    files = [str(file) for file in Path("dist").iterdir()]
    session.run("check-wheel-contents", *(file for file in files if file.endswith(".whl")))
    session.run("twine", "check", "--strict", *files)


@nox.session(python=False)
def plan(session: nox.Session) -> None:
    """Say what is going to happen."""
    *others, newest = [python for python in PYTHONS if found(python)] or ["none, for want of one"]
    session.log(f"in this order: {', '.join(nox.options.sessions)}")
    session.log(f"all tests on Python {newest}, the quick ones on {', '.join(others) or 'no other'}")
    session.log(f"lowest runs all tests once more, on Python {PYTHONS[0]} with the oldest dependencies allowed")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting; `nox -s lint -- --fix` mends what it can."""
    session.install("-e", ".[dev]")
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []))
    session.run("ruff", "format", *([] if fix else ["--check", "--diff"]))


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package, strictly."""
    session.install("-e", ".[dev]")
    session.run("mypy", "src")


@nox.session
def checks(session: nox.Session) -> None:
    """Check the spelling, pyproject.toml, and what is in .github/; nothing is fetched for it."""
    session.install(*nox.project.dependency_groups(PROJECT, "checks"))
    texts = sorted(str(file) for file in Path().glob("[!.]*.*") if file.suffix in (".md", ".py", ".toml"))
    session.run("codespell", ".github", "examples", "src", "tests", *texts)
    session.run("validate-pyproject", "pyproject.toml")
    session.run("zizmor", "--offline", "--no-progress", ".github")
    for schema, patterns in SCHEMAS.items():
        if files := sorted(str(file) for pattern in patterns for file in Path().glob(pattern)):
            session.run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests on the newest Python found, the quick ones on the others; arguments, if any, replace the choice.

    `TEST_DIST=dist nox -s tests` runs them on the wheel that is there.
    """
    newest = [python for python in PYTHONS if found(python)][-1:]
    chosen = session.posargs or ([] if session.python in newest else ["-m", "quick"])
    session.log(f"the tests: {' '.join(chosen) or 'all'}")
    install(session)
    session.run("pytest", *PARALLEL, *chosen)
    passed.append(f"{session.python} ({' '.join(chosen) or 'all'})")


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run all tests with the oldest versions that the dependencies allow."""
    if session.venv_backend != "uv":
        session.skip("only uv installs the oldest versions: pip install uv")
    session.install("--resolution", "lowest-direct", "-e", ".[dev]")
    session.run("pytest", *PARALLEL, *session.posargs)


@nox.session
def newest(session: nox.Session) -> None:
    """Run all tests with the newest strands-agents, whatever pyproject.toml allows; `-- --pre` takes pre-releases."""
    session.install("-e", ".[dev]")
    session.install("--upgrade", "strands-agents>=1.0.dev0" if "--pre" in session.posargs else "strands-agents")
    session.run("pytest", *PARALLEL, *(argument for argument in session.posargs if argument != "--pre"))


@nox.session
def conformance(session: nox.Session) -> None:
    """Run the kit alone and write conformance.md; `nox -s conformance -- -k redaction` runs a part of it."""
    session.install("-e", ".[dev]")
    session.run("pytest", "tests/test_conformance.py", "--conformance-report", "conformance.md", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Try in full what can go wrong, for minutes: faults, kills, crowds; `-- --trials-seed N` repeats a run."""
    session.install("-e", ".[dev]")
    session.run("pytest", *PARALLEL, "-m", "faults", "--thorough", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build the source distribution and the wheel into dist/, and check what is in them."""
    distributions(session)


@nox.session
def extras(session: nox.Session) -> None:
    """Test what needs programs that no wheel has: PgBouncer, and a PostgreSQL that knows TLS."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    folder = os.environ.get("PG_BIN") or str(debian[-1] if debian else "")
    if not folder or not shutil.which("pgbouncer", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"])):
        session.error("this needs `apt-get install pgbouncer postgresql`, or both elsewhere: PG_BIN names a folder")
    session.install("-e", ".[dev]")
    files = ["tests/extras_pgbouncer.py", "tests/extras_tls.py"]
    session.run("pytest", *(session.posargs or files), env={"PG_BIN": folder})


@nox.session(python=False)
def todo(session: nox.Session) -> None:
    """List the bodies and the texts that are still the template's: you replace them."""
    bodies, texts = todos("backend"), todos("text")
    print(*bodies, f"Bodies left to replace: {len(bodies)}." if bodies else "Every body is yours.", sep="\n")
    print(*texts, f"Texts left to rewrite: {len(texts)}." if texts else "Every text is yours.", sep="\n")


@nox.session(python=False)
def notes(session: nox.Session) -> None:
    """Print what CHANGELOG.md says of a release: `nox -s notes -- v0.1.0`; without a tag, of the newest."""
    entries = changelog()
    version = session.posargs[0].removeprefix("v") if session.posargs else next(iter(entries), "")
    if not entries.get(version):
        session.error(f"CHANGELOG.md says nothing of {version or 'any version'}")
    print(entries[version])


@nox.session
def release_check(session: nox.Session) -> None:
    """Refuse to release what is not ready; `-- v0.1.0` names the tag, else it is that of the newest entry."""
    entries, reasons = changelog(), []
    tag = session.posargs[0] if session.posargs else f"v{next(iter(entries), '')}"
    version = tag.removeprefix("v")
    if not TAG.fullmatch(tag):
        reasons.append(f"the tag is {tag}: it has to look like v1.2.3, or v1.2.3rc1 for what comes before it")
    elif not entries.get(version):
        reasons.append(f"CHANGELOG.md has no entry for {version}: add `## {version}` and what it brings")
    if left := [*todos("backend"), *todos("text")]:
        reasons.append(f"{len(left)} bodies or texts are still the template's: `uvx nox -s todo` lists them")
    head, tagged = git("rev-parse", "--verify", "HEAD"), git("rev-parse", "--verify", f"refs/tags/{tag}^{{commit}}")
    if not head or git("status", "--porcelain"):
        reasons.append("not all is committed, and what is published is what the tag holds: `git status` lists it")
    if tagged not in ("", head):
        reasons.append(f"{tag} is the tag of another commit: a release needs a version, and an entry, of its own")
    if reasons:
        session.error("not ready to release:\n- " + "\n- ".join(reasons))
    distributions(session, version=None if tagged else version)
    wheel = next(Path("dist").glob("*.whl")).name
    if wheel.split("-")[1] != version:
        session.error(f"not ready to release: git gives this commit another version than {tag}, and so made {wheel}")
    session.log(f"{version} is ready to release, once CI is green for this commit")


@atexit.register
def say_what_ran() -> None:
    """Say on which Pythons the tests passed, which of them this machine lacks, and what to do next."""
    if passed:
        missing = ", ".join(python for python in PYTHONS if not found(python))
        print(f"\nThe tests passed on Python {', '.join(passed)}; not on this machine: {missing or 'none'}.")
        if any("(all)" in python for python in passed):
            print(f"Next: `uvx nox -s {'todo` lists what to replace' if todos('backend') else 'release_check`'}.")
        else:
            print("Next: `uvx nox`, which runs all of them, and the checks.")
