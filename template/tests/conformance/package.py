"""The one place of the kit that names the package under test."""

from typing import Any

import strands_session_{== slug ==} as package
from strands_session_{== slug ==} import (
    SessionConflictError,
    SessionCorruptError,
    SessionNotFoundError,
    SessionUnavailableError,
    copy_session,
)
from strands_session_{== slug ==}._batch import Batch
from strands_session_{== slug ==}._log_repository import LogRepository

SessionManager = package.{== class_prefix ==}SessionManager
SessionRepository = package.{== class_prefix ==}SessionRepository
Storage: Any = getattr(package, "{== class_prefix ==}Storage", None)
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
