"""Imported before the groups, so that a failed assert of the kit shows its values as one in a test file does."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite(*(f"{__package__}.{file.stem}" for file in Path(__file__).parent.glob("[a-z]*.py")))
