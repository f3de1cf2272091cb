"""The tests of this folder look at the pictures of a run."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def quick_pictures() -> None:
    """Draw every picture, unlike the other tests of training."""
