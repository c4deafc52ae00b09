# Shared: `copier update` merges what the template changes here into what you changed.
"""Sessions of Strands Agents in PostgreSQL."""

from importlib.metadata import version

from ._copy import SessionCopy, copy_session
from .errors import SessionConflictError, SessionCorruptError, SessionNotFoundError, SessionUnavailableError
from .repository import PostgresSessionRepository
from .session_manager import PostgresSessionManager
from .storage import PostgresStorage

__version__ = version("strands-session-postgres")

__all__ = [
    "PostgresSessionManager",
    "PostgresSessionRepository",
    "PostgresStorage",
    "SessionConflictError",
    "SessionCopy",
    "SessionCorruptError",
    "SessionNotFoundError",
    "SessionUnavailableError",
    "__version__",
    "copy_session",
]
