"""Group R, fourth part: many agents at once, in one event loop and in several processes."""

from .cases import Cases


class Load(Cases):
    """Group R, fourth part."""
