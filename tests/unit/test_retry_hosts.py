"""What is remembered of a host: how many connections it bears, and until when it wants to be left in peace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.address import host_of
from dlm.policy.host import LONGEST_PEACE, VALID, busy_until, connections_for, remembered_ceiling

NOW = 1_000_000.0


def test_a_host_is_known_by_name_and_port() -> None:
    """Schemes bring their own port."""
    assert host_of("https://Example.org/x") == "example.org:443"
    assert host_of("http://example.org:8080/x") == "example.org:8080"


def test_what_a_host_tolerated_counts_less_with_time() -> None:
    """Fresh, it is kept; later more is tried; in the end it is forgotten."""
    assert remembered_ceiling(4, 0.0, 10.0) == 4
    assert remembered_ceiling(4, 0.0, VALID / 2) == 6
    assert remembered_ceiling(4, 0.0, VALID) is None
    assert remembered_ceiling(4, 100.0, 0.0) is None


def test_where_no_limit_was_met_none_is_remembered() -> None:
    """A host that was known before, but never pushed to a limit, has no ceiling."""
    assert remembered_ceiling(None, NOW, NOW) is None


@pytest.mark.parametrize(
    ("wanted", "remembered", "sharing", "allowed"),
    [
        (16, None, 1, 16),  # nothing is known
        (16, None, 9, 16),
        (16, 4, 1, 4),
        (16, 4, 2, 2),  # two share what it bears
        (16, 5, 2, 2),  # and never have more than that together
        (16, 4, 3, 1),
        (16, 4, 9, 1),  # everybody gets one
        (2, 8, 2, 2),  # nobody gets more than asked for
        (16, 4, 0, 4),
    ],
)
def test_downloads_of_one_host_share_what_it_bears(wanted: int, remembered: int | None, sharing: int, allowed: int) -> None:
    """What the host tolerates is for all its downloads together."""
    assert connections_for(wanted, remembered, sharing) == allowed


@given(wanted=st.integers(1, 256), remembered=st.integers(1, 256), sharing=st.integers(1, 64))
def test_together_they_stay_within_it(wanted: int, remembered: int, sharing: int) -> None:
    """Unless there are more downloads than connections, of which each has one."""
    each = connections_for(wanted, remembered, sharing)
    assert 1 <= each <= wanted
    assert each * sharing <= max(remembered, sharing)


@pytest.mark.parametrize(
    ("known", "retry_after", "until"),
    [
        (None, None, None),
        (None, 0.0, None),
        (None, 30.0, 30.0),
        (60.0, 30.0, 60.0),  # the longest wins
        (20.0, 30.0, 30.0),
        (20.0, None, 20.0),
        (-5.0, None, None),  # that time is over
        (0.0, None, None),
        (None, 9e9, LONGEST_PEACE),
        (9e9, None, LONGEST_PEACE),  # the clock was set back
    ],
)
def test_a_host_is_left_in_peace_for_as_long_as_it_asks(
    known: float | None, retry_after: float | None, until: float | None
) -> None:
    """Of several wishes the longest counts, six hours at most. Known and expected times are relative to now."""
    expected = None if until is None else NOW + until
    assert busy_until(None if known is None else NOW + known, retry_after, NOW) == expected
