"""The conformance kit, applied to this backend. What the backend declares is in conftest.py. This file is yours."""

import conformance


class TestLifecycle(conformance.Lifecycle):
    """Group A."""


class TestTurns(conformance.Turns):
    """Group A, with real agents."""


class TestTurnsOfRecords(conformance.TurnsOfRecords):
    """Group A, with real agents."""


class TestContent(conformance.Content):
    """Group B."""


class TestRedaction(conformance.Redaction):
    """Group C."""


class TestRedactionOfRecords(conformance.RedactionOfRecords):
    """Group C, of records."""


class TestState(conformance.State):
    """Group D."""


class TestStateOfRecords(conformance.StateOfRecords):
    """Group D, of records."""


class TestConversationManagers(conformance.ConversationManagers):
    """Group E."""


class TestConversationsOfRecords(conformance.ConversationsOfRecords):
    """Group E, of records."""


class TestMultiAgents(conformance.MultiAgents):
    """Group F."""


class TestGraphs(conformance.Graphs):
    """Group F, with real graphs and swarms."""


class TestOrder(conformance.Order):
    """Group G."""


class TestIdentifiers(conformance.Identifiers):
    """Group H."""


class TestIdentifiersOfAgents(conformance.IdentifiersOfAgents):
    """Group H, with real agents."""


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


class TestRestoreOfRecords(conformance.RestoreOfRecords):
    """Group N, of records."""


class TestEveryAgent(conformance.EveryAgent):
    """Group N."""


class TestInteroperability(conformance.Interoperability):
    """Group N."""


class TestHealing(conformance.Healing):
    """Group N."""


class TestHealingOfRecords(conformance.HealingOfRecords):
    """Group N, of records."""


class TestSurvival(conformance.Survival):
    """Group Q."""


class TestSurvivalOfRecords(conformance.SurvivalOfRecords):
    """Group Q, of records."""


class TestBatches(conformance.Batches):
    """Groups J and Q, at the repository."""


class TestTogether(conformance.Together):
    """Groups J, L and P, where agents save at the same moment."""


class TestConcurrency(conformance.Concurrency):
    """Group J."""


class TestOutages(conformance.Outages):
    """Group K, first part."""


class TestFailures(conformance.Failures):
    """Group K, second part."""


class TestAsynchrony(conformance.Asynchrony):
    """Group L."""


class TestAsynchronyOfRecords(conformance.AsynchronyOfRecords):
    """Group L, of repositories."""


class TestCost(conformance.Cost):
    """Group P."""


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
