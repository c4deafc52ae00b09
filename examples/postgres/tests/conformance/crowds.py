"""Group R, third part: many processes that write to one agent, or begin with it, at the same moment."""

from .cases import Cases


class Crowds(Cases):
    """Group R, third part."""
