"""How many small files at once: tables of stories, and what holds in every story."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlm.policy.crowd import FREE, LONGEST_STREAK, MOST, STREAK, Crowd

HOST = "host:80"


def level(crowd: Crowd, host: str = HOST) -> int:
    """How many of the host may be under way."""
    return next(n for n in range(MOST + 1) if not crowd.room(host, n, n))


def finish(crowd: Crowd, count: int, per_second: float, now: float) -> float:
    """So many small files, one after the other at this speed; the time afterwards."""
    for _ in range(count):
        now += 1 / per_second
        crowd.was_small(HOST, now)
    return now


def opened(ceilings: dict[str, int] | None = None) -> Crowd:
    """One that has just seen enough small files."""
    crowd = Crowd(ceilings)
    finish(crowd, STREAK, 100, 0.0)
    return crowd


def test_nothing_is_taken_for_small_before_some_were() -> None:
    """The first files go the ordinary way; after a streak as many as a host bears freely may begin."""
    crowd = Crowd()
    assert level(crowd) == 0
    finish(crowd, STREAK - 1, 100, 0.0)
    assert level(crowd) == 0
    finish(crowd, 1, 100, 1.0)
    assert level(crowd) == FREE


def test_twice_as_many_stay_where_they_bring_more() -> None:
    """Each round that is a fifth faster than the one before doubles the number, up to the most."""
    crowd, now = opened(), 0.03
    levels = []
    for speed in (800, 1600, 3200, 3200):
        now = finish(crowd, level(crowd) + 1, speed, now)
        levels.append(level(crowd))
    assert levels == [2 * FREE, MOST, MOST, MOST]


def test_twice_as_many_that_bring_nothing_are_given_up_for_good() -> None:
    """A host that serves no faster gets what it had, and is not tried again."""
    crowd = opened()
    now = finish(crowd, FREE + 1, 800, 0.03)
    assert level(crowd) == 2 * FREE
    now = finish(crowd, 2 * FREE + 1, 850, now)
    assert level(crowd) == FREE
    finish(crowd, 500, 5000, now)
    assert level(crowd) == FREE


def test_a_file_that_was_not_small_closes_the_crowd_until_twice_as_many_were() -> None:
    """Guessing wrong costs a request, so it is done ever more rarely."""
    crowd = opened()
    for needed in (2 * STREAK, 4 * STREAK, 8 * STREAK):
        crowd.was_large()
        assert not crowd.open
        finish(crowd, needed - 1, 100, 0.0)
        assert not crowd.open
        finish(crowd, 1, 100, 0.0)
        assert crowd.open


def test_what_is_needed_is_bounded() -> None:
    """However often it was wrong, a long row of small files opens it again."""
    crowd = opened()
    for _ in range(20):
        crowd.was_large()
        finish(crowd, LONGEST_STREAK, 100, 0.0)
        assert crowd.open


def test_a_refusal_halves_what_was_served_for_good() -> None:
    """The host said what it bears; it is not tried again in this run."""
    crowd = opened()
    now = finish(crowd, FREE + 1, 800, 0.03)
    crowd.was_refused(HOST, 12)
    assert level(crowd) == 0
    finish(crowd, 300, 5000, now)
    assert level(crowd) == 6


def test_a_ceiling_that_is_known_is_kept() -> None:
    """What the host refused earlier bounds it from the start."""
    crowd = opened({HOST: 5})
    assert level(crowd) == 5
    finish(crowd, 100, 5000, 0.1)
    assert level(crowd) == 5


def test_hosts_are_judged_each_for_itself_and_all_together_bounded() -> None:
    """One that is slow does not hold back another; together there are never more than the most."""
    crowd = opened()
    now = finish(crowd, FREE + 1, 800, 0.03)
    finish(crowd, 2 * FREE + 1, 100, now)
    assert (level(crowd), level(crowd, "other:80")) == (FREE, FREE)
    assert not crowd.room("other:80", 0, MOST)


@given(st.lists(st.tuples(st.sampled_from(["small", "large", "refused"]), st.floats(0, 10), st.integers(0, 64))))
def test_no_story_opens_more_than_the_most_or_more_than_was_refused(
    story: list[tuple[str, float, int]],
) -> None:
    """Whatever happens, at whatever speed: never above 64, and after a refusal never above half of what was served."""
    crowd, now, bound = Crowd(), 0.0, MOST
    for what, seconds, served in story:
        now += seconds
        if what == "small":
            crowd.was_small(HOST, now)
        elif what == "large":
            crowd.was_large()
        else:
            crowd.was_refused(HOST, served)
            bound = min(bound, max(1, served // 2))
        assert level(crowd) <= bound
