"""The one place of the kit that names the package under test."""

from typing import Any

import strands_session_postgres as package
from strands_session_postgres import (
    SessionConflictError,
    SessionCorruptError,
    SessionNotFoundError,
    SessionUnavailableError,
    copy_session,
)
from strands_session_postgres._batch import Batch
from strands_session_postgres._log_repository import LogRepository

SessionManager = package.PostgresSessionManager
SessionRepository = package.PostgresSessionRepository
Storage: Any = getattr(package, "PostgresStorage", None)
"""None where the package has none, which its backend declares."""

__all__ = [
    "Batch",
    "LogRepository",
    "SessionConflictError",
    "SessionCorruptError",
    "SessionManager",
    "SessionNotFoundError",
    "SessionRepository",
    "SessionUnavailableError",
    "Storage",
    "copy_session",
]
