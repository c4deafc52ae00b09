"""The conformance kit, applied to this backend. What the backend declares is in conftest.py. This file is yours."""

import conformance


class TestLifecycle(conformance.Lifecycle):
    """Group A."""


class TestTurns(conformance.Turns):
    """Group A, with real agents."""


class TestContent(conformance.Content):
    """Group B."""


class TestRedaction(conformance.Redaction):
    """Group C."""


class TestState(conformance.State):
    """Group D."""


class TestConversationManagers(conformance.ConversationManagers):
    """Group E."""


class TestMultiAgents(conformance.MultiAgents):
    """Group F."""


class TestOrder(conformance.Order):
    """Group G."""


class TestIdentifiers(conformance.Identifiers):
    """Group H."""


class TestDeletion(conformance.Deletion):
    """Group I, first part."""


class TestExpiry(conformance.Expiry):
    """Group I, second part."""


class TestCopying(conformance.Copying):
    """Group M, first part."""


class TestUnifiedStorage(conformance.UnifiedStorage):
    """Group M, second part."""


class TestStorageInUse(conformance.StorageInUse):
    """Group M, third part."""


class TestSnapshots(conformance.Snapshots):
    """Group M, fourth part."""


class TestExactRestore(conformance.ExactRestore):
    """Group N."""


class TestEveryAgent(conformance.EveryAgent):
    """Group N."""


class TestInteroperability(conformance.Interoperability):
    """Group N."""


class TestHealing(conformance.Healing):
    """Group N."""


class TestSurvival(conformance.Survival):
    """Group Q."""


class TestBatches(conformance.Batches):
    """Groups J and Q, at the repository."""


class TestConcurrency(conformance.Concurrency):
    """Group J."""


class TestOutages(conformance.Outages):
    """Group K, first part."""


class TestFailures(conformance.Failures):
    """Group K, second part."""


class TestAsynchrony(conformance.Asynchrony):
    """Group L."""


class TestFaultSweep(conformance.FaultSweep):
    """Group R, first part."""


class TestKillLedger(conformance.KillLedger):
    """Group R, second part."""


class TestCrowds(conformance.Crowds):
    """Group R, third part."""


class TestLoad(conformance.Load):
    """Group R, fourth part."""


class TestRandomHistories(conformance.RandomHistories):
    """Group R, fifth part."""


class TestSecurity(conformance.Security):
    """Group R, sixth part."""
