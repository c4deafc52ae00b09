"""Takes the place of the kit's package.py: the package under test is the SDK's own FileSessionManager."""

from typing import Any

from strands.session.file_session_manager import FileSessionManager
from strands.session.session_repository import SessionRepository as SdkRepository
from strands.types.exceptions import SessionException
from typing_extensions import Self

# The SDK has one error for all of these.
SessionConflictError = SessionCorruptError = SessionNotFoundError = SessionUnavailableError = SessionException


class Batch:
    """Stands for what the SDK has not."""


class LogRepository(SdkRepository):
    """The SDK's repository, with the names of what it has not."""

    def write_log(self, batch: Batch, **kwargs: Any) -> None:
        """Refuse."""
        raise NotImplementedError

    def read_log(self, session_id: str, agent_id: str, **kwargs: Any) -> None:
        """Refuse."""
        raise NotImplementedError


def copy_session(*args: Any, **kwargs: Any) -> None:
    """Refuse."""
    raise NotImplementedError


class SessionManager(FileSessionManager, LogRepository):
    """The SDK's manager, which can be closed, though there is nothing to close."""

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        """Do nothing."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Do nothing."""


SessionRepository = SessionManager
Storage = None
