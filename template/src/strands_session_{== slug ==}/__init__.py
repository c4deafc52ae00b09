# Shared: `copier update` merges what the template changes here into what you changed.
"""Sessions of Strands Agents in {== backend ==}."""

from importlib.metadata import version

from ._copy import SessionCopy, copy_session
from .errors import SessionConflictError, SessionCorruptError, SessionNotFoundError, SessionUnavailableError
from .repository import {== class_prefix ==}SessionRepository
from .session_manager import {== class_prefix ==}SessionManager
from .storage import {== class_prefix ==}Storage

__version__ = version("strands-session-{== slug | replace('_', '-') ==}")

__all__ = [
    "{== class_prefix ==}SessionManager",
    "{== class_prefix ==}SessionRepository",
    "{== class_prefix ==}Storage",
    "SessionConflictError",
    "SessionCopy",
    "SessionCorruptError",
    "SessionNotFoundError",
    "SessionUnavailableError",
    "__version__",
    "copy_session",
]
