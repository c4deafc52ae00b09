"""TLS, with a certificate that is made here, for `nox -s extras`. This file is yours."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conformance.package import SessionManager, SessionRepository, SessionUnavailableError
from conformance.scripted_model import scripted_agent
from conformance.wire import Wire
from psycopg.conninfo import make_conninfo
from servers import HOST, Server
from sources import SOURCES
from usage import use_everything

SAID = "hunter2-hunter2"


class Recorder(Wire):
    """A proxy that keeps what passes through it, as somebody on the way could."""

    def __init__(self, host: str, port: int) -> None:
        """Listen."""
        self.passed = bytearray()
        super().__init__(host, port)

    async def _pass_on(self, *streams: Any) -> None:
        for reader in streams[::2]:
            reader.read = self._recorded(reader.read)
        await super()._pass_on(*streams)

    def _recorded(self, read: Any) -> Any:
        async def recorded(size: int) -> bytes:
            data: bytes = await read(size)
            self.passed += data
            return data

        return recorded


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that vouches for itself, beside its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def client_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that the server asks the role `ada` for."""
    return make_certificate(tmp_path_factory.mktemp("client"), name="ada")


@pytest.fixture(scope="module")
def server(certificate: Path, client_certificate: Path) -> Iterator[Server]:
    """A server that takes nothing but TLS, `plain` apart, and the role `ada` only with a certificate."""
    files = {"ssl_cert_file": certificate, "ssl_key_file": key_of(certificate), "ssl_ca_file": client_certificate}
    server = Server(ssl="on", **{name: str(file) for name, file in files.items()})
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("CREATE ROLE ada LOGIN SUPERUSER; CREATE ROLE plain LOGIN SUPERUSER")
    rules = server.folder / "data" / "pg_hba.conf"
    lines = ["hostssl all ada 127.0.0.1/32 cert", "host all plain 127.0.0.1/32 trust"]
    rules.write_text("\n".join([*lines, "hostssl all all 127.0.0.1/32 trust\n"]))
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


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_on_the_wire(server: Server, verified: str, is_encrypted: bool) -> None:
    """With TLS nobody on the way reads the conversation or its ids; without it, everybody does."""
    with SessionRepository(verified) as repository:
        repository.setup()
    with Recorder(HOST, server.port) as wire:
        url = verified if is_encrypted else make_conninfo(server.url, sslmode="disable", user="plain")
        with SessionManager("secret-session", make_conninfo(url, port=wire.port)) as manager:
            scripted_agent(manager)(SAID)
            assert len(manager.list_messages()) == 2
            manager.delete_session()
        read = [text in wire.passed for text in (SAID.encode(), b"secret-session")]
        assert read == [not is_encrypted] * 2


def test_client_certificate(verified: str, certificate: Path, client_certificate: Path) -> None:
    """Where the server asks for a certificate, a client with one is let in. Without one, or with another, it is not."""
    with SessionRepository(verified) as repository:
        repository.setup()
    ada = make_conninfo(verified, user="ada")

    def login(certificate: Path) -> str:
        return make_conninfo(ada, sslcert=str(certificate), sslkey=str(key_of(certificate)))

    use_everything(connection_string=login(client_certificate))
    with pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*client certificate"):
        SessionManager("s", ada)
    with pytest.raises(SessionUnavailableError, match=r"(?i)session_id=<s>.*(unknown.ca|closed|reset|eof)"):
        SessionManager("s", login(certificate))


def make_certificate(folder: Path, name: str = "localhost") -> Path:
    """Make a certificate, and its key beside it."""
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "certificate.pem"


def key_of(certificate: Path) -> Path:
    """The key of a certificate."""
    return certificate.with_name("key.pem")


def encrypted(repository: Any) -> bool:
    """Whether the connection that a repository uses is encrypted, as the server says."""

    def ask(connection: psycopg.Connection[tuple[bool]]) -> bool:
        ((answer,),) = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchall()
        return answer

    return bool(repository._tables._server.run("encrypted", ask))
