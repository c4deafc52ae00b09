"""Group R, fifth part: whatever is done in whatever order, the store holds what a model of it holds."""

from .cases import Cases


class RandomHistories(Cases):
    """Group R, fifth part."""
