# Shared: `copier update` merges what the template changes here into what you changed.
"""Sessions of Strands Agents in Valkey."""

from importlib.metadata import version

from ._copy import SessionCopy, copy_session
from .errors import SessionConflictError, SessionCorruptError, SessionNotFoundError, SessionUnavailableError
from .repository import ValkeySessionRepository
from .session_manager import ValkeySessionManager
from .storage import ValkeyStorage

__version__ = version("strands-session-valkey")

__all__ = [
    "ValkeySessionManager",
    "ValkeySessionRepository",
    "ValkeyStorage",
    "SessionConflictError",
    "SessionCopy",
    "SessionCorruptError",
    "SessionNotFoundError",
    "SessionUnavailableError",
    "__version__",
    "copy_session",
]
