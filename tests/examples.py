"""How many examples a property is tried with."""

from __future__ import annotations

from hypothesis import settings

_USUAL = 100
"""What Hypothesis has by default."""


def examples(count: int) -> int:
    """`count`; and where the profile asks for more than the usual, as `thorough` does, as many times more."""
    return count * settings.get_profile(settings.get_current_profile_name()).max_examples // _USUAL
