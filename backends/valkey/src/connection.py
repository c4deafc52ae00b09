"""How Valkey is reached: the client, what a command answers, and its errors as the package's own."""

import codecs
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import valkey
from valkey import exceptions

from ._sharing import (
    CONNECTION_VARIABLE,
    BorrowedConnection,
    SharedConnection,
    find_connection_string,
    find_timeout,
)
from .errors import SessionCorruptError, SessionUnavailableError
from .scripts import Script

Client: TypeAlias = valkey.Valkey | valkey.ValkeyCluster
Answer = TypeVar("Answer")

_SCHEMES = ("valkey", "valkeys", "redis", "rediss", "unix")
_CONNECTIONS = 32  # as many as there are threads that write


class Server:
    """A client, with one repetition when a connection broke, which is safe because every write is idempotent."""

    def __init__(self, connection_string: str | None, client: Client | None, timeout: float | None) -> None:
        """Take the caller's client, or share one with everybody who gives the same connection string.

        Raises:
            ValueError: If an argument is malformed.
        """
        self._client: BorrowedConnection[Client] | SharedConnection[Client]
        self._seconds = seconds = find_timeout(timeout)
        if client is not None:
            self._client = BorrowedConnection(_check_client(client, connection_string))
            return
        url = _check_url(find_connection_string(connection_string))
        self._client = SharedConnection((url, seconds), lambda: _connect(url, seconds), _close)

    def close(self) -> None:
        """Give the client back. One that the caller passed in stays open."""
        self._client.close()

    @property
    def client(self) -> Client:
        """The client."""
        return self._client.get()

    def run(
        self,
        script: Script,
        name: str,
        keys: str | tuple[str, ...],
        *arguments: str | int | bytes,
        repeated: Script | None = None,
    ) -> Any:
        """Run a script on one key, or on several of one slot.

        Args:
            script: The script.
            name: What it reads or writes, for errors.
            keys: What `KEYS` is in it.
            *arguments: What the script takes.
            repeated: What to run in its place if the connection breaks, by default the same script.
        """
        keys = (keys,) if isinstance(keys, str) else keys
        encoded = [len(keys), *_encode(*keys, *arguments)]

        def evaluate(script: Script, client: Any) -> Any:
            try:
                return client.evalsha(script.digest, *encoded)
            except exceptions.NoScriptError:  # a new server, or one whose scripts were flushed
                return client.eval(script.text, *encoded)

        return self.call(name, partial(evaluate, script), partial(evaluate, repeated or script))

    def run_each(self, script: Script, name: str, runs: list[tuple[str | int | bytes, ...]]) -> list[Any]:
        """Run a script several times in one round trip, once, on servers that are no cluster.

        Args:
            script: The script.
            name: What it writes, for errors.
            runs: Of each run its key and what the script takes.

        Returns:
            The answers. One that is an error is returned, too.

        Raises:
            SessionUnavailableError: If the server does not answer, or refuses.
        """
        with _errors(name):
            pipeline: Any = self.client.pipeline(transaction=False)
            for run in runs:
                pipeline.evalsha(script.digest, 1, *_encode(*run))
            answers: list[Any] = pipeline.execute(raise_on_error=False)
            return answers

    def call(
        self, name: str, command: Callable[[Client], Answer], repeated: Callable[[Client], Answer] | None = None
    ) -> Answer:
        """Send a command, and once more, or another one in its place, if the connection turns out to be broken.

        Raises:
            SessionCorruptError: If the key holds something else than a session.
            SessionUnavailableError: If the server does not answer, or refuses.
        """
        client = self.client
        deadline = time.monotonic() + self._seconds
        with _errors(name):
            while True:
                try:
                    return command(client)
                except (exceptions.AuthenticationError, exceptions.BusyLoadingError, exceptions.MaxConnectionsError):
                    raise
                except (exceptions.ConnectionError, exceptions.ClusterError) as error:
                    if not _is_passing(error):
                        if isinstance(error, exceptions.ClusterError):
                            raise
                        return (repeated or command)(client)
                    if time.monotonic() > deadline:
                        raise
                time.sleep(0.005)

    def get(self, name: str, key: str, field: str) -> bytes | str | None:
        """Return one field of a hash.

        Raises:
            SessionCorruptError: If the key holds something else than a session.
            SessionUnavailableError: If the server does not answer, or refuses.
        """

        def fetch(client: Any) -> bytes | str | None:
            answer: bytes | str | None = client.hget(key.encode(), field.encode())
            return answer

        return self.call(name, fetch)

    def scan(self, name: str, pattern: str, page_size: int) -> Iterator[list[str]]:
        """Iterate over the keys of hashes that match a pattern, page by page, on all primaries of a cluster.

        Raises:
            SessionUnavailableError: If a server does not answer, or refuses.
        """
        client: Any = self.client
        nodes = getattr(client, "nodes_manager", None)
        if nodes is not None:
            with _errors(name):  # a cluster's client would not look on a node that joined without its knowledge
                nodes.initialize()
        keys = client.scan_iter(match=pattern.encode(), count=page_size, _type="HASH")
        while True:
            with _errors(name):
                page = [text(key) for key in islice(keys, page_size)]
            if not page:
                return
            yield page

    def get_all(self, name: str, keys: list[str], field: str) -> list[bytes | str | None]:
        """Return one field of several hashes, in one round trip, or in one per node of a cluster.

        Raises:
            SessionUnavailableError: If a server does not answer, or refuses.
        """

        def fetch(client: Any) -> list[bytes | str | None]:
            pipeline = client.pipeline(transaction=False)
            for key in keys:
                pipeline.hget(key.encode(), field.encode())
            answers: list[bytes | str | None] = pipeline.execute()
            return answers

        return self.call(name, fetch) if keys else []


def _encode(*arguments: str | int | bytes) -> Iterator[bytes]:
    """Return arguments as they are sent: the caller's client may have another encoding."""
    return (argument if isinstance(argument, bytes) else str(argument).encode() for argument in arguments)


def text(answer: bytes | str) -> str:
    """Return what a server answered as text, whether or not the client decodes it."""
    return answer.decode() if isinstance(answer, bytes) else answer


def check_key_prefix(key_prefix: str) -> str:
    """Return what the keys begin with.

    Raises:
        ValueError: If it is malformed.
    """
    if not isinstance(key_prefix, str) or not key_prefix.strip() or any(c in "{}" or ord(c) < 32 for c in key_prefix):
        raise ValueError(
            f"key_prefix=<{key_prefix!r}> | must be text without control characters and braces, which would put"
            " everything into one slot of a cluster"
        )
    return key_prefix


def _connect(url: str, timeout: float) -> Client:
    options: dict[str, Any] = {"socket_timeout": timeout, "health_check_interval": 60}
    if url.startswith(("valkeys:", "rediss:")):
        options["ssl_check_hostname"] = True  # which the client by itself does not
    if not url.startswith("unix:"):
        options |= {"socket_connect_timeout": timeout, "socket_keepalive": True}
    pool: Any = valkey.BlockingConnectionPool
    try:
        pool = pool.from_url(url, max_connections=_CONNECTIONS, timeout=timeout, **options)
        # Connects to nothing: it refuses options that it does not know.
        connection = pool.connection_class(**pool.connection_kwargs)
    except (TypeError, ValueError, exceptions.ValkeyError) as error:
        raise ValueError(f"connection_string or {CONNECTION_VARIABLE} | valkey-py refuses it: {error}") from None
    _check_encoder(f"connection_string or {CONNECTION_VARIABLE}", connection.encoder)
    if getattr(connection, "check_hostname", False) and connection.cert_reqs == ssl.CERT_NONE:
        raise ValueError(
            f"connection_string or {CONNECTION_VARIABLE} | whoever answers is taken for the server with"
            " ssl_cert_reqs=none; if that is meant, add ssl_check_hostname=false"
        )
    return valkey.Valkey.from_pool(pool)


def _close(client: Any) -> None:
    client.close()


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in _SCHEMES and (parts.port is None or parts.port > 0)
        is_unix, database = parts.scheme == "unix", parts.path.removeprefix("/")
        valid = valid and bool(parts.path if is_unix else parts.hostname)
        valid = valid and (is_unix or not database or database.isdecimal())
    except ValueError:
        valid = False
    if not valid:
        # Without the string, and without the cause that quotes it: it may hold a password.
        raise ValueError(
            f"connection_string or {CONNECTION_VARIABLE} | must look like valkey://user:password@host:6379/0, valkeys://"
            " for TLS, or unix:///path/to/socket; the database is a number"
        ) from None
    return url


def _check_client(client: Any, connection_string: str | None) -> Client:
    if connection_string is not None:
        raise ValueError("connection_string and client | pass one of them")
    if not isinstance(client, (valkey.Valkey, valkey.ValkeyCluster)):
        found = f"{type(client).__module__}.{type(client).__qualname__}"
        raise ValueError(f"client=<{found}> | must be a valkey.Valkey or valkey.ValkeyCluster of the package valkey")
    _check_encoder("client", client.get_encoder())
    checked: Client = client
    return checked


def _check_encoder(name: str, encoder: Any) -> None:
    if encoder.decode_responses and codecs.lookup(encoder.encoding).name != "utf-8":
        raise ValueError(f"{name} | decodes answers as {encoder.encoding}, and what is stored is UTF-8")


def _is_passing(error: Exception) -> bool:
    """Whether to wait is all that it takes, for which the client has no class.

    All connections of a caller's pool are in use, which unlike ours does not wait for one. Or a slot of a cluster is on
    its way to another node, with one of the keys there and one still here: the client gives up after half a second.
    """
    return any(text in str(error) for text in ("Too many connections", "TTL exhausted"))


@contextmanager
def _errors(name: str) -> Iterator[None]:
    try:
        yield
    except exceptions.ResponseError as error:
        if "WRONGTYPE" in str(error):
            raise SessionCorruptError(f"{name} | its key in the server holds something of another kind") from error
        if str(error).startswith("MOVED "):
            raise SessionUnavailableError(
                f"{name} | the server is a node of a cluster; pass client=valkey.ValkeyCluster(...)"
            ) from error
        raise SessionUnavailableError(f"{name} | the server refused: {error}") from error
    except exceptions.TimeoutError as error:
        raise SessionUnavailableError(f"{name} | the server did not answer in time") from error
    except UnicodeDecodeError as error:
        raise SessionCorruptError(f"{name} | what is stored is no UTF-8") from error
    except (exceptions.ValkeyError, exceptions.ValkeyClusterException, OSError) as error:
        raise SessionUnavailableError(f"{name} | the server cannot be used: {error}") from error
