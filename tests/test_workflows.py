"""The workflows and what else GitHub and PyPI read: of this repository and of what it generates."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from conftest import AUTHOR, ROOT, Render, commit

POINTS = ["skeleton", "lifecycle", "valkey", "postgres"]
SCHEMAS = {
    "custom.github-workflows-require-timeout": ".github/workflows/*.yml",
    "vendor.dependabot": ".github/dependabot.yml",
    "vendor.github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "vendor.github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "vendor.github-workflows": ".github/workflows/*.yml",
}
# Stands in for GitHub's command line: it notes how it was called, and knows of an issue or does not.
GH = """#!{python}
import json, os, sys
with open(os.environ["CALLS"], "a") as file:
    print(json.dumps(sys.argv[1:]), file=file)
if sys.argv[1:3] == ["issue", "list"] and os.environ["OPEN"]:
    print(os.environ["OPEN"])
"""


@pytest.fixture(scope="module", params=["template", *POINTS])
def repository(request: pytest.FixtureRequest, render: Render) -> Path:
    """This repository and those that it generates."""
    return ROOT if request.param == "template" else render(starting_point=request.param, **AUTHOR)


@pytest.fixture(scope="module", params=POINTS)
def generated(request: pytest.FixtureRequest, render: Render) -> Path:
    """Those that it generates."""
    return render(starting_point=request.param, **AUTHOR)


def workflows(repository: Path) -> dict[str, Any]:
    """The workflows of a repository."""
    found = (repository / ".github/workflows").glob("*.yml")
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in found}


def run(folder: Path, *command: str, **variables: str) -> str:
    """Run a program in a folder; what it prints is the reason when it fails."""
    env = os.environ | variables
    result = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_schemas(repository: Path) -> None:
    """What GitHub reads has the form that it wants, and every job a time-out."""
    for schema, pattern in SCHEMAS.items():
        files = sorted(str(path) for path in repository.glob(pattern))
        assert files, pattern
        run(repository, "check-jsonschema", "--builtin-schema", schema, *files)


def test_workflows_are_safe(repository: Path) -> None:
    """Zizmor finds nothing, however pedantic. A word beside what is ignored says why."""
    printed = run(repository, "zizmor", "--offline", "--no-progress", "--pedantic", "--format", "json", ".github")
    assert json.loads(printed) == []
    for path in (repository / ".github/workflows").iterdir():
        for reason in re.findall(r"zizmor: ignore\[[\w-]+\](.*)", path.read_text(encoding="utf-8")):
            assert len(reason.split()) > 3


def test_jobs_ask_for_the_least(repository: Path) -> None:
    """Nothing is permitted but what a job says; no job that writes checks out a file or runs what it installed."""
    for name, workflow in workflows(repository).items():
        assert workflow["permissions"] == {}, name
        assert workflow["concurrency"]["group"], name
        for job in workflow["jobs"].values():
            steps = job.get("steps", [])
            assert "permissions" in job, job["name"]
            if "write" in job["permissions"].values():
                assert not [step for step in steps if step.get("uses", "").startswith(("actions/checkout", "astral"))]
            for step in steps:
                assert not re.search(r"\$\{\{", step.get("run", "")), f"{name}: an expression in a shell's text"
                if step.get("uses", "").startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] is False


def test_actions_are_pinned(repository: Path) -> None:
    """By a commit, with the version that it has."""
    for path in (repository / ".github/workflows").iterdir():
        for use in re.findall(r"uses: (?!\./)(.*)", path.read_text(encoding="utf-8")):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use), f"{path.name}: {use}"


def test_one_job_waits_for_all(repository: Path) -> None:
    """It is green only when all others of CI are, so it alone is to be required."""
    jobs = workflows(repository)["ci"]["jobs"]
    assert sorted(jobs["all-green"]["needs"]) == sorted(jobs.keys() - {"all-green"})
    assert jobs["all-green"]["if"] == "always()"


def test_jobs_call_sessions(repository: Path) -> None:
    """What they run is what a person runs: nox, and only sessions that there are."""
    noxfile = (repository / "noxfile.py").read_text(encoding="utf-8")
    sessions = set(re.findall(r"^def (\w+)\(session", noxfile, re.M))
    template = set(re.findall(r"^def (\w+)\(session", (ROOT / "template/noxfile.py").read_text(encoding="utf-8"), re.M))
    for path in (repository / ".github/workflows").iterdir():
        text = path.read_text(encoding="utf-8")
        for session in re.findall(r"(?<!-- )(?<!-- lifecycle )-s (\w+)", text):
            assert session in sessions, f"{path.name}: {session}"
        for session in re.findall(r"-- (?:lifecycle )?-s (\w+)", text):
            assert session in template, f"{path.name}: {session}"
        for session in re.findall(r"session: \[?([\w, ]+)", text):
            assert set(session.strip().split(", ")) <= sessions
        assert not re.search(r"\bpytest\b|pip install|ruff", text), path.name


def test_what_is_published_is_what_was_tested(generated: Path) -> None:
    """CI builds the wheel once, tests that wheel, and the release takes it from there when all is green."""
    ci, release = workflows(generated)["ci"]["jobs"], workflows(generated)["release"]["jobs"]
    assert len([job for job in ci.values() if "-s build" in str(job)]) == 1
    for name in {"tests", "servers"} & ci.keys():
        assert ci[name]["needs"] == "build"
        assert ci[name]["steps"][-1]["env"]["TEST_DIST"] == "dist"
    assert release["tests"]["uses"] == "./.github/workflows/ci.yml"
    assert (release["tests"]["needs"], release["publish"]["needs"]) == ("ready", "tests")
    assert "release_check" in str(release["ready"])
    assert "build" not in str(release["publish"]["steps"][:2])
    # The group of the release would keep what it calls waiting for ever, if that had the same one.
    assert workflows(generated)["release"]["concurrency"]["group"] == "release"


def test_a_release_is_checked_once_more(generated: Path, tmp_path: Path) -> None:
    """The wheel of another version is not published."""
    (step,) = [step for step in workflows(generated)["release"]["jobs"]["publish"]["steps"] if "run" in step]
    (tmp_path / "dist").mkdir()
    for name in ("ours-0.2.0-py3-none-any.whl", "ours-0.2.0.tar.gz"):
        (tmp_path / "dist" / name).touch()
    for tag, is_right in (("v0.2.0", True), ("v0.2", False), ("v0.2.0rc1", False), ("v2.0", False)):
        command = ["bash", "-e", "-c", step["run"]]
        result = subprocess.run(command, cwd=tmp_path, env=os.environ | {"TAG": tag}, capture_output=True, check=False)
        assert (result.returncode == 0) == is_right, tag


def test_a_release_of_the_template_is_checked(template: Path, tmp_path: Path) -> None:
    """Its tag has the form of a version, and an entry, which is printed for the text of the release."""
    copy = tmp_path / "template"
    shutil.copytree(template, copy)

    (step,) = [step for step in workflows(ROOT)["release"]["jobs"]["ready"]["steps"] if "run" in step]
    command = ["bash", "-e", "-c", step["run"].replace("uvx nox", f"{sys.executable} -m nox")]

    def check(tag: str) -> str:
        env = os.environ | {"TAG": tag, "RUNNER_TEMP": str(tmp_path)}
        result = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, check=False)
        return result.stderr if result.returncode else (tmp_path / "notes.md").read_text(encoding="utf-8")

    assert "the tag is 2.0: it has to look like v1.2.3" in check("2.0")
    assert "CHANGELOG.md has no entry for v2.0.0" in check("v2.0.0")
    changelog = copy / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    changelog.write_text(text.replace("\n## ", "\n## 2.0.0\n\n- Ours.\n\n## ", 1), encoding="utf-8")
    assert "not all is committed" in check("v2.0.0")
    commit(copy)
    assert check("v2.0.0") == "- Ours.\n"


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """GitHub's command line, and the file in which it notes its calls."""
    program = tmp_path / "bin/gh"
    program.parent.mkdir()
    program.write_text(GH.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def calls(gh: Path) -> list[list[str]]:
    """How it was called."""
    return [json.loads(line) for line in gh.read_text().splitlines()]


@pytest.mark.parametrize(("number", "does"), [("", "create"), ("7", "comment")])
def test_a_weekly_failure_is_one_issue(number: str, does: str, repository: Path, gh: Path) -> None:
    """It is opened; while it is open, later failures are told there."""
    job = workflows(repository)["weekly"]["jobs"]["report"]
    assert job["if"] == "failure() && github.event_name == 'schedule'"
    assert job["permissions"] == {"issues": "write"}
    (step,) = job["steps"]
    run(gh.parent, "bash", "-e", "-c", step["run"], TITLE="It fails", BODY="`see` there", OPEN=number)
    listed, then = calls(gh)
    assert listed[:2] == ["issue", "list"]
    assert listed[listed.index("--state") + 1] == "open"
    assert 'in:title "It fails"' in listed
    assert then[:2] == ["issue", does]
    assert (number in then[2]) if number else ("It fails" in then)
    assert then[-1] == "`see` there"


@pytest.mark.parametrize(("tag", "is_before"), [("v0.2.0", "false"), ("v0.2.0rc1", "true"), ("v1.0.0b2", "true")])
def test_the_changelog_becomes_the_text_of_the_release(tag: str, is_before: str, repository: Path, gh: Path) -> None:
    """And a version that comes before the release is marked as such."""
    jobs = workflows(repository)["release"]["jobs"]
    (step,) = [step for job in ("notes", "release") if job in jobs for step in jobs[job]["steps"] if "run" in step]
    run(gh.parent, "bash", "-e", "-c", step["run"], TAG=tag, OPEN="")
    (call,) = calls(gh)
    assert tag in call
    assert call[call.index("--notes-file") + 1] == "notes.md"
    assert f"--prerelease={is_before}" in call


def test_texts_and_metadata(generated: Path) -> None:
    """Spelling, pyproject.toml, both distributions and how PyPI shows them: no tool has anything to say."""
    texts = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "noxfile.py", "pyproject.toml"]
    assert run(generated, "codespell", ".github", "examples", "src", "tests", *texts) == ""
    run(generated, "validate-pyproject", "pyproject.toml")
    run(generated, sys.executable, "-m", "build", "--no-isolation")
    files = sorted(str(path) for path in (generated / "dist").iterdir())
    run(generated, "check-wheel-contents", *(file for file in files if file.endswith(".whl")))
    assert "warning" not in run(generated, "twine", "check", "--strict", *files).lower()


@pytest.mark.parametrize("starting_point", POINTS)
@pytest.mark.parametrize(
    "description", ["It: keeps #1, `all` of $HOME", "Keeps the sessions of Strands Agents in Cassandra."]
)
def test_the_entry_of_the_catalogue(starting_point: str, description: str, render: Render) -> None:
    """CONTRIBUTING shows what to add to the SDK's catalogue, filled in."""
    repository = render(starting_point=starting_point, description=description, **AUTHOR)
    contributing = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (entry,) = [text for text in re.findall("```yaml\n(.*?)```", contributing, re.S) if "integrationType" in text]
    shown = yaml.safe_load(entry)
    assert shown.pop("addedDate").startswith("<")
    assert shown.pop("docsUrl").startswith("https://github.com/ada-example/strands-session-cassandra")
    assert shown == {
        "name": "strands-session-cassandra",
        "description": description,
        "integrationType": "session-manager",
        "languages": {"python": {"package": "strands-session-cassandra"}},
        "github": "https://github.com/ada-example/strands-session-cassandra",
    }


@pytest.fixture
def pin_actions() -> ModuleType:
    """The script that pins."""
    spec = importlib.util.spec_from_file_location("pin_actions", ROOT / "scripts/pin_actions.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def workflow(root: Path, name: str, *uses: str) -> Path:
    """A workflow, or a part of one that only Jinja makes whole."""
    path = root / name
    path.parent.mkdir(parents=True)
    steps = "".join(f"      - uses: {use}\n        with: {{}}\n" for use in uses)
    path.write_text(f"jobs:\n  one:\n    steps:\n{steps}{{%% include 'x' %%}}\n    uses: ./.github/workflows/ci.yml\n")
    return path


def test_pins_follow_dependabot(pin_actions: ModuleType, tmp_path: Path) -> None:
    """The newest of each action goes everywhere, by number and not by letter; the rest of a file stays as it is."""
    old, new, other = f"a/b@{'1' * 40} # v9.0.1", f"a/b@{'2' * 40} # v10.0.0", f"c/d/e@{'3' * 40} # v1"
    read = workflow(tmp_path, "examples/x/.github/workflows/ci.yml", new)
    written = [
        workflow(tmp_path, ".github/workflows/ci.yml", old),
        workflow(tmp_path, "template/.github/workflows/ci.yml", old, other),
        workflow(tmp_path, "backends/x/ci/jobs.yml", other, old),
    ]
    before = [path.read_text() for path in written]
    with pytest.raises(SystemExit, match="pin_actions"):
        pin_actions.main(tmp_path, "--check")
    assert [path.read_text() for path in written] == before
    pin_actions.main(tmp_path)
    assert [path.read_text() for path in written] == [text.replace(old, new) for text in before]
    assert new in read.read_text()
    pin_actions.main(tmp_path, "--check")


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        ("a/b@v1", "a/b@v1 is not pinned"),
        (f"a/b@{'1' * 40}", "is not pinned"),
        (f"a/b@{'2' * 40} # v1.0.0", "another commit for a/b v1.0.0"),
    ],
)
def test_pins_that_nobody_can_follow(use: str, reason: str, pin_actions: ModuleType, tmp_path: Path) -> None:
    """One without a version has no place in the order, and one version has one commit."""
    workflow(tmp_path, ".github/workflows/ci.yml", f"a/b@{'1' * 40} # v1.0.0")
    workflow(tmp_path, "template/.github/workflows/ci.yml", use)
    with pytest.raises(SystemExit, match=re.escape(reason)):
        pin_actions.main(tmp_path)
