"""How limits are dealt out among children."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlm.model.queue import Rates
from dlm.workers.dealing import Stream, is_noticeable, portions

HOSTS = st.sampled_from(["a:80", "b:80", "c:80"])
STREAMS = st.lists(
    st.builds(
        Stream,
        st.integers(0, 3),
        st.frozensets(HOSTS, min_size=1, max_size=2),
        st.floats(0, 1e9),
        st.sampled_from([None, "total", "host", "download", "disk"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)
LIMITS = st.integers(1000, 10**9)
RATES = st.builds(Rates, st.none() | LIMITS, st.dictionaries(HOSTS, LIMITS))


def stream(member: int, host: str = "h:80", speed: float = 0.0, limited: str | None = "total") -> Stream:
    """One that has been sampled."""
    return Stream(member, frozenset({host}), speed, limited, known=True)


@given(RATES, STREAMS)
def test_together_they_get_what_there_is_and_no_more(rates: Rates, streams: list[Stream]) -> None:
    """Nothing of a limit is lost or invented, and no child that works under one gets nothing."""
    dealt = portions(rates, streams)
    assert dealt.keys() == {each.member for each in streams}
    totals = [portion.total for portion in dealt.values()]
    if rates.total is None:
        assert set(totals) == {None}
    else:
        assert sum(total or 0 for total in totals) == rates.total
        assert all(totals)
    for host, rate in rates.hosts.items():
        shares = [portion.hosts[host] for portion in dealt.values() if host in portion.hosts]
        if len(dealt) == 1:
            assert shares == [rate]
        elif any(host in each.hosts for each in streams):
            assert sum(shares) == rate
            assert all(shares)


@given(RATES, STREAMS)
def test_every_child_knows_the_limit_of_each_host_that_it_may_fetch_from(rates: Rates, streams: list[Stream]) -> None:
    """No download escapes a limit because its child was not told."""
    dealt = portions(rates, streams)
    for each in streams:
        assert (each.hosts & rates.hosts.keys()) <= dealt[each.member].hosts.keys()


def test_equal_children_get_equal_portions() -> None:
    """Four downloads that are all held back, two a child: half for each."""
    streams = [stream(member, speed=1_250_000) for member in (0, 0, 1, 1)]
    assert portions(Rates(5_000_000), streams) == {0: Rates(2_500_000), 1: Rates(2_500_000)}


def test_portions_follow_the_number_of_downloads() -> None:
    """A child with three downloads gets three times what the child with one gets."""
    dealt = portions(Rates(4_000_000), [stream(member) for member in (0, 1, 1, 1)])
    assert abs((dealt[0].total or 0) - 1_000_000) < 10


def test_what_a_slow_server_leaves_goes_to_those_who_can_use_it() -> None:
    """A download that its server holds back gives up most of its half."""
    dealt = portions(Rates(4_000_000), [stream(0, speed=100_000, limited=None), stream(1)])
    assert (dealt[1].total or 0) > 3_800_000


def test_the_limit_of_a_host_is_no_hunger_for_the_total() -> None:
    """One that its host's limit holds back could not use more of the total."""
    dealt = portions(Rates(4_000_000, {"h:80": 200_000}), [stream(0, speed=200_000, limited="host"), stream(1, "o:80")])
    assert (dealt[1].total or 0) > 3_700_000
    assert dealt[0].hosts == {"h:80": 200_000}
    assert dealt[1].hosts == {}


def test_small_changes_are_not_worth_a_word() -> None:
    """One part in a hundred is; so is a limit that appears or goes."""
    assert not is_noticeable(Rates(1000), Rates(1010))
    assert is_noticeable(Rates(1000), Rates(1011))
    assert is_noticeable(Rates(1000), Rates(989))
    assert is_noticeable(Rates(), Rates(1000))
    assert is_noticeable(Rates(1000, {"a:80": 5}), Rates(1000))
    assert not is_noticeable(Rates(None, {"a:80": 500}), Rates(None, {"a:80": 503}))
