"""The conformance kit: what every session backend must do, one test a behaviour.

A backend describes itself in tests/conftest.py (`Backend`) and inherits the groups in tests/test_conformance.py. The id
at the beginning of a docstring, such as B5, is that of the behaviour. A case that fails says what to look at.
"""

from . import _rewrite as _rewrite
from .asynchrony import Asynchrony
from .backend import Backend
from .batches import Batches
from .concurrency import Concurrency
from .content import Content
from .conversation import ConversationManagers
from .copying import Copying
from .cost import Cost
from .crowds import Crowds
from .deletion import Deletion
from .expiry import Expiry
from .failures import Failures
from .healing import Healing
from .histories import RandomHistories
from .identifiers import Identifiers
from .kills import KillLedger
from .lifecycle import Lifecycle
from .load import Load
from .multi_agents import MultiAgents
from .order import Order
from .outages import Outages
from .redaction import Redaction
from .restore import ExactRestore
from .restore_agents import EveryAgent, Interoperability
from .security import Security
from .snapshots import Snapshots
from .state import State
from .storage_use import StorageInUse
from .storages import UnifiedStorage
from .survival import Survival
from .sweep import FaultSweep
from .turns import Turns

__all__ = [
    "Asynchrony",
    "Backend",
    "Batches",
    "Concurrency",
    "Content",
    "ConversationManagers",
    "Copying",
    "Cost",
    "Crowds",
    "Deletion",
    "EveryAgent",
    "ExactRestore",
    "Expiry",
    "Failures",
    "FaultSweep",
    "Healing",
    "Identifiers",
    "Interoperability",
    "KillLedger",
    "Lifecycle",
    "Load",
    "MultiAgents",
    "Order",
    "Outages",
    "RandomHistories",
    "Redaction",
    "Security",
    "Snapshots",
    "State",
    "StorageInUse",
    "Survival",
    "Turns",
    "UnifiedStorage",
]
