"""TLS, with a certificate that is made here, for `nox -s extras`. This file is yours."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conformance.package import SessionManager, SessionRepository, SessionUnavailableError
from psycopg.conninfo import make_conninfo
from servers import Server
from sources import SOURCES
from usage import use_everything


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that vouches for itself, beside its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(certificate: Path) -> Iterator[Server]:
    """A server that takes nothing but TLS."""
    server = Server(ssl="on", ssl_cert_file=str(certificate), ssl_key_file=str(certificate.with_name("key.pem")))
    rules = server.folder / "data" / "pg_hba.conf"
    rules.write_text("hostssl all all 127.0.0.1/32 trust\n")
    server.stop(keep=True)
    server.restart()
    yield server
    server.stop()


@pytest.fixture
def verified(server: Server, certificate: Path) -> str:
    """A connection string that makes sure who answers."""
    by_name = {"host": "localhost", "hostaddr": "127.0.0.1", "sslmode": "verify-full", "sslrootcert": str(certificate)}
    return make_conninfo(server.url, **by_name)


@pytest.mark.parametrize("source", SOURCES)
def test_verified(verified: str, source: str) -> None:
    """With sslmode=verify-full everything works, by each way to the server, and is encrypted."""
    with SessionRepository(verified) as repository:
        repository.setup()
        assert encrypted(repository)
    with SOURCES[source](verified) as options:
        use_everything(**options)


def test_another_name(verified: str) -> None:
    """A certificate for another name than the one in the connection string is refused."""
    elsewhere = make_conninfo(verified, host="elsewhere.invalid")
    with pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*elsewhere.invalid"):
        SessionManager("s", elsewhere)


def test_another_authority(verified: str, tmp_path: Path) -> None:
    """A certificate that nobody vouches for is refused."""
    with pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*certificate verify failed"):
        SessionManager("s", make_conninfo(verified, sslrootcert=str(make_certificate(tmp_path))))


def test_without_tls(server: Server) -> None:
    """Without TLS, the server's refusal is an error that says so."""
    with pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*no encryption"):
        SessionManager("s", make_conninfo(server.url, sslmode="disable"))


def make_certificate(folder: Path) -> Path:
    """Make a certificate for localhost, and its key beside it."""
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "certificate.pem"


def encrypted(repository: Any) -> bool:
    """Whether the connection that a repository uses is encrypted, as the server says."""

    def ask(cursor: psycopg.Cursor[tuple[bool]]) -> bool:
        ((answer,),) = cursor.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchall()
        return answer

    return bool(repository._tables._server.run("encrypted", ask))
