"""The one place of the kit that names the package under test."""

from typing import Any

import strands_session_valkey as package
from strands_session_valkey import (
    SessionConflictError,
    SessionCorruptError,
    SessionNotFoundError,
    SessionUnavailableError,
    copy_session,
)
from strands_session_valkey._batch import Batch
from strands_session_valkey._log_repository import LogRepository

SessionManager = package.ValkeySessionManager
SessionRepository = package.ValkeySessionRepository
Storage: Any = getattr(package, "ValkeyStorage", None)
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
