"""Group R, second part: what was acknowledged is there after a kill, of the server or of a writer."""

from .cases import Cases


class KillLedger(Cases):
    """Group R, second part."""
