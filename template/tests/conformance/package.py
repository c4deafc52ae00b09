"""The one place of the kit that names the package under test."""

{%% if starting_point != "lifecycle" %%}
from typing import Any

{%% endif %%}
import strands_session_{== slug ==} as package
from strands_session_{== slug ==} import (
    SessionConflictError,
    SessionCorruptError,
    SessionNotFoundError,
    SessionUnavailableError,
{%% if starting_point != "lifecycle" %%}
    copy_session,
{%% endif %%}
)
{%% if starting_point != "lifecycle" %%}
from strands_session_{== slug ==}._batch import Batch
from strands_session_{== slug ==}._log_repository import LogRepository
{%% endif %%}

SessionManager = package.{== class_prefix ==}SessionManager
{%% if starting_point != "lifecycle" %%}
SessionRepository = package.{== class_prefix ==}SessionRepository
Storage: Any = getattr(package, "{== class_prefix ==}Storage", None)
"""None where the package has none, which its backend declares."""
{%% endif %%}

__all__ = [
{%% if starting_point != "lifecycle" %%}
    "Batch",
    "LogRepository",
{%% endif %%}
    "SessionConflictError",
    "SessionCorruptError",
    "SessionManager",
    "SessionNotFoundError",
{%% if starting_point != "lifecycle" %%}
    "SessionRepository",
{%% endif %%}
    "SessionUnavailableError",
{%% if starting_point != "lifecycle" %%}
    "Storage",
    "copy_session",
{%% endif %%}
]
