"""The conformance kit, applied to this session manager. What it declares is in conftest.py. This file is yours."""

import conformance


class TestTurns(conformance.Turns):
    """Group A."""


class TestRedaction(conformance.Redaction):
    """Group C."""


class TestState(conformance.State):
    """Group D."""


class TestConversationManagers(conformance.ConversationManagers):
    """Group E."""


class TestGraphs(conformance.Graphs):
    """Group F."""


class TestIdentifiersOfAgents(conformance.IdentifiersOfAgents):
    """Group H."""


class TestHealing(conformance.Healing):
    """Group K and N: failed saves."""


class TestAsynchrony(conformance.Asynchrony):
    """Group L."""


class TestExactRestore(conformance.ExactRestore):
    """Group N."""


class TestEveryAgent(conformance.EveryAgent):
    """Group N."""


class TestSending(conformance.Sending):
    """Group P."""


class TestSurvival(conformance.Survival):
    """Group Q."""
