"""The conformance kit: what every session backend must do, one test a behaviour.

A backend describes itself in tests/conftest.py (`Backend`) and inherits the groups in tests/test_conformance.py. The id
at the beginning of a docstring, such as B5, is that of the behaviour. A case that fails says what to look at.
"""

from . import _rewrite as _rewrite
from .asynchrony import Asynchrony
from .asynchrony_of_records import AsynchronyOfRecords
from .backend import Backend
from .batches import Batches
from .concurrency import Concurrency
from .content import Content
from .conversation import ConversationManagers
from .conversation_of_records import ConversationsOfRecords
from .copying import Copying
from .cost import Cost
from .crowds import Crowds
from .deletion import Deletion
from .expiry import Expiry
from .failures import Failures
from .graphs import Graphs
from .healing import Healing
from .healing_of_records import HealingOfRecords
from .histories import RandomHistories
from .identifiers import Identifiers
from .identifiers_of_agents import IdentifiersOfAgents
from .interoperability import Interoperability
from .kills import KillLedger
from .lifecycle import Lifecycle
from .load import Load
from .multi_agents import MultiAgents
from .order import Order
from .outages import Outages
from .redaction import Redaction
from .redaction_of_records import RedactionOfRecords
from .restore import ExactRestore
from .restore_agents import EveryAgent
from .restore_of_records import RestoreOfRecords
from .security import Security
from .snapshots import Snapshots
from .state import State
from .state_of_records import StateOfRecords
from .storage_use import StorageInUse
from .storages import UnifiedStorage
from .survival import Survival
from .survival_of_records import SurvivalOfRecords
from .sweep import FaultSweep
from .together import Together
from .turns import Turns
from .turns_of_records import TurnsOfRecords

__all__ = [
    "Asynchrony",
    "AsynchronyOfRecords",
    "Backend",
    "Batches",
    "Concurrency",
    "Content",
    "ConversationManagers",
    "ConversationsOfRecords",
    "Copying",
    "Cost",
    "Crowds",
    "Deletion",
    "EveryAgent",
    "ExactRestore",
    "Expiry",
    "Failures",
    "FaultSweep",
    "Graphs",
    "Healing",
    "HealingOfRecords",
    "Identifiers",
    "IdentifiersOfAgents",
    "Interoperability",
    "KillLedger",
    "Lifecycle",
    "Load",
    "MultiAgents",
    "Order",
    "Outages",
    "RandomHistories",
    "Redaction",
    "RedactionOfRecords",
    "RestoreOfRecords",
    "Security",
    "Snapshots",
    "State",
    "StateOfRecords",
    "StorageInUse",
    "Survival",
    "SurvivalOfRecords",
    "Together",
    "Turns",
    "TurnsOfRecords",
    "UnifiedStorage",
]
