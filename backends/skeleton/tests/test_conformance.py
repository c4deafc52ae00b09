"""The conformance kit, applied to this backend. What the backend declares is in conftest.py."""

import conformance


class TestLifecycle(conformance.Lifecycle):
    """Group A."""


class TestContent(conformance.Content):
    """Group B."""


class TestOrder(conformance.Order):
    """Group G."""


class TestIdentifiers(conformance.Identifiers):
    """Group H."""


class TestDeletion(conformance.Deletion):
    """Group I."""
