"""The one place of the kit that names the package under test."""

import strands_session_{== slug ==} as package
from strands_session_{== slug ==} import (
    SessionConflictError,
    SessionCorruptError,
    SessionNotFoundError,
    SessionUnavailableError,
    copy_session,
)
from strands_session_{== slug ==}._batch import Batch, LogRepository

SessionManager = package.{== class_prefix ==}SessionManager
SessionRepository = package.{== class_prefix ==}SessionRepository

__all__ = [
    "Batch",
    "LogRepository",
    "SessionConflictError",
    "SessionCorruptError",
    "SessionManager",
    "SessionNotFoundError",
    "SessionRepository",
    "SessionUnavailableError",
    "copy_session",
]
