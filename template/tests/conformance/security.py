"""Group R, sixth part: ids that look like commands, records that harm, and what an error may not show."""

from .cases import Cases


class Security(Cases):
    """Group R, sixth part."""
