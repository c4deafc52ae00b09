"""Group R, first part: a fault at every place of a conversation, one after the other."""

from .cases import Cases


class FaultSweep(Cases):
    """Group R, first part."""
