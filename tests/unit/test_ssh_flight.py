"""How much is asked for at once: what the link holds, and little more."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.protocols.ssh.flight import BLOCK, HELD_LEAST, LEAST, MOST, Flight


def carried(rate: float, delay: float, seconds: float) -> tuple[Flight, float]:
    """A link of `rate` bytes a second and a round trip of `delay`, read for so long; and the rate that came out."""
    flight, now, free, asked, came = Flight(), 0.0, 0.0, 0, 0
    flight.readers = 1
    under_way: deque[tuple[float, float]] = deque()
    while now < seconds:
        while asked + BLOCK <= flight.share:
            free = max(free, now + delay) + BLOCK / rate
            under_way.append((now, free))
            asked += BLOCK
        sent, now = under_way.popleft()
        asked -= BLOCK
        came += BLOCK
        flight.answered(BLOCK, now - sent, now)
    return flight, came / now


@pytest.mark.parametrize("delay", [0.0005, 0.01, 0.05, 0.2])
@pytest.mark.parametrize("rate", [1e6, 1e7, 1e8])
def test_the_link_is_filled_and_not_flooded(rate: float, delay: float) -> None:
    """Whatever its rate and its delay, little of the rate is lost, and at most 2.5 times what it holds is under way."""
    flight, reached = carried(rate, delay, 20.0)
    assert reached > 0.9 * min(rate, MOST / delay)
    assert flight.window <= max(2 * LEAST, 2.5 * (rate * (delay + 0.01) + BLOCK))


@given(st.lists(st.tuples(st.integers(1, BLOCK), st.floats(0, 100)), max_size=300), st.integers(0, 100))
def test_the_window_keeps_its_bounds(answers: list[tuple[int, float]], readers: int) -> None:
    """However answers come, and whoever reads; everybody may have a request under way."""
    flight = Flight()
    flight.readers = readers
    for size, waited in answers:
        flight.answered(size, waited, waited)
        assert LEAST <= flight.window <= MOST
        assert BLOCK <= flight.share <= MOST


def test_what_a_rate_needs() -> None:
    """Enough for the round trip, and never nothing, also before the first answer."""
    flight = Flight()
    assert flight.needed(0) == HELD_LEAST
    flight.answered(BLOCK, 0.05, 1.0)
    assert flight.needed(5e6) >= 5e6 * 0.05
