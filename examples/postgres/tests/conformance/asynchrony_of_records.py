"""Group L, of repositories: the end of a connection, and connections that are shared."""

from typing import Any

import pytest
from strands.types.exceptions import SessionException

from .backend import Backend
from .calls import Calls, each_kind
from .cases import Cases, hint, quick, requires, sessions
from .records import session


class AsynchronyOfRecords(Cases):
    """Group L, of repositories."""

    @quick
    @each_kind
    @hint("close() may be called twice, and every method says afterwards that the repository is closed.")
    def test_closed_repository(self, repository: Any, session_id: str, calls: Calls) -> None:
        """L4: a repository that was closed twice says so, whichever method is used."""
        repository.read_session(session_id)
        repository.close()
        repository.close()
        for call in calls.values():
            with pytest.raises(SessionException, match="closed"):
                call(repository, session_id)

    @quick
    @sessions
    @requires("connection_string")
    @hint("Managers with one connection string share what they opened: closing one must not close it for the others.")
    def test_shared_connection(self, backend: Backend, session_id: str) -> None:
        """P6: of repositories with the same connection string one is closed, and the others go on."""
        options = backend.options()
        repositories: Any = [type(backend.repository())(**options) for _ in range(3)]
        repositories[0].create_session(session(session_id))
        for repository in repositories:
            assert repository.read_session(session_id) is not None
            repository.close()
        again = type(repositories[0])(**options)
        assert again.read_session(session_id) is not None
        again.close()
